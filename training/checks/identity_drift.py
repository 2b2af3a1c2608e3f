"""Measure how constant a person's identity is in rendered frames: ``python -m training.checks.identity_drift``.

The face mesh finds the landmarks of the frames, and the head model's identity is fitted to each second of them, as for
a portrait. Distances are root mean squares over coefficients. For comparison the command also measures the distance
between different people, and the drift of real video, which is the noise of the fit. A still picture is fitted as a
second of still video, because the prior of the fit counts less with more frames.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import SoliloquyError
from core.face.face_mesh import FaceMesh
from core.head.head_model import HeadModel
from core.motion.motion import Motion
from core.portrait.fit import face_fitter
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from core.renderer.generator.refine import Painter

from ..common.folders import PORTRAITS, RUNS, data_folder
from ..common.results_page import Table, add_results_option, interval, number, show
from ..common.splits import portrait_split
from ..corpus.pairs.films import films
from ..tracking import video
from .roundtrip import speech_motion

WINDOW = 25
"""Frames that are fitted together: one second."""


@dataclass(frozen=True)
class Drift:
    """How a person's identity coefficients change over a take.

    Attributes
    ----------
    from_portrait
        Mean distance of the windows' identities from the portrait's identity.
    drift
        Distance between the first and the last window.
    spread
        Mean distance of the windows from their mean; it includes the noise of the fit.
    """

    from_portrait: float
    drift: float
    spread: float


def window_identities(frames: Iterable[np.ndarray], window: int = WINDOW) -> Tensor:
    """(W, I) identities fitted to each full window of frames (H, W, 3) uint8.

    Raises SoliloquyError ``drift_no_face`` if a window shows no face in most of its frames, and ``drift_too_short`` if
    there is no full window.
    """
    fitter = face_fitter()
    found, identities, count = [], [], 0
    with FaceMesh(video=True) as mesh:
        for frame in frames:
            (height, width), count = frame.shape[:2], count + 1
            faces = mesh.detect(frame)
            if faces:
                found.append(faces[0][:, :2])
            if count % window == 0:
                if len(found) < window / 2:
                    raise SoliloquyError(
                        "drift_no_face", f"No face around frame {count - window}.", "Look at the rendered frames."
                    )
                points = torch.from_numpy(np.stack(found[::3]))
                identities.append(fitter.fit_identity(points, (width, height)).identity)
                found = []
    if not identities:
        raise SoliloquyError("drift_too_short", f"There are only {count} frames.", f"Give at least {window}.")
    return torch.stack(identities)


def still_identity(picture: np.ndarray) -> Tensor:
    """(I,) identity of a still picture (H, W, 3) uint8, fitted as a window of equal frames."""
    return window_identities([picture] * WINDOW)[0]


def distance(a: Tensor, b: Tensor) -> Tensor:
    """(...,) root mean square difference of identities (..., I)."""
    return (a - b).square().mean(-1).sqrt()


def drift_of(identities: Tensor, portrait: Tensor) -> Drift:
    """The drift of windows' identities (W, I) relative to the portrait's identity (I,)."""
    return Drift(
        from_portrait=float(distance(identities, portrait).mean()),
        drift=float(distance(identities[0], identities[-1])),
        spread=float(distance(identities, identities.mean(0)).mean()),
    )


def take(seeds: Sequence[int]) -> Motion:
    """Held-out speech with real head motion, three seconds for each seed."""
    parts = [speech_motion(seed) for seed in seeds]
    series = (np.concatenate([getattr(part, name) for part in parts]) for name in ("expression", "rotation"))
    expression, rotation = series
    return Motion(expression, rotation, np.zeros_like(rotation))


def rendered_drift(
    head: HeadModel, portrait: Portrait, motion: Motion, painter: Painter | None
) -> tuple[Drift, Tensor]:
    """Drift of a take rendered with or without G, relative to the identity fitted to the portrait's square; and that
    identity."""
    renderer = Renderer(head, portrait, 256, framing="crop", painter=painter)
    own = still_identity(renderer.framing.crop)
    return drift_of(window_identities(renderer.render(motion)), own), own


def measure(data: Path, count: int, seconds: int, painter: Painter | None) -> dict[str, list[dict[str, float]]]:
    """Drifts of ``count`` held-out portraits for each renderer, and of ``count`` held-out clips of real video."""
    head = HeadModel.load()
    motion = take(range(max(1, seconds // 3)))
    files = [f for f in sorted((data / "portraits").glob("*.jpg")) if portrait_split(f.stem) == "test"]
    renderers = {"warp": None} | ({"G": painter} if painter else {})
    found: dict[str, list[dict[str, float]]] = {name: [] for name in (*renderers, "real video")}
    people = []
    for path in files[:: max(1, len(files) // count)][:count]:
        portrait = load_portrait(path, PORTRAITS)
        for name, networks in renderers.items():
            drift, own = rendered_drift(head, portrait, motion, networks)
            found[name].append(asdict(drift))
        people.append(own)
        print(path.stem, {name: series[-1] for name, series in found.items() if series}, flush=True)
    for film in films(data, "test")["s1"][:count]:
        frames = list(video.frames(film.path))
        own = still_identity(frames[0])
        found["real video"].append(asdict(drift_of(window_identities(frames), own)))
    found["between people"] = [{"distance": float(distance(a, b))} for a, b in combinations(people, 2)]
    return found


def table(found: dict[str, list[dict[str, float]]], command: str) -> Table:
    """The measured drifts as a table."""
    rows = []
    for name, drifts in found.items():
        if name == "between people":
            continue
        columns = [interval([d[key] for d in drifts]) for key in ("from_portrait", "drift", "spread")]
        rows.append((f"{name} ({len(drifts)})", *columns))
    apart = [d["distance"] for d in found["between people"]]
    note = f"Different people are {number(float(np.mean(apart)), 2)} apart (mean; least {number(min(apart), 2)})."
    headings = ("takes", "from the portrait's own", "first to last second", "spread over seconds")
    return Table("identity", "Identity over a take", command, headings, tuple(rows), (note,))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--count", type=int, default=4, help="number of portraits")
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--out", type=Path, default=RUNS / "image_metrics")
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(options.data, options.count, options.seconds, Painter.shipped())
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "identity.json").write_text(json.dumps(found, indent=1))
    show(table(found, "python -m training.checks.identity_drift"), options.results)


if __name__ == "__main__":
    main()
