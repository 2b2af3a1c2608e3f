"""How late the sound of each filmed recording is: ``python -m training.lips.sound_offsets``.

A film's sound may be late against its pictures. A network that learns from such a film moves its lips at the wrong
time, and one that is measured on it looks wrong. So the opening of the filmed mouth is compared with the opening that
the lip model predicts from the sound, shifted by −0.3 to 0.3 s in steps of 10 ms. The correlations of all clips of a
recording are averaged, and the shift with the highest mean is its offset.

A clip that is used for measuring must not choose its own offset. So its offset is that of the other clips of its
recording. Such a clip of a few seconds says little, and films of one corpus came the same way to us. So the mean of the
other recordings counts as one more clip.

GRID's films are what the lip model was trained on, so their offset is 0; they are printed as a check. For the others
``.cache/tracks/<corpus>/sound_offsets.json`` holds the offset of each clip, in seconds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.files import write_bytes
from core.head.head_model import HeadModel
from core.motion.channels import FPS
from core.sound.audio import load_audio
from core.sound.lips import LipModel
from core.sound.whisper.front_end import whisper_mel

from ..common.folders import TRACKS
from .mouth_geometry import MouthGeometry

INDEX = "sound_offsets.json"
LATENESS = np.arange(-30, 31) / 100.0
"""Offsets that are tried, in seconds."""
SAME_RECORDING = (("president_04", "president_08"), ("president_06", "president_07"))
"""Sentences of one address: same room, clothes and framing. Each of the others is alone."""


def lateness(track: Path) -> float:
    """Seconds by which the sound of a tracked clip is late, from the index beside it; 0 where none is known."""
    index = track.parent / INDEX
    return float(json.loads(index.read_text()).get(track.stem, 0.0)) if index.exists() else 0.0


def in_time_of_sound(values: np.ndarray, track: Path) -> np.ndarray:
    """Values (T, …) of the frames of a tracked clip, moved by whole frames to the time at which their sound is heard.

    At the ends the first or the last value stays.
    """
    places = np.arange(len(values)) - round(FPS * lateness(track))
    return values[np.clip(places, 0, len(values) - 1)]


def likeness(filmed: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Correlation of two curves (T,) for each of :data:`LATENESS`: filmed at t, predicted at t + lateness."""
    times = np.arange(len(filmed)) / FPS
    out = np.empty(len(LATENESS))
    for index, late in enumerate(LATENESS):
        there = (times + late >= 0) & (times + late <= times[-1])
        heard = np.interp(times[there] + late, times, predicted)
        out[index] = np.corrcoef(filmed[there], heard)[0, 1]
    return out


def best(curves: Sequence[np.ndarray]) -> float:
    """The lateness with the highest mean of curves (len(LATENESS),)."""
    return float(LATENESS[np.mean(curves, axis=0).argmax()])


def recording(name: str) -> tuple[str, ...]:
    """Names of all clips of the recording that a clip comes from."""
    return next((names for names in SAME_RECORDING if name in names), (name,))


def by_other_clips(name: str, curves: Mapping[str, np.ndarray]) -> np.ndarray:
    """What other clips of a corpus, by name, say about a clip's offset: the mean of the curves of its recording, and of
    the mean of all other recordings."""
    same = [curves[other] for other in recording(name) if other != name and other in curves]
    others = [curve for other, curve in curves.items() if other not in recording(name)]
    return np.mean([*same, np.mean(others, axis=0)], axis=0)


def offsets(curves: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The lateness of each clip, estimated on other clips of its corpus. ``curves`` are their :func:`likeness`."""
    return {name: best([by_other_clips(name, curves)]) for name in curves}


def measured(folder: Path, model: LipModel, geometry: MouthGeometry) -> dict[str, np.ndarray]:
    """The :func:`likeness` of each tracked clip in a folder."""
    curves = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as track:
            filmed = track["opening"]
        mel = whisper_mel(load_audio(path.with_suffix(".wav")).samples, len(filmed))
        curves[path.stem] = likeness(filmed, geometry.opening_curve(model.hear_and_predict(mel)))
    return curves


def main() -> None:
    """Command line."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    model, geometry = LipModel.load(), MouthGeometry.of(HeadModel.load())
    print("seconds by which the sound is late")
    for corpus in ("grid", "talkers"):
        curves = measured(TRACKS / corpus, model, geometry)
        for talker in sorted({name.split("_")[0] for name in curves}):
            clips = [curve for name, curve in curves.items() if name.split("_")[0] == talker]
            print(f"{talker}: {best(clips):+.2f} ({len(clips)} clips; taken as 0)", flush=True)
    curves = measured(TRACKS / "addresses", model, geometry)
    found = offsets(curves)
    for name, late in found.items():
        whole = best([curves[other] for other in recording(name)])
        print(f"{name}: {late:+.2f} by other clips (by itself {best([curves[name]]):+.2f}, its recording {whole:+.2f})")
    write_bytes(TRACKS / "addresses" / INDEX, json.dumps(found, indent=1).encode())


if __name__ == "__main__":
    main()
