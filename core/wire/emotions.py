"""Emotions at times, as an artist sets them. Standard library only."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BadInputError
from ..motion.channels import FPS
from ..schema import setting
from .timed import within_sound

NEUTRAL = "neutral"
EMOTIONS = (NEUTRAL, "happy", "sad", "angry", "surprised", "afraid", "disgusted")
"""Names of the emotions: none, and the six basic ones (Ekman 1992)."""


@dataclass(frozen=True, kw_only=True)
class EmotionAt:
    """What the face shows at a time. ``seconds`` count from where the spoken part of the sound begins."""

    seconds: float = setting(text="seconds from the beginning", low=0.0)
    emotion: str = setting(NEUTRAL, "what the face shows", choices=EMOTIONS)
    strength: float = setting(0.7, "how strongly", low=0.0, high=1.0)


def emotions_in_order(emotions: Sequence[EmotionAt], frames: int, loop: bool) -> tuple[EmotionAt, ...]:
    """``emotions`` in the order of their times, if a motion of so many frames can show them.

    ``loop`` says whether its end runs into its beginning. Raises BadInputError ``bad_setting`` for an emotion after the
    end of the sound, for two at one time, and for a loop that ends with another emotion than the one it begins with.
    """
    ordered = within_sound(emotions, frames, "emotion")
    for one, other in itertools.pairwise(ordered):
        if round(one.seconds * FPS) == round(other.seconds * FPS):
            raise BadInputError(
                "bad_setting",
                f"Two emotions are at the same time, {one.seconds:g} s and {other.seconds:g} s.",
                f"Remove one of them, or move it by at least {1 / FPS:g} s.",
            )
    if loop and ordered:
        first, last = ordered[0], ordered[-1]
        at_once = round(first.seconds * FPS) == round(last.seconds * FPS) - frames
        if at_once and (first.emotion, first.strength) != (last.emotion, last.strength):
            raise BadInputError(
                "bad_setting",
                f"The emotions at {first.seconds:g} s and {last.seconds:g} s differ, but in a loop both are at once.",
                f"Make them alike, or move one of them by at least {1 / FPS:g} s.",
            )
    return ordered
