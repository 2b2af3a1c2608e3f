"""Emotions at times."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy
from bpy.props import EnumProperty, FloatProperty

from ...core.wire.emotions import EmotionAt
from .timed import time_property

_ITEMS = (
    ("neutral", "Neutral", "No emotion: the face as it was sampled"),
    ("happy", "Happy", "Cheeks rise and the mouth smiles while it speaks"),
    ("sad", "Sad", "The inner ends of the brows rise, the corners of the mouth fall"),
    ("angry", "Angry", "Brows are lowered, lids are tense, closed lips are pressed"),
    ("surprised", "Surprised", "Brows rise and eyes are wide"),
    ("afraid", "Afraid", "Brows rise and draw together, eyes are wide, the mouth is stretched"),
    ("disgusted", "Disgusted", "The nose is wrinkled and the upper lip rises"),
)


class SoliloquyEmotion(bpy.types.PropertyGroup):
    """What the face shows at a time."""

    seconds: time_property()
    emotion: EnumProperty(name="Emotion", description="What the face shows at this time", items=_ITEMS)
    strength: FloatProperty(
        name="Strength", description="How strongly it shows", subtype="FACTOR", default=0.7, min=0.0, max=1.0
    )

    def wanted(self) -> EmotionAt:
        """The emotion for the worker. Rounded, because Blender stores single precision and values identify a job."""
        return EmotionAt(seconds=round(self.seconds, 3), emotion=self.emotion, strength=round(self.strength, 3))


def adopt_emotions(emotions: Any, wanted: Iterable[EmotionAt]) -> None:
    """Put these emotions in place of those in a collection."""
    emotions.clear()
    for one in wanted:
        added = emotions.add()
        added.seconds, added.emotion, added.strength = one.seconds, one.emotion, one.strength


CLASSES = (SoliloquyEmotion,)
