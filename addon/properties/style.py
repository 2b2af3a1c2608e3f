"""How takes move: how new takes are sampled (`SoliloquyPerformance`), how a take is shown (`SoliloquyStyle`)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, FloatProperty, IntProperty

from ...core.motion.channels import GROUPS
from ...core.wire.protocol import PriorStyle
from ..typed import declarations
from .changes import Change
from .emotions import CLASSES as EMOTION_CLASSES
from .emotions import SoliloquyEmotion, adopt_emotions
from .poses import CLASSES as POSE_CLASSES
from .poses import SoliloquyPose, adopt_poses, pose_property
from .timed import wanted_in_order

_LIMITS = {spec.name: spec for spec in dataclasses.fields(PriorStyle)}
"""Fields of the prior's style: its defaults and limits are those of the settings."""
_USUAL_BLINKS = 18.0
AMPLITUDES = ("head_amplitude", "gaze_amplitude", "brow_amplitude", "lid_amplitude", "cheek_amplitude")
POSES = ("start_pose", "end_pose")
_LISTS = {"poses": adopt_poses, "emotions": adopt_emotions}
"""Settings at times, and how the list of each is replaced."""
_SAMPLED = (
    ("head_amplitude", "Head", "How far the head moves; 0 keeps it still, and the eyes no longer compensate for it"),
    ("gaze_amplitude", "Glances", "How far the eyes glance; 0 looks straight ahead"),
    ("brow_amplitude", "Brows", "How far the brows move"),
    ("lid_amplitude", "Lids", "How far the eyes squint and widen; blinks stay"),
    ("cheek_amplitude", "Cheeks", "How far cheeks and nose move"),
)


def _limits(name: str) -> dict[str, float]:
    spec = _LIMITS[name]
    return {"default": spec.default, "min": spec.metadata["low"], "max": spec.metadata["high"]}


class SoliloquyPerformance(bpy.types.PropertyGroup):
    """How new takes are sampled; each is a new motion and not a scaled one."""

    liveliness: FloatProperty(
        name="Temperament",
        description="Calm (−1) to lively (1): new takes have fewer and slower, or more and larger movements",
        subtype="FACTOR",
        **_limits("liveliness"),
    )
    set_persona: BoolProperty(
        name="Same Persona",
        description="All new takes are performed by the same persona: equally lively, with equal habits. Otherwise "
        "each take has a persona of its own",
    )
    persona: IntProperty(name="Persona", description="Which persona performs: any number is another one", min=0)
    set_blink_rate: BoolProperty(
        name="Set Blink Rate", description="Blink at a given rate instead of the sampled one", default=False
    )
    blink_rate: FloatProperty(
        name="Blinks per Minute",
        description="How often the eyes blink, at irregular intervals; people who talk blink 13 to 33 times per minute",
        precision=0,
        **(_limits("blink_rate") | {"default": _USUAL_BLINKS}),
    )
    gaze_to_camera: FloatProperty(
        name="Eyes on Camera",
        description="How much the eyes look at the camera, whatever the head does; small saccades remain",
        subtype="FACTOR",
        **_limits("gaze_to_camera"),
    )
    set_start_pose: BoolProperty(name="Start Pose", description="Begin with the head in a given pose")
    start_pose: pose_property(
        "Start Pose", "The head at the first frame: pitch (down), yaw (to the person's left), roll"
    )
    set_end_pose: BoolProperty(name="End Pose", description="End with the head in a given pose")
    end_pose: pose_property("End Pose", "The head at the last frame: pitch (down), yaw (to the person's left), roll")
    poses: CollectionProperty(type=SoliloquyPose)
    active_pose: IntProperty(name="Active Pose", description="The pose whose angles are shown below")
    emotions: CollectionProperty(type=SoliloquyEmotion)
    active_emotion: IntProperty(name="Active Emotion", description="The emotion that is shown below")
    loop: BoolProperty(
        name="Seamless Loop",
        description="The last two seconds lead back to the first frame. Lips follow the sound: they close the loop "
        "only if it begins and ends in silence",
    )

    def style(self) -> PriorStyle:
        """The style for the worker. Rounded, because Blender stores single precision and values identify a job."""
        values = {name: round(getattr(self, name), 4) for name in ("liveliness", "gaze_to_camera", *AMPLITUDES)}
        poses = {
            name: tuple(round(math.degrees(angle), 3) for angle in getattr(self, name))
            for name in POSES
            if getattr(self, f"set_{name}")
        }
        rate = round(self.blink_rate, 2) if self.set_blink_rate else None
        return PriorStyle(
            **values,
            **poses,
            persona=self.persona if self.set_persona else None,
            blink_rate=rate,
            loop=self.loop,
            poses=wanted_in_order(self.poses, SoliloquyPose.wanted),
            emotions=wanted_in_order(self.emotions, SoliloquyEmotion.wanted),
        )

    def adopt(self, style: PriorStyle, names: Collection[str]) -> None:
        """Take over the settings of a worker's style that ``names`` lists; the others stay."""
        for name in names:
            value = getattr(style, name)
            if name in _LISTS:
                _LISTS[name](getattr(self, name), value)
                continue
            if name in (*POSES, "persona", "blink_rate"):
                setattr(self, f"set_{name}", value is not None)
            if value is not None:
                setattr(self, name, [math.radians(angle) for angle in value] if name in POSES else value)


for _name, _label, _about in _SAMPLED:
    SoliloquyPerformance.__annotations__[_name] = declarations.FloatProperty(
        name=_label, description=_about, soft_max=2.0, **_limits(_name)
    )


STYLE_CHANGED: Change[SoliloquyStyle] = Change()
"""The user changed how a take is shown."""


def _amount(name: str, about: str) -> Any:
    """A property for how far something moves."""
    return declarations.FloatProperty(
        name=name, description=about, default=1.0, min=0.0, soft_max=2.0, max=4.0, update=STYLE_CHANGED.update
    )


_SHOWN = {
    "lips": ("Lips", "How far the lips move: 0 not at all, 1 as sampled"),
    "jaw": ("Jaw", "How far the jaw opens: 0 not at all, 1 as sampled"),
    "cheeks": ("Cheeks", "How far the cheeks move: 0 not at all, 1 as sampled"),
    "nose": ("Nose", "How far the nose moves: 0 not at all, 1 as sampled"),
    "brows": ("Brows", "How far the brows move: 0 not at all, 1 as sampled"),
    "blink": ("Blink", "How far the lids close and squint: 0 not at all, 1 as sampled"),
    "gaze": ("Gaze", "How far the eyes turn: 0 not at all, 1 as sampled"),
    "head": ("Head", "How far the head moves: 0 not at all, 1 as sampled"),
}


class SoliloquyStyle(bpy.types.PropertyGroup):
    """How a take is shown on its targets; changes need no new samples or keys."""

    liveliness: _amount("Liveliness", "Head, gaze, brows, cheeks and nose together: smaller or larger, shown at once")
    way_in: FloatProperty(
        name="Way In",
        description="Time from the rest pose into the take",
        min=0.0,
        soft_max=2.0,
        unit="TIME_ABSOLUTE",
        update=STYLE_CHANGED.update,
    )
    way_out: FloatProperty(
        name="Way Out",
        description="Time out of the take to the rest pose",
        min=0.0,
        soft_max=2.0,
        unit="TIME_ABSOLUTE",
        update=STYLE_CHANGED.update,
    )


for _group in GROUPS:
    SoliloquyStyle.__annotations__[_group] = _amount(*_SHOWN[_group])

CLASSES = (*POSE_CLASSES, *EMOTION_CLASSES, SoliloquyPerformance, SoliloquyStyle)
