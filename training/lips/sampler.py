"""Random windows of the recordings, as the lip model learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.motion.channels import LIP_CHANNELS
from core.sound.mel import MELS_PER_FRAME
from core.sound.whisper.encoder import OUTPUTS_PER_FRAME

from ..speech import visemes
from .data import SOURCES, Utterance
from .hearing import Version


@dataclass(frozen=True)
class Batch:
    """B windows of L frames as arrays.

    Attributes
    ----------
    heard
        (B, 2 L, width) float32, the outputs of Whisper's encoder.
    phones
        (B, 4 L) int64, −1 if unknown.
    gestures
        (B, L) int64: the gesture that fills at least half of the frame.
    mouth
        (B, L, 27) float32.
    source
        (B,) int64 index into :data:`SOURCES`.
    filmed, f_v
        (S,) int64 windows whose face was seen, and (S, L, d_v) float32, what E_v sees in them.
    """

    heard: np.ndarray
    phones: np.ndarray
    gestures: np.ndarray
    mouth: np.ndarray
    source: np.ndarray
    filmed: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    f_v: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))


def talker(utterance: Utterance) -> str:
    """Who speaks in a filmed clip; other recordings are one talker for each source."""
    return utterance.name.split("_")[0] if utterance.source == "grid" else utterance.source


class Sampler:
    """Draws random windows: the source by its share, then the talker, the recording by its length, version and place.

    Talkers are drawn with the square root of the length of all they say, so that one who fills most of a corpus
    doesn't fill most of the windows. ``d_v`` is the width of what E_v sees, 0 if nobody was seen.
    """

    def __init__(self, utterances: Sequence[Utterance], shares: dict[str, float], frames: int) -> None:
        self._frames = frames
        self._pools = {source: [u for u in utterances if u.source == source] for source in SOURCES}
        self._weights = {
            source: shares_of([talker(u) for u in pool], [u.frames for u in pool])
            for source, pool in self._pools.items()
        }
        self._sources = [source for source in SOURCES if self._pools[source] and shares.get(source, 0.0) > 0.0]
        self._shares = np.array([shares[source] for source in self._sources])
        self._shares /= self._shares.sum()
        self._width = utterances[0].versions[0].heard.shape[1]
        self.d_v = max((u.f_v.shape[1] for u in utterances if u.f_v is not None), default=0)

    def draw(self, count: int, rng: np.random.Generator) -> Batch:
        """``count`` random windows."""
        length = self._frames
        heard = np.empty((count, OUTPUTS_PER_FRAME * length, self._width), np.float32)
        labels = np.empty((count, MELS_PER_FRAME * length), np.int64)
        gestures = np.empty((count, length), np.int64)
        mouth = np.empty((count, length, len(LIP_CHANNELS)), np.float32)
        source = np.empty(count, np.int64)
        f_v = {}
        for i in range(count):
            name = self._sources[int(rng.choice(len(self._sources), p=self._shares))]
            utterance = self._pools[name][int(rng.choice(len(self._pools[name]), p=self._weights[name]))]
            version = utterance.versions[int(rng.integers(len(utterance.versions)))]
            start = int(rng.integers(max(version.frames - length, 0) + 1))
            heard[i], labels[i], wanted, mouth[i] = window(utterance, version, start, length)
            shares = np.eye(len(visemes.GESTURES))[wanted].reshape(length, MELS_PER_FRAME, -1).mean(1)
            gestures[i] = np.where(shares[:, 1:].max(1) >= 0.5, 1 + shares[:, 1:].argmax(1), 0)
            source[i] = SOURCES.index(name)
            if utterance.f_v is not None:
                f_v[i] = _interpolate(utterance.f_v, own_places(version, start, length))
        filmed = np.array(list(f_v), np.int64)
        seen = np.stack(list(f_v.values())) if f_v else np.zeros((0, length, self.d_v), np.float32)
        return Batch(heard, labels, gestures, mouth, source, filmed, seen)


def shares_of(talkers: Sequence[str], frames: Sequence[int]) -> np.ndarray:
    """(n,) probabilities of recordings, which sum to 1. A talker's share grows with the square root of all their
    frames; their recordings divide it by length."""
    said: dict[str, int] = {}
    for name, count in zip(talkers, frames, strict=True):
        said[name] = said.get(name, 0) + count
    weights = np.array([count / np.sqrt(said[name]) for name, count in zip(talkers, frames, strict=True)])
    return weights / weights.sum() if len(talkers) else weights


def window(
    utterance: Utterance, version: Version, start: int, length: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """``length`` frames of a version from frame ``start`` on: what is heard, phones, gestures, mouth.

    Beyond the version's end its last frame goes on.
    """
    fine = np.minimum(OUTPUTS_PER_FRAME * start + np.arange(OUTPUTS_PER_FRAME * length), len(version.heard) - 1)
    rows = np.minimum(MELS_PER_FRAME * start + np.arange(MELS_PER_FRAME * length), MELS_PER_FRAME * version.frames - 1)
    own_rows = np.clip(np.round((rows + 0.5) * version.speed - 0.5).astype(int), 0, len(utterance.phones) - 1)
    mouth = _interpolate(utterance.mouth, own_places(version, start, length))
    heard = version.heard[fine].astype(np.float32)
    return heard, utterance.phones[own_rows], utterance.gestures[own_rows], mouth


def own_places(version: Version, start: int, length: int) -> np.ndarray:
    """(length,) fractional places of a version's frames from ``start`` on among the frames of the recording itself."""
    frames = np.minimum(start + np.arange(length), version.frames - 1)
    places: np.ndarray = (frames + 0.5) * version.speed - 0.5
    return places


def _interpolate(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(N, C) linearly interpolated at fractional rows and constant beyond both ends, float32."""
    places = np.clip(places, 0.0, len(values) - 1.0)
    below = np.minimum(places.astype(int), max(len(values) - 2, 0))
    above = np.minimum(below + 1, len(values) - 1)
    share = (places - below).astype(np.float32)[:, None]
    return values[below].astype(np.float32) * (1.0 - share) + values[above].astype(np.float32) * share
