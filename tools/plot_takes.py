"""Draw motion over the waveform it belongs to: a quick look at whether a head is alive.

    python tools/plot_takes.py --audio speech.wav --takes 3 --out takes.png
    python tools/plot_takes.py --audio speech.wav --motion job/take-00*/motion.npz

The first form samples the shipped prior, the second draws takes that exist.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.audio import load_audio
from core.channels import CHANNELS, FPS, NONLIP_CHANNELS
from core.mel import SAMPLE_RATE, log_mel
from core.motion import Motion
from core.prior.features import features_from_channels
from core.prior.model import NonlipPrior

_NONLIP = [CHANNELS.index(name) for name in NONLIP_CHANNELS]
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


def plot(samples: np.ndarray, takes: dict[str, np.ndarray], out: Path) -> None:
    """Write a picture of ``takes`` (name → (T, 32) non-lip channels) under the waveform (16 kHz)."""
    figure, axes = plt.subplots(len(_ROWS) + 1, 1, figsize=(16, 1.5 * (len(_ROWS) + 1)), sharex=True)
    axes[0].plot(np.arange(len(samples)) / SAMPLE_RATE, samples, linewidth=0.3, color="black")
    for axis, (label, names) in zip(axes[1:], _ROWS, strict=True):
        axis.set_ylabel(label)
        for k, channels in enumerate(takes.values()):
            for j, curve in enumerate(_curve(channels, names)):
                axis.plot(np.arange(len(curve)) / FPS, curve, color=f"C{k}", linewidth=1, linestyle=("-", "--", ":")[j])
    axes[1].legend(list(takes), loc="upper right", fontsize=7)
    axes[-1].set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(out, dpi=70)
    plt.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True)
    parser.add_argument("--motion", type=Path, nargs="*", default=[], help="motion.npz files to draw")
    parser.add_argument("--takes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance-scale", type=float)
    parser.add_argument("--start", type=float, default=0.0)
    parser.add_argument("--duration", type=float)
    parser.add_argument("--out", type=Path, default=Path("takes.png"))
    options = parser.parse_args()
    audio = load_audio(options.audio, options.start, options.duration)
    if options.motion:
        takes = {path.parent.name: Motion.load(path).channels()[:, _NONLIP] for path in options.motion}
    else:
        seeds = [options.seed + i for i in range(options.takes)]
        motions = NonlipPrior.load().sample(
            log_mel(audio.samples, audio.frames), seeds, options.guidance_scale, options.steps
        )
        takes = {f"seed {seed}": motion for seed, motion in zip(seeds, motions, strict=True)}
    plot(audio.samples, takes, options.out)
    for name, channels in takes.items():
        head = np.rad2deg(features_from_channels(channels)[:, :3])
        print(f"{name}: head deviation {head.std(axis=0).round(2)}°, range {np.ptp(head, axis=0).round(1)}°")
    print(options.out)


if __name__ == "__main__":
    main()
