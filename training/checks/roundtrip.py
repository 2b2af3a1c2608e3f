"""Measure motion → frames → extracted motion: ``python -m training.checks.roundtrip [--portraits FILE …] [--network]``.

Renders held-out GRID speech with real head motion of the White House addresses on portraits. Then it reads the curves
back with ``core.readback.extract`` and prints errors of the pose and correlations of the curves for each portrait.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core.errors import BadInputError
from core.face.landmark_model import LandmarkModel
from core.head.camera import gaps
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait
from core.readback.extract import extract
from core.renderer.renderer import Renderer
from core.takes.extraction import frame_to_image

from ..common.folders import PORTRAITS, TRACKS, data_folder
from ..common.results_page import Table, add_results_option, number, show
from ..common.splits import portrait_split, split
from ..reconstruction.extract import extract_by_network


@dataclass(frozen=True)
class RoundTrip:
    """Results of one portrait: mean and largest error of the pose over frames, degrees, and correlations of curves."""

    pose_mean: float
    pose_largest: float
    opening: float
    blink: float
    gaze: float


def speech_motion(seed: int, frames: int = 75, largest: float = 12.0) -> Motion:
    """Mouth and brows of a held-out GRID clip, and a piece of real head motion, scaled down if it turns by more than
    ``largest`` degrees. The eyes jump from side to side and blink once, because GRID's talkers hardly look around.
    """
    generator = np.random.default_rng(seed)
    clips = [path for path in sorted((TRACKS / "grid").glob("*.npz")) if split(path.stem) != "train"]
    with np.load(clips[generator.integers(len(clips))], allow_pickle=False) as clip:
        expression = clip["expression"][:frames]
    heads = sorted((TRACKS / "obama").glob("*.npz"))
    with np.load(heads[generator.integers(len(heads))], allow_pickle=False) as head:
        start = int(generator.integers(len(head["rotation"]) - frames))
        rotation = head["rotation"][start : start + len(expression)]
    expression = np.array(expression)
    time = np.arange(len(expression)) / 25
    look = 0.5 * np.sign(np.sin(2 * np.pi * time / 1.6 + seed))  # side to side every 0.8 s
    for side, sign in (("L", 1), ("R", -1)):
        expression[:, EXPRESSIONS.index(f"eyeLookOut_{side}")] = np.clip(sign * look, 0, 1)
        expression[:, EXPRESSIONS.index(f"eyeLookIn_{side}")] = np.clip(-sign * look, 0, 1)
        expression[:, EXPRESSIONS.index(f"eyeBlink_{side}")] = np.exp(-(((time - 1.3) / 0.08) ** 2))
    rotation = rotation - rotation.mean(0)
    rotation = rotation * min(1.0, np.radians(largest) / np.abs(rotation).max())
    return Motion(expression, rotation, np.zeros_like(rotation))


def lip_gap(model: LandmarkModel, expression: np.ndarray) -> np.ndarray:
    """(T,) height of the mouth's opening on the mean head, centimetres, for weights (T, 53)."""
    positions = model.positions(torch.zeros(model.identity.shape[0]), torch.tensor(expression))
    return gaps(positions[..., 1:2], model.lip_pairs).numpy()


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation; NaN if a curve is constant."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-4 and b.std() > 1e-4 else float("nan")


def round_trip(
    head: HeadModel, portrait: Portrait, motion: Motion, size: int = 256, by_network: bool = False
) -> tuple[RoundTrip, Motion]:
    """Render ``motion`` on ``portrait`` at ``size``, extract it again by face mesh or by the network R, and compare."""
    renderer = Renderer(head, portrait, size=size, framing="crop")
    read = extract_by_network if by_network else extract
    found = read(renderer.render(motion), portrait, *frame_to_image(renderer.framing))
    model = LandmarkModel.face_mesh(head)
    error = np.degrees(np.abs(found.rotation - motion.rotation))

    def summed(names: tuple[str, ...], signs: tuple[int, ...], m: Motion) -> np.ndarray:
        weights = m.expression[:, [EXPRESSIONS.index(name) for name in names]]
        return weights @ np.array(signs)

    blink = ("eyeBlink_L", "eyeBlink_R"), (1, 1)
    gaze = ("eyeLookOut_L", "eyeLookIn_L", "eyeLookIn_R", "eyeLookOut_R"), (1, -1, 1, -1)
    result = RoundTrip(
        pose_mean=float(error.mean()),
        pose_largest=float(error.max()),
        opening=correlation(lip_gap(model, motion.expression), lip_gap(model, found.expression)),
        blink=correlation(summed(*blink, motion), summed(*blink, found)),
        gaze=correlation(summed(*gaze, motion), summed(*gaze, found)),
    )
    return result, found


def table(results: list[RoundTrip], size: int, by_network: bool) -> Table:
    """Median and worst result over the portraits."""
    quantities = (
        ("head rotation, mean error, degrees", "pose_mean", max),
        ("head rotation, largest error of any frame and axis, degrees", "pose_largest", max),
        ("mouth opening, correlation", "opening", min),
        ("blinks, correlation", "blink", min),
        ("gaze to the sides, correlation", "gaze", min),
    )
    rows = []
    for label, name, worst in quantities:
        values = [getattr(result, name) for result in results]
        rows.append((label, number(float(np.nanmedian(values))), number(worst(values))))
    note = (
        f"{len(results)} portraits at {size}². The motion is mouth and brows of held-out GRID clips, pieces of real "
        "head motion up to 12°, and eyes that jump by half their range and blink."
    )
    name, title, command = "roundtrip", "Motion → frames → extracted motion", "python -m training.checks.roundtrip"
    if by_network:
        name, title, command = f"{name}-network", f"{title}, by R only", f"{command} --network"
    return Table(name, title, command, ("what", "median", "worst portrait"), tuple(rows), (note,))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument(
        "--portraits",
        type=Path,
        nargs="*",
        help="pictures; default: every 34th of the corpus (with --network: every 5th held-out one)",
    )
    parser.add_argument("--network", action="store_true", help="extract by the network R, without mediapipe")
    add_results_option(parser)
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    torch.set_num_threads(1)
    head = HeadModel.load()
    results: list[RoundTrip] = []
    pictures = sorted((options.data / "portraits").glob("*.jpg"))
    chosen = (
        [path for path in pictures if portrait_split(path.stem) == "test"][::5] if options.network else pictures[::34]
    )
    for seed, path in enumerate(options.portraits or chosen):
        try:
            portrait = load_portrait(path, PORTRAITS)
        except BadInputError as error:
            print(f"{path.name}: {error}")
            continue
        result, _ = round_trip(head, portrait, speech_motion(seed), options.size, options.network)
        results.append(result)
        print(
            f"{path.name}: pose off by {result.pose_mean:.2f}° (largest {result.pose_largest:.2f}°), correlation of "
            f"opening {result.opening:.3f}, blink {result.blink:.3f}, gaze {result.gaze:.3f}",
            flush=True,
        )
    show(table(results, options.size, options.network), options.results)


if __name__ == "__main__":
    main()
