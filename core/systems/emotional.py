"""Emotions on the motion of any source: what they do to brows, lids, cheeks, nose and lips while the mouth speaks.

No data of ours has emotional speech, so nothing here is learned. The patterns are the action units of the basic
emotions (Friesen and Ekman 1983, EMFACS-7) in ARKit's expressions, with strengths chosen by eye on portraits.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..motion.channels import CHANNELS, FPS
from ..motion.motion import Motion
from ..prior.styling import is_loop
from ..prior.windows import close_seams, ease
from ..wire.emotions import EMOTIONS, EmotionAt
from ..wire.style import PriorStyle
from .motion_source import KeptTake, Wish

_UNITS: dict[str, dict[str, float]] = {
    "happy": {"cheekSquint": 0.6, "eyeSquint": 0.25, "mouthSmile": 0.75, "mouthUpperUp": 0.15},  # AU 6, 12
    "sad": {"browInnerUp": 0.9, "browDown": 0.3, "mouthFrown": 0.9, "mouthShrugLower": 0.15},  # AU 1, 4, 15, 17
    "angry": {
        **{"browDown": 0.95, "eyeWide": 0.2, "eyeSquint": 0.4, "noseSneer": 0.25},  # AU 4, 5, 7
        **{"mouthPress": 0.5, "mouthFrown": 0.25},  # AU 23
    },
    "surprised": {"browInnerUp": 0.85, "browOuterUp": 0.9, "eyeWide": 0.8},  # AU 1, 2, 5; 26 is left to the speech
    "afraid": {
        **{"browInnerUp": 0.9, "browOuterUp": 0.35, "browDown": 0.35},  # AU 1, 2, 4
        **{"eyeWide": 0.8, "eyeSquint": 0.15},  # AU 5, 7
        **{"mouthStretch": 0.6, "mouthFrown": 0.25},  # AU 20
    },
    "disgusted": {
        **{"noseSneer": 0.75, "browDown": 0.4, "cheekSquint": 0.35, "eyeSquint": 0.3},  # AU 9
        **{"mouthFrown": 0.6, "mouthLowerDown": 0.1},  # AU 15, 16
    },
}
"""Weight of each expression at strength 1, on both sides of the face; the others are neutral."""
_MIDDLE = ("mouthShrugLower",)
"""Expressions of these that have no sides."""


def _columns(name: str) -> list[int]:
    """Where an expression is among the 59 channels, on both sides if it has two."""
    names = (name,) if name in _MIDDLE else (f"{name}_L", f"{name}_R")
    return [CHANNELS.index(side) for side in names]


def _patterns() -> np.ndarray:
    """(7, 59) weight of each channel in each emotion of ``EMOTIONS``."""
    weights = np.zeros((len(EMOTIONS), len(CHANNELS)), np.float32)
    for emotion, units in _UNITS.items():
        for name, weight in units.items():
            weights[EMOTIONS.index(emotion), _columns(name)] = weight
    return weights


PATTERNS = _patterns()
_ROUND = [CHANNELS.index(name) for name in ("mouthFunnel", "mouthPucker")]
_JAW, _CLOSE = CHANNELS.index("jawOpen"), CHANNELS.index("mouthClose")
_BLINKS = _columns("eyeBlink")
_WIDES = _columns("eyeWide")
_SMILES, _FROWNS = _columns("mouthSmile"), _columns("mouthFrown")
_SPREAD = [*_SMILES, *_columns("mouthStretch")]
_PARTING = [*_columns("mouthUpperUp"), *_columns("mouthLowerDown")]
_PRESSING = _columns("mouthPress")
_SNEERS, _CHIN = _columns("noseSneer"), CHANNELS.index("mouthShrugLower")
_RAISED = 0.97
"""Weight of mouthShrugLower that closes the lips under a noseSneer of 1, whose shape draws the upper lip up: AU 17
takes the place of AU 16 when lips are closed."""
_OPENING = 0.4
"""Share of a sneer's opening that lips have when they are parted."""
_PARTED = 0.12
"""Opening of the mouth (jawOpen less mouthClose) from which on lips count as parted."""


def strengths(emotions: tuple[EmotionAt, ...], frames: int, loop: bool) -> np.ndarray:
    """(T, 7) how strongly each emotion shows in each frame.

    The first one holds until its time, the last one from its time on. Between two, one passes smoothly into the other;
    in a loop the last one passes into the first.
    """
    given = np.zeros((len(emotions), len(EMOTIONS)))
    for row, emotion in zip(given, emotions, strict=True):
        row[EMOTIONS.index(emotion.emotion)] = emotion.strength
    given[:, 0] = 0.0
    places = np.array([emotion.seconds * FPS for emotion in emotions])
    if loop:
        places = np.concatenate([[places[-1] - frames], places, [places[0] + frames]])
        given = given[[-1, *range(len(given)), 0]]
    if len(places) == 1:
        return np.repeat(given, frames, axis=0).astype(np.float32)
    index = np.arange(frames)
    after = np.clip(np.searchsorted(places, index, side="right"), 1, len(places) - 1)
    way = np.clip((index - places[after - 1]) / (places[after] - places[after - 1]), 0.0, 1.0)
    share = ease(way)[:, None]
    shown: np.ndarray = (given[after - 1] + share * (given[after] - given[after - 1])).astype(np.float32)
    return shown


class Emotional:
    """The emotions of a style on the channels of a take of ``frames`` frames, or of its beginning.

    A weight x becomes 1 − (1 − p)(1 − x) under a push p. Speech comes first: rounded lips aren't drawn wide, lips that
    are closed stay closed (the chin rises under a sneer), lips that are open aren't pressed. Lids that are shut aren't
    widened. A smile takes a frown away, and a frown a smile.
    """

    def __init__(self, style: PriorStyle, frames: int) -> None:
        self.neutral = all(not emotion.strength or emotion.emotion == EMOTIONS[0] for emotion in style.emotions)
        self._push = np.zeros((frames, len(CHANNELS)), np.float32)
        if not self.neutral:
            self._push = strengths(style.emotions, frames, is_loop(style, frames)) @ PATTERNS

    def apply(self, channels: np.ndarray) -> np.ndarray:
        """(T, 59) channels as they are without emotion → with it."""
        if self.neutral:
            return channels
        out, push = channels.copy(), self._room(channels)
        out[:, _SMILES] *= 1.0 - push[:, _FROWNS]
        out[:, _FROWNS] *= 1.0 - push[:, _SMILES]
        moved = push > 0.0
        return np.where(moved, out + push * (1.0 - out), out)

    def take_out(self, channels: np.ndarray) -> np.ndarray:
        """(T, 59) channels with the emotions → approximately those without: exact where no weight reaches an end."""
        if self.neutral:
            return channels
        push = self._room(channels)
        plain = np.clip((channels - push) / (1.0 - push), 0.0, 1.0)
        out = np.where(push > 0.0, plain, channels)
        out[:, _SMILES] = np.clip(out[:, _SMILES] / (1.0 - push[:, _FROWNS]), 0.0, 1.0)
        out[:, _FROWNS] = np.clip(out[:, _FROWNS] / (1.0 - push[:, _SMILES]), 0.0, 1.0)
        return out

    def _room(self, channels: np.ndarray) -> np.ndarray:
        """(T, 59) the push that speech and blinks leave. It depends only on channels that no emotion pushes."""
        push = self._push[: len(channels)].copy()
        parted = np.clip((channels[:, _JAW] - channels[:, _CLOSE]) / _PARTED, 0.0, 1.0)[:, None]
        push[:, _SPREAD] *= 1.0 - np.clip(channels[:, _ROUND].max(1, keepdims=True), 0.0, 1.0)
        push[:, _PARTING] *= parted
        push[:, _PRESSING] *= 1.0 - parted
        closing = _RAISED * push[:, _SNEERS].mean(1) * (1.0 - _OPENING * parted[:, 0])
        push[:, _CHIN] = np.maximum(push[:, _CHIN] * (1.0 - parted[:, 0]), closing)
        push[:, _WIDES] *= 1.0 - np.clip(channels[:, _BLINKS], 0.0, 1.0)
        return push


def without_emotion(wish: Wish) -> Wish:
    """The wish for a source, which knows no emotions: they are taken out of what is kept, which its motion joins."""
    emotional, kept = Emotional(wish.sampling.style, len(wish.speech)), wish.kept
    if kept is None or emotional.neutral:
        return wish
    plain = emotional.take_out(kept.channels)
    return dataclasses.replace(wish, kept=KeptTake(Motion.from_channels(plain, FPS, kept.take.tongue), kept.mask))


def with_emotion(channels: np.ndarray, wish: Wish) -> np.ndarray:
    """(T, 59) channels of a source with the emotions of the style; what is kept comes back bit for bit."""
    emotional, kept = Emotional(wish.sampling.style, len(wish.speech)), wish.kept
    if emotional.neutral:
        return channels
    shown = emotional.apply(channels)
    if kept is None:
        return shown
    known = kept.channels.astype(shown.dtype)
    joined = np.clip(close_seams(shown, known, kept.mask, wish.sampling.transition), 0.0, 1.0)
    expressions = PATTERNS.any(0)
    return np.where(kept.mask, known, np.where(expressions, joined, shown))
