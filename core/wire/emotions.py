"""Emotions at times, as an artist sets them. Standard library only."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BadInputError
from ..motion.channels import FPS
from ..schema import setting

NEUTRAL = "neutral"
EMOTIONS = (NEUTRAL, "happy", "sad", "angry", "surprised", "afraid", "disgusted")
"""Names of the emotions: none, and the six basic ones (Ekman 1992)."""


@dataclass(frozen=True, kw_only=True)
class EmotionAt:
    """What the face shows at a time. ``seconds`` count from where the spoken part of the sound begins."""

    seconds: float = setting(text="seconds from the beginning", low=0.0)
    emotion: str = setting(NEUTRAL, "what the face shows", choices=EMOTIONS)
    strength: float = setting(0.7, "how strongly", low=0.0, high=1.0)


def emotions_in_order(emotions: Sequence[EmotionAt], frames: int) -> tuple[EmotionAt, ...]:
    """``emotions`` in the order of their times, if a motion of so many frames can show them.

    Raises BadInputError ``bad_setting`` for an emotion after the end of the sound, and for two at one time.
    """
    ordered = tuple(sorted(emotions, key=lambda emotion: emotion.seconds))
    length = frames / FPS
    if ordered and ordered[-1].seconds > length:
        raise BadInputError(
            "bad_setting",
            f"The emotion at {ordered[-1].seconds:g} s comes after the end of the sound, which is {length:g} s long.",
            f"Choose a time of 0 to {length:g} s.",
        )
    for one, other in itertools.pairwise(ordered):
        if round(one.seconds * FPS) == round(other.seconds * FPS):
            raise BadInputError(
                "bad_setting",
                f"Two emotions are at the same time, {one.seconds:g} s and {other.seconds:g} s.",
                f"Remove one of them, or move it by at least {1 / FPS:g} s.",
            )
    return ordered
