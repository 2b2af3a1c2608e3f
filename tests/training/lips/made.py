"""Made-up recordings for the tests of the lip model's training."""

from __future__ import annotations

import numpy as np

from core.phones.phone_set import PHONES, Segment
from training.lips.data import Utterance
from training.lips.hearing import Version
from training.speech.visemes import gesture_rows, hand_targets, mouth_targets

WIDTH = 384
"""Of what is heard: that of the shipped encoder."""


def heard_of(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(2 T, 384) float16: each phone of labels (4 T,) has its own spectrum, so it can be recognised."""
    spectra = np.random.default_rng(99).normal(0.0, 1.0, (len(PHONES), WIDTH))
    return (spectra[labels[::2]] + 0.1 * rng.normal(size=(len(labels) // 2, WIDTH))).astype(np.float16)


def seen_of(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 12) float16: the face of each phone of labels (4 T,) looks different."""
    looks = np.random.default_rng(98).normal(0.0, 1.0, (len(PHONES), 12))
    return (looks[labels[2::4]] + 0.1 * rng.normal(size=(len(labels) // 4, 12))).astype(np.float16)


def utterance(seed: int, source: str = "grid", frames: int = 60, name: str = "") -> Utterance:
    """A recording of random phones of 0.12 s, as it is and in a second version. It was filmed if it is of ``grid``."""
    rng = np.random.default_rng(seed)
    names = [str(rng.choice(PHONES)) for _ in range(frames // 3)]
    segments = tuple(Segment(phone, 0.12 * i, 0.12 * (i + 1)) for i, phone in enumerate(names))
    labels = np.repeat([PHONES.index(phone) for phone in names], 12)
    mel, whisper = rng.normal(0.0, 1.0, (2, len(labels), 80)).astype(np.float16)
    mouth = mouth_targets(segments, frames, hand_targets())
    versions = tuple(Version(heard_of(labels, rng), 1.0) for _ in range(2))
    wanted = gesture_rows(segments, 4 * frames)
    title = name or f"{source}_{seed}"
    f_v = seen_of(labels, rng) if source == "grid" else None
    return Utterance(title, source, mel, whisper, labels, wanted, mouth, mouth[:, 2], segments, versions, f_v)


def quiet(seed: int, frames: int = 60) -> Utterance:
    """A room in which nobody speaks."""
    labels = np.zeros(4 * frames, np.int64)
    rows, mouth = np.zeros((4 * frames, 80), np.float16), np.zeros((frames, 27), np.float32)
    versions = (Version(heard_of(labels, np.random.default_rng(seed)), 1.0),)
    return Utterance(f"quiet_{seed}", "quiet", rows, rows, labels, labels, mouth, None, (), versions)


def corpus() -> list[Utterance]:
    """Eight recordings, half of them filmed, and four quiet rooms."""
    return [utterance(i, "grid" if i % 2 else "synthetic") for i in range(8)] + [quiet(i) for i in range(4)]
