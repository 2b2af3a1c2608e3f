"""Bake: a take's motion as keys on a head's armature, in one Action, where the speech is on the timeline.

The Action belongs to the add-on (it carries ``OWNED``); a bake replaces only the keys of its own channels between
its first and last frame, so that a second sentence on the same head, or a key set elsewhere by hand, stays. An
armature that already plays somebody else's Action keeps it: ours then goes on an NLA track below.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import bpy
import numpy as np

from ..core.channels import EXPRESSIONS
from . import compat
from .arkit import SHAPE_NAMES
from .motion import TakeMotion, eye_angles, neck_and_head
from .timing import Timing

OWNED = "soliloquy"
"""Custom property that marks an Action as the add-on's own."""
CENTIMETRE = 0.01
_LINEAR = 1  # Keyframe.interpolation as an integer, for foreach_set


@dataclass(frozen=True)
class Baked:
    """What a bake left: scene frames first to last, number of F-curves, the Action, whether it is on the NLA."""

    action: str
    first: int
    last: int
    curves: int
    on_nla: bool


@dataclass(frozen=True)
class Channel:
    """One F-curve to be keyed: values (n,) for n scene frames."""

    path: str
    index: int
    group: str
    values: np.ndarray


def channels(armature: bpy.types.Object, motion: TakeMotion) -> list[Channel]:
    """The curves of a motion already sampled on scene frames, for an armature made by ``addon.head``."""
    rest = {name: np.array(armature[f"soliloquy_{name}"][:]) for name in ("neck", "head", "gaze", "jaw")}
    angles, shift = neck_and_head(motion.rotation, motion.translation, rest["neck"], rest["head"])
    result = [*_bone("neck", "rotation_euler", angles), *_bone("head", "rotation_euler", angles)]
    result += _bone("head", "location", shift * CENTIMETRE)
    jaw = {name: motion.expression[:, EXPRESSIONS.index(name)] for name in ("jawOpen", "jawLeft", "jawRight")}
    turn, sideways = rest["jaw"]
    nothing = np.zeros(len(motion))
    # The jaw bone turns in its own axes: x is the hinge, z points down-forward, so yaw to the person's left is -z.
    jaw_yaw = sideways * (jaw["jawLeft"] - jaw["jawRight"])
    result += _bone("jaw", "rotation_euler", np.stack([turn * jaw["jawOpen"], nothing, -jaw_yaw], axis=1))
    for side, eye in eye_angles(motion.expression, rest["gaze"]).items():
        # Eye bones point forward: local y is the line of sight and local z points down, hence the sign.
        result += _bone(f"eye.{side}", "rotation_euler", np.stack([eye[:, 0], nothing, -eye[:, 1]], axis=1))
    for index, name in enumerate(SHAPE_NAMES):
        result.append(Channel(f'["{name}"]', 0, "Expression", motion.expression[:, index]))
    return result


def _bone(name: str, prop: str, values: np.ndarray) -> list[Channel]:
    return [Channel(f'pose.bones["{name}"].{prop}', i, name, values[:, i]) for i in range(values.shape[1])]


def bake(armature: bpy.types.Object, motion: TakeMotion, timing: Timing, label: str) -> Generator[None, None, Baked]:
    """Key ``motion`` on ``armature`` in small steps; returns what was baked.

    There is a key on each scene frame of the take, interpolated from the motion at that frame's own time.
    """
    first = timing.first_frame()
    frames = np.arange(first, first + timing.scene_frames(len(motion), motion.fps), dtype=float)
    sampled = motion.sampled((frames - timing.origin) / timing.rate)
    yield None
    action, on_nla = _own_action(armature)
    action[f"take {first}"] = label
    curves, groups = compat.action_curves(action, armature)
    known = {(curve.data_path, curve.array_index): curve for curve in curves}
    todo = channels(armature, sampled)
    for channel in todo:
        curve = known.get((channel.path, channel.index))
        if curve is None:
            curve = curves.new(channel.path, index=channel.index)
            curve.group = groups.get(channel.group) or groups.new(channel.group)
        _replace_keys(curve, frames, channel.values)
        yield None
    if on_nla:
        _refresh_nla(armature, action)
    armature.update_tag()
    return Baked(action.name, int(frames[0]), int(frames[-1]), len(todo), on_nla)


def _replace_keys(curve: bpy.types.FCurve, frames: np.ndarray, values: np.ndarray) -> None:
    """Set one key a frame; keys outside the frames' range keep their place, value and interpolation."""
    points = curve.keyframe_points
    old = np.empty(2 * len(points))
    points.foreach_get("co", old)
    old = old.reshape(-1, 2)  # (2 n,) -> (n, 2)
    inside = np.nonzero((old[:, 0] >= frames[0] - 0.5) & (old[:, 0] <= frames[-1] + 0.5))[0]
    if len(inside) == len(points):
        points.clear()
    else:
        for index in inside[::-1]:
            points.remove(points[int(index)], fast=True)
    start = len(points)
    points.add(len(frames))
    coordinates = np.empty(2 * len(points))
    points.foreach_get("co", coordinates)
    coordinates[2 * start :: 2] = frames
    coordinates[2 * start + 1 :: 2] = values
    points.foreach_set("co", coordinates)
    interpolation = np.empty(len(points), dtype=np.int32)
    points.foreach_get("interpolation", interpolation)
    interpolation[start:] = _LINEAR
    points.foreach_set("interpolation", interpolation)
    curve.update()  # sorts, and sets the handles


def _own_action(armature: bpy.types.Object) -> tuple[bpy.types.Action, bool]:
    """The add-on's Action of this armature, made and assigned if needed, and whether it plays through the NLA."""
    animation = armature.animation_data_create()
    if animation.action is not None and OWNED in animation.action:
        return animation.action, False
    for track in animation.nla_tracks:
        for strip in track.strips:
            if strip.action is not None and OWNED in strip.action:
                return strip.action, True
    action = bpy.data.actions.new(f"{armature.name} speech")
    action[OWNED] = 1
    if animation.action is None:
        compat.assign_action(armature, action)
        return action, False
    return action, True


def _refresh_nla(armature: bpy.types.Object, action: bpy.types.Action) -> None:
    """Put the Action on a track of its own below everything else, or fit its strip to the Action's new length."""
    tracks = armature.animation_data.nla_tracks
    first, last = action.curve_frame_range
    for track in tracks:
        for strip in track.strips:
            if strip.action == action:
                # The range can't be empty or overlap on the way, so the end that widens it goes first.
                strip.frame_end = max(strip.frame_end, last)
                strip.action_frame_start, strip.action_frame_end = first, last
                strip.frame_start, strip.frame_end = first, last
                return
    track = tracks.new(prev=None)
    track.name = "Soliloquy"
    strip = track.strips.new(action.name, int(first), action)
    compat.nla_action_slot(strip, action, armature)
