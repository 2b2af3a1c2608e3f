"""Measure the speech detector and the level: ``python -m training.speech.sound_report --results docs/results``.

Two tables. The first says in how much of a sound the mouth may move, and how far the jaw opens, for speech that is
hard to hear and for sounds that aren't speech. The second compares the jaw curve of a changed sound with that of the
plain sound. Both compare the product's level with "one gain": one factor for the whole sound, from the power of its
louder parts.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import scipy.signal

from core.motion.channels import LIP_CHANNELS
from core.sound.audio import read_mono
from core.sound.level import level_speech
from core.sound.lips import LipModel
from core.sound.mel import SAMPLE_RATE, SAMPLES_PER_FRAME
from core.sound.presence import of_frames
from core.sound.whisper.front_end import whisper_mel

from ..common.folders import data_folder
from ..common.results_page import Table, add_results_option, command_line, number, show
from .other_sounds import (
    MUSIC,
    NOISES,
    Maker,
    at_loudness,
    childlike,
    held_tones,
    pink_noise,
    singing,
    telephone,
    whispered,
)

JAW_OPEN = LIP_CHANNELS.index("jawOpen")
SECONDS = 6.0
VOICES = 12
"""LibriSpeech voices that are heard."""
SEEDS = (1, 2, 3)
"""Pieces of each kind of music or noise."""
PIECE_SECONDS = 10.0
VoiceChange = Callable[[np.ndarray, int], np.ndarray]
LevelChange = Callable[[np.ndarray], tuple[np.ndarray, Sequence[int]]]
"""A function that gives the changed sound and the samples where copies of the plain one begin."""


def one_gain(samples: np.ndarray) -> np.ndarray:
    """The sound multiplied by one factor, at most 30 dB."""
    power = np.square(samples[: len(samples) // 320 * 320].reshape(-1, 320)).mean(1)
    if power.max() < 1e-6:
        return samples
    power = power[power >= 1e-6]
    speech = power[power >= 0.1 * power.mean()]
    return samples * np.float32(min(0.1 / math.sqrt(float(speech.mean())), 10.0**1.5))


class Ear:
    """Jaw curves of sounds, with the shipped networks."""

    def __init__(self) -> None:
        self._lips = LipModel.load()

    def with_one_gain(self, samples: np.ndarray) -> np.ndarray:
        """(T,) jaw curve with one gain."""
        return self._jaw(one_gain(samples.astype(np.float32)), None)

    def levelled(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(T,) jaw curve as the product has it, and (T,) how far the mouth may move."""
        out = samples.astype(np.float32)
        level = level_speech(out)
        free = of_frames(level.mouth, _frames(out))
        return self._jaw(out, free), free

    def _jaw(self, samples: np.ndarray, presence: np.ndarray | None) -> np.ndarray:
        return self._lips.hear_and_predict(whisper_mel(samples, _frames(samples)), presence)[:, JAW_OPEN]


def voices(data: Path) -> list[np.ndarray]:
    """Voices of LibriSpeech that nothing was chosen on; those that thresholds were chosen on lie at other places."""
    files = sorted((data / "speech").glob("*.flac"))[4::9]
    return [read_mono(file, 0.0, SECONDS)[0] for file in files[:VOICES]]


def others(data: Path) -> dict[str, list[np.ndarray]]:
    """Other recorded voices by name."""
    grid = sorted(path for folder in ("grid", "grid_more") for path in (data / folder).glob("*/*.mp*g*"))
    grid += sorted((data / "grid").glob("*/*.mp4"))[7::60]
    kinds = {
        "LJ Speech": sorted((data / "speech_lj").glob("*.flac"))[3::8],
        "Mandarin": sorted((data / "facegood").glob("*.flac"))[3:],
        "GRID, a second of silence in three": grid,
    }
    return {name: [read_mono(file, 0.0, SECONDS)[0] for file in files] for name, files in kinds.items()}


def hard_speech() -> dict[str, VoiceChange]:
    """Speech that is hard to hear."""

    def under(make: Maker, below: float) -> VoiceChange:
        return lambda speech, seed: (
            at_loudness(speech, -20.0) + at_loudness(make(len(speech) / SAMPLE_RATE, seed), -20.0 - below)
        )

    return {
        "telephone": telephone,
        "pitch and formants of a child (× 1.45)": childlike(1.45),
        "pitch and formants × 1.8": childlike(1.8),
        "whispered": whispered,
        "sung": singing,
        "chords and drums 10 dB below": under(MUSIC["chords and drums"], 10.0),
        "chords and drums 5 dB below": under(MUSIC["chords and drums"], 5.0),
        "chords and drums as loud": under(MUSIC["chords and drums"], 0.0),
        "guitar and drums 5 dB below": under(MUSIC["guitar and drums"], 5.0),
        "white noise as loud": under(NOISES["white noise"], 0.0),
        "white noise 5 dB above": under(NOISES["white noise"], -5.0),
        "sung, over chords and drums as loud": lambda speech, seed: under(MUSIC["chords and drums"], 0.0)(
            singing(speech, seed), seed
        ),
    }


def babble(speech: Sequence[np.ndarray]) -> np.ndarray:
    """All voices at once."""
    count = min(len(voice) for voice in speech)
    return sum((at_loudness(voice[:count], -20.0) for voice in speech), np.zeros(count))


def hearing_table(ear: Ear, speech: Sequence[np.ndarray], data: Path, command: str) -> Table:
    """What is heard as speech."""
    rows = [_heard(ear, "LibriSpeech", speech, None)]
    rows += [_heard(ear, name, found, None) for name, found in others(data).items()]
    plain = [ear.levelled(voice)[1] for voice in speech]
    for name, change in hard_speech().items():
        rows.append(_heard(ear, name, [change(voice, seed) for seed, voice in enumerate(speech)], plain))
    rows.append(_heard(ear, "babble of all the voices", [babble(speech)], None))
    for name, make in (MUSIC | NOISES).items():
        pieces = [at_loudness(make(PIECE_SECONDS, seed), -20.0) for seed in SEEDS]
        rows.append(_heard(ear, name, pieces, None))
    columns = ("sound", "pieces", "mouth free", "of the plain speech missed", "jaw, one gain", "jaw", "jaw, most")
    notes = (
        "*Mouth free*: share of the time in which the mouth may move. *Missed*: share of the time in which it may move "
        "for the plain sound and not for this one. *Jaw*: mean and maximum of jawOpen over all pieces, and its mean "
        "with one gain.",
        f"Speech: {SECONDS:g} s of each voice. Music and noise: {PIECE_SECONDS:g} s at −20 dB, made by "
        "`training/speech/other_sounds.py`.",
    )
    return Table("sound-heard", "What is heard as speech", command, columns, tuple(rows), notes)


def level_changes() -> dict[str, LevelChange]:
    """Changes of a sound that should not change the mouth."""
    room = np.random.default_rng(0).standard_normal(9600) * np.exp(-6.9 * np.arange(9600) / 9600) * 0.05
    room[0] = 1.0

    def after(loud: np.ndarray, loudness: float) -> LevelChange:
        return lambda x: (np.concatenate([loud, at_loudness(x, loudness)]), (len(loud),))

    def times(*factors: float) -> LevelChange:
        return lambda x: (np.concatenate([x * f for f in factors]), [k * len(x) for k in range(len(factors))])

    def rumble(x: np.ndarray) -> np.ndarray:
        return 0.3 * np.sin(2 * np.pi * 30.0 * np.arange(len(x)) / SAMPLE_RATE)

    def in_bits(x: np.ndarray, peak_db: float, bits: int) -> np.ndarray:
        return np.round(x / np.abs(x).max() * 10.0 ** (peak_db / 20.0) * 2.0 ** (bits - 1)) / 2.0 ** (bits - 1)

    return {
        "nothing": lambda x: (x, (0,)),
        "offset of 0.1": lambda x: (x + 0.1, (0,)),
        "offset of 0.3": lambda x: (x + 0.3, (0,)),
        "offset of 0.3, speech at −45 dB": lambda x: (at_loudness(x, -45.0) + 0.3, (0,)),
        "rumble of 30 Hz, 0.3": lambda x: (x + rumble(x), (0,)),
        "3 s of tones at −9 dB, then speech at −30 dB": after(at_loudness(held_tones(3.0), -9.0), -30.0),
        "3 s of guitar and drums at −9 dB, then speech at −30 dB": after(
            at_loudness(MUSIC["guitar and drums"](3.0, 0), -9.0), -30.0
        ),
        "20 s of room tone at −55 dB before": after(at_loudness(pink_noise(20.0, 0), -55.0), -20.0),
        "then the same × 0.1": times(1.0, 0.1),
        "then the same × 10": times(0.05, 0.5),
        "× 0.1, × 1, × 0.1": times(0.1, 1.0, 0.1),
        "rising by 30 dB": lambda x: (x * np.geomspace(0.0316, 1.0, len(x)), (0,)),
        "falling by 25 dB": lambda x: (x * np.geomspace(1.0, 0.0562, len(x)), (0,)),
        "then 18 dB lower in a room": lambda x: (
            np.concatenate([x, 0.126 * scipy.signal.fftconvolve(x, room)[: len(x)]]),
            (0,),
        ),
        "peak at −40 dB, 16 bits": lambda x: (in_bits(x, -40.0, 16), (0,)),
        "peak at −50 dB, 24 bits": lambda x: (in_bits(x, -50.0, 24), (0,)),
        "peak at −60 dB, 16 bits": lambda x: (in_bits(x, -60.0, 16), (0,)),
        "coughs at −6 dB between, then × 0.3": lambda x: (
            np.concatenate([x, at_loudness(NOISES["coughs"](4.0, 0), -6.0), 0.3 * x]),
            (0, len(x) + 4 * SAMPLE_RATE),
        ),
    }


def level_table(ear: Ear, speech: Sequence[np.ndarray], command: str) -> Table:
    """What a change of the sound does to the mouth."""
    rows = []
    for name, change in level_changes().items():
        one: list[tuple[float, float]] = []
        levelled: list[tuple[float, float]] = []
        for voice in speech:
            sound, parts = change(voice)
            wanted = ear.with_one_gain(voice)
            for curve, found in ((ear.with_one_gain(sound), one), (ear.levelled(sound)[0], levelled)):
                found += [_likeness(curve[part // SAMPLES_PER_FRAME :], wanted) for part in parts]
        rows.append((name, *_worst(one), *_worst(levelled)))
    columns = ("change", "r, one gain", "amplitude, one gain", "r", "amplitude")
    notes = (
        "Jaw curve of the changed sound against that of the plain one with one gain, in every part by itself. *r*: "
        "correlation, lowest and median over voices and parts. *Amplitude*: ratio of the deviations, smallest and "
        "largest.",
    )
    return Table("sound-level", "What a change of the sound does to the mouth", command, columns, tuple(rows), notes)


def _heard(ear: Ear, name: str, sounds: Sequence[np.ndarray], plain: Sequence[np.ndarray] | None) -> tuple[str, ...]:
    """A row of the first table; ``plain`` is how far the mouth may move for the plain sounds."""
    levelled = [ear.levelled(sound) for sound in sounds]
    missed = "–"
    if plain is not None:
        asked = [_stretched(curve, len(free)) for curve, (_, free) in zip(plain, levelled, strict=True)]
        total = sum(float((free > 0.5).sum()) for free in asked)
        lost = sum(float(((a > 0.5) & (free <= 0.5)).sum()) for a, (_, free) in zip(asked, levelled, strict=True))
        missed = f"{100 * lost / total:.1f} %"
    return (
        name,
        str(len(sounds)),
        f"{100 * _joined(free > 0.5 for _, free in levelled).mean():.0f} %",
        missed,
        number(float(_joined(ear.with_one_gain(sound) for sound in sounds).mean())),
        number(float(_joined(jaw for jaw, _ in levelled).mean())),
        number(max(float(jaw.max()) for jaw, _ in levelled)),
    )


def _joined(curves: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(curves))


def _stretched(curve: np.ndarray, count: int) -> np.ndarray:
    """A curve with another number of frames, for speech that was made faster."""
    return np.interp(np.linspace(0.0, 1.0, count), np.linspace(0.0, 1.0, len(curve)), curve)


def _likeness(curve: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    count = min(len(curve), len(wanted))
    part, whole = curve[:count], wanted[:count]
    if part.std() < 1e-6:
        return 0.0, 0.0
    return float(np.corrcoef(part, whole)[0, 1]), float(part.std() / whole.std())


def _worst(found: Sequence[tuple[float, float]]) -> tuple[str, str]:
    r, amplitude = np.array(found).T
    return f"{r.min():.3f}, {np.median(r):.3f}", f"{amplitude.min():.2f} – {amplitude.max():.2f}"


def _frames(samples: np.ndarray) -> int:
    return round(len(samples) / SAMPLES_PER_FRAME)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.speech.sound_report", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=data_folder())
    add_results_option(parser)
    options = parser.parse_args()
    command = command_line("training.speech.sound_report", sys.argv[1:])
    ear, speech = Ear(), voices(options.data)
    show(hearing_table(ear, speech, options.data, command), options.results)
    show(level_table(ear, speech, command), options.results)


if __name__ == "__main__":
    main()
