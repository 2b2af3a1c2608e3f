"""Draws motion under the waveform that it belongs to, for a quick look at whether a head moves naturally.

    python tools/sheets/plot_takes.py --audio speech.wav --takes 3 --out takes.png
    python tools/sheets/plot_takes.py --audio speech.wav --portrait astronaut --out takes.jpg   # and strips of frames
    python tools/sheets/plot_takes.py --audio speech.wav --motion job/take-00*/motion.npz

The first two commands sample the shipped lip model and prior; the third draws existing takes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from core.head.head_model import HeadModel  # noqa: E402
from core.motion.channels import CHANNELS, FPS, LIP_COLUMNS, NONLIP_CHANNELS, NONLIP_COLUMNS  # noqa: E402
from core.motion.motion import Motion  # noqa: E402
from core.portrait.portrait import Portrait  # noqa: E402
from core.prior.features import features_from_channels  # noqa: E402
from core.prior.model import NonlipPrior  # noqa: E402
from core.prior.sampling import Sampling  # noqa: E402
from core.renderer import Renderer  # noqa: E402
from core.sound.audio import Audio, load_audio  # noqa: E402
from core.sound.lips import LipModel  # noqa: E402
from core.sound.mel import SAMPLE_RATE, log_mel  # noqa: E402
from core.sound.whisper.front_end import whisper_mel  # noqa: E402
from tools.sheets.contact_sheet import load_portraits  # noqa: E402

STRIP_SIDE = 160
"""Side of a frame in a strip (pixels), before the strip is scaled to the figure."""
_ROWS = (
    ("pitch °", ("headPitch",)),
    ("yaw °", ("headYaw",)),
    ("roll °", ("headRoll",)),
    ("x, y, z cm", ("headX", "headY", "headZ")),
    ("eyes out_L − in_L", ("eyeLookOut_L", "eyeLookIn_L")),
    ("eyes down − up", ("eyeLookDown_L", "eyeLookUp_L")),
    ("blink", ("eyeBlink_L",)),
    ("brow up", ("browInnerUp_L", "browOuterUp_L")),
    ("brow down", ("browDown_L",)),
)


def _curve(channels: np.ndarray, names: tuple[str, ...]) -> list[np.ndarray]:
    columns = [channels[:, NONLIP_CHANNELS.index(name)] for name in names]
    if names[0].startswith("eyeLook"):
        return [columns[0] - columns[1]]
    return [np.rad2deg(columns[0])] if names[0] in ("headPitch", "headYaw", "headRoll") else columns


def sample(audio: Audio, seeds: list[int], scale: float | None, steps: int | None) -> dict[str, Motion]:
    """Name -> take: one take by the shipped models for each seed."""
    mel = log_mel(audio.samples, audio.frames)
    channels = np.zeros((audio.frames, len(CHANNELS)), np.float32)
    channels[:, LIP_COLUMNS] = LipModel.load().hear_and_predict(
        whisper_mel(audio.samples, audio.frames), audio.presence
    )
    takes = {}
    sampling = Sampling(guidance_scale=scale, num_inference_steps=steps)
    for seed, nonlip in zip(seeds, NonlipPrior.load().sample(mel, seeds, sampling), strict=True):
        channels[:, NONLIP_COLUMNS] = nonlip
        takes[f"seed {seed}"] = Motion.from_channels(channels, FPS)
    return takes


def strip(portrait: Portrait, motion: Motion, count: int) -> np.ndarray:
    """(side, count · side, 3): ``count`` frames side by side, each from the middle of an equal part of the take."""
    renderer = Renderer(HeadModel.load(), portrait, STRIP_SIDE, framing="crop")
    places = ((np.arange(count) + 0.5) * len(motion) / count).astype(int)
    shown = Motion.from_table(motion.table()[places], motion.fps)
    return np.concatenate(list(renderer.render(shown)), axis=1)


def plot(samples: np.ndarray, takes: dict[str, Motion], out: Path, strips: dict[str, np.ndarray]) -> None:
    """Write a picture of ``takes`` under the waveform (16 kHz), and of the ``strips`` of frames between the two."""
    seconds = max(motion.seconds for motion in takes.values())
    wide = 15.2 / 1.3  # width of the figure without its labels, in heights of a row
    heights = [1.0, *(wide * s.shape[0] / s.shape[1] for s in strips.values()), *(1.0 for _ in _ROWS)]
    figure, axes = plt.subplots(
        len(heights), 1, figsize=(16, 1.3 * sum(heights)), sharex=True, height_ratios=heights, layout="constrained"
    )
    axes[0].plot(np.arange(len(samples)) / SAMPLE_RATE, samples, linewidth=0.3, color="black")
    for axis, (name, pictures) in zip(axes[1:], strips.items(), strict=False):
        axis.imshow(pictures, extent=(0, seconds, 0, 1), aspect="auto")
        axis.set_ylabel(name, color=f"C{list(takes).index(name)}")
        axis.set_yticks([])
    curves = axes[1 + len(strips) :]
    for axis, (label, names) in zip(curves, _ROWS, strict=True):
        axis.set_ylabel(label)
        for k, motion in enumerate(takes.values()):
            for j, curve in enumerate(_curve(motion.channels()[:, NONLIP_COLUMNS], names)):
                axis.plot(np.arange(len(curve)) / FPS, curve, color=f"C{k}", linewidth=1, linestyle=("-", "--", ":")[j])
    curves[0].legend(list(takes), loc="upper right", fontsize=7)
    axes[-1].set_xlabel("seconds")
    axes[-1].set_xlim(0, seconds)
    figure.align_ylabels()
    figure.savefig(out, dpi=70)
    plt.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True, help="Sound file with the speech.")
    parser.add_argument("--motion", type=Path, nargs="*", default=[], help="Files of motions (motion.npz) to draw.")
    parser.add_argument("--takes", type=int, default=3, help="Number of takes. Default: 3.")
    parser.add_argument("--portrait", help='Photograph for a strip of frames of each take, or "astronaut".')
    parser.add_argument("--frames", type=int, default=12, help="Number of frames in a strip.")
    parser.add_argument("--seed", type=int, default=1, help="Seed of the first take. Default: 1.")
    parser.add_argument("--steps", type=int, help="Sampler steps. Default: those of the product.")
    parser.add_argument(
        "--guidance-scale", type=float, help="How closely the head follows the voice. Default: that of the product."
    )
    parser.add_argument("--start", type=float, default=0.0, help="Seconds of the sound to skip. Default: 0.")
    parser.add_argument("--duration", type=float, help="Seconds of the sound to use. Default: all of it.")
    parser.add_argument("--out", type=Path, default=Path("takes.png"), help="File for the plot. Default: takes.png.")
    options = parser.parse_args()
    audio = load_audio(options.audio, options.start, options.duration)
    if options.motion:
        takes = {path.parent.name: Motion.load(path) for path in options.motion}
    else:
        seeds = [options.seed + i for i in range(options.takes)]
        takes = sample(audio, seeds, options.guidance_scale, options.steps)
    strips = {}
    if options.portrait:
        ((_, portrait),) = load_portraits([options.portrait])
        strips = {name: strip(portrait, motion, options.frames) for name, motion in takes.items()}
    plot(audio.samples, takes, options.out, strips)
    for name, motion in takes.items():
        head = np.rad2deg(features_from_channels(motion.channels()[:, NONLIP_COLUMNS])[:, :3])
        print(f"{name}: head deviation {head.std(axis=0).round(2)}°, range {np.ptp(head, axis=0).round(1)}°")
    print(options.out)


if __name__ == "__main__":
    main()
