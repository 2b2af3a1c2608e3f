"""What a mapping's rules mean on a given rig: data-blocks, F-curve paths, values; and what can't be moved and why."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

import bpy
import numpy as np

from ..words import say
from . import fuzzy, mapping
from .mapping import CHARACTER_AXES, LOCATION, OWN_AXES, PROPERTY, ROTATION, SCALE, SHAPE, Rule, Sources
from .motion import TakeMotion, euler_to_matrix

Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Head space (x the person's left, y up, z forward) to the space of an object that stands along z and faces −y."""
Y_UP = np.eye(3)
"""The same for an object whose armature stands along y, as many imported ones do inside a turned object."""

_TURNED_ROUND = np.diag([-1.0, 1.0, -1.0])
_SIDED_BONES = 8
"""Bones of each side that are enough to tell left from right."""


@dataclass(frozen=True)
class Channel:
    """One F-curve to be keyed: values (n,) for n scene frames.

    ``group`` is the name it gets in the graph editor, ``neutral`` its value in the rest pose, ``rules`` what moves it.
    """

    path: str
    index: int
    group: str
    values: np.ndarray
    neutral: float
    rules: tuple[Rule, ...]


@dataclass
class BonePose:
    """What the rules add up to on one bone, all (n, 3): angles about and shifts along the two kinds of axes."""

    bone: bpy.types.PoseBone
    basis: np.ndarray
    frames: int
    own: dict[str, np.ndarray] = field(default_factory=dict)
    character: dict[str, np.ndarray] = field(default_factory=dict)
    rules: dict[str, list[Rule]] = field(default_factory=dict)

    def add(self, rule: Rule, values: np.ndarray) -> None:
        """Add one rule's values."""
        kind, axes = (self.own, OWN_AXES) if rule.axis in OWN_AXES else (self.character, CHARACTER_AXES)
        self.rules.setdefault(rule.kind, []).append(rule)
        kind.setdefault(rule.kind, np.zeros((self.frames, 3)))[:, axes.index(rule.axis)] += values

    def rotation(self) -> np.ndarray | None:
        """(n, 3, 3) turn in the bone's own axes: the character's first, then the bone's; None: no rule turns it."""
        own, character = self.own.get(ROTATION), self.character.get(ROTATION)
        if own is None and character is None:
            return None
        matrix = np.broadcast_to(np.eye(3), (self.frames, 3, 3))
        if character is not None:
            matrix = self.basis.T @ euler_to_matrix(character) @ self.basis
        return matrix if own is None else matrix @ mapping.euler_matrix(own)

    def vector(self, kind: str) -> np.ndarray | None:
        """(n, 3) shift or growth along the bone's own axes; None: no rule touches it."""
        own, character = self.own.get(kind), self.character.get(kind)
        if own is None and character is None:
            return None
        total = np.zeros((self.frames, 3)) if own is None else own
        # A shift has a direction, a growth has none: about the bone's axes its signs don't matter.
        turned = self.basis if kind == LOCATION else np.abs(self.basis)
        return total if character is None else total + character @ turned

    def channels(self) -> list[Channel]:
        """Its F-curves, in the bone's own rotation mode."""
        result = []
        turn = self.rotation()
        if turn is not None:
            mode = self.bone.rotation_mode
            if mode == "QUATERNION":
                path, values, rest = "rotation_quaternion", mapping.matrix_quaternion(turn), (1.0, 0.0, 0.0, 0.0)
            elif mode == "AXIS_ANGLE":
                path, values, rest = "rotation_axis_angle", mapping.matrix_axis_angle(turn), (0.0, 0.0, 1.0, 0.0)
            else:
                path, values, rest = "rotation_euler", mapping.matrix_euler(turn, mode), (0.0, 0.0, 0.0)
            result += self._curves(ROTATION, path, values, rest)
        for kind, path, neutral in ((LOCATION, "location", 0.0), (SCALE, "scale", 1.0)):
            vector = self.vector(kind)
            if vector is not None:
                result += self._curves(kind, path, vector + neutral, (neutral,) * 3)
        return result

    def _curves(self, kind: str, prop: str, values: np.ndarray, neutral: Iterable[float]) -> list[Channel]:
        path = f'pose.bones["{bpy.utils.escape_identifier(self.bone.name)}"].{prop}'
        rules = tuple(self.rules[kind])
        return [Channel(path, i, self.bone.name, values[:, i], zero, rules) for i, zero in enumerate(neutral)]


def space_of(thing: bpy.types.Object) -> np.ndarray:
    """(3, 3) head space → the object's, from how its bones stand (z or y) and on which side the left ones are."""
    space = _upright_space(thing)
    return space @ _TURNED_ROUND if thing.type == "ARMATURE" and _looks_back(thing) else space


def _looks_back(thing: bpy.types.Object) -> bool:
    """Whether the character looks the other way than Blender's front view expects: its left bones are on the right."""
    left, right = [], []
    for bone in thing.data.bones:
        side = fuzzy.side(fuzzy.words(bone.name))
        if side:
            (left if side == "left" else right).append(bone.head_local.x)
        if min(len(left), len(right)) >= _SIDED_BONES:
            break
    return bool(left) and bool(right) and float(np.mean(left)) < float(np.mean(right))


def _upright_space(thing: bpy.types.Object) -> np.ndarray:
    if thing.type == "ARMATURE" and len(thing.data.bones):
        low = np.min([np.minimum(bone.head_local, bone.tail_local) for bone in thing.data.bones], axis=0)
        high = np.max([np.maximum(bone.head_local, bone.tail_local) for bone in thing.data.bones], axis=0)
        upright = thing.matrix_world.to_3x3() @ _unit(1)
        if (high - low)[1] > (high - low)[2] and abs(upright.normalized().z) > 0.7:
            return Y_UP
    return Z_UP


def _unit(axis: int):
    from mathutils import Vector

    return Vector([float(axis == i) for i in range(3)])


def bone_basis(thing: bpy.types.Object, bone: bpy.types.Bone, space: np.ndarray | None = None) -> np.ndarray:
    """(3, 3) the bone's rest axes as columns in head space; ``space`` is `space_of` where that is known already."""
    return (space_of(thing) if space is None else space).T @ np.array(bone.matrix_local.to_3x3())


def meshes_of(thing: bpy.types.Object) -> list[bpy.types.Object]:
    """Mesh objects with shape keys that belong to a target: itself, or all that its armature carries."""
    if thing.type == "MESH":
        return [thing] if thing.data.shape_keys else []
    found = []
    for other in bpy.data.objects:
        if other.type == "MESH" and other.data.shape_keys:
            deformed = any(m.type == "ARMATURE" and m.object == thing for m in other.modifiers)
            if deformed or other.parent == thing:
                found.append(other)
    return found


def is_own_head(thing: bpy.types.Object) -> bool:
    """Whether the object is an armature made by `addon.scene.head`."""
    return thing.type == "ARMATURE" and "soliloquy_neck" in thing


def sources_for(thing: bpy.types.Object, motion: TakeMotion) -> Sources:
    """The motion's channels as the target's rules name them."""
    if is_own_head(thing):
        return Sources(motion, *(np.array(thing[f"soliloquy_{name}"][:]) for name in ("neck", "head")))
    return Sources(motion)


def bone_poses(
    thing: bpy.types.Object, rules: Iterable[Rule], sources: Sources, frames: int
) -> Generator[None, None, dict[str, BonePose]]:
    """What the rules do to each bone of an armature, in small steps."""
    poses: dict[str, BonePose] = {}
    space = space_of(thing)
    for rule in rules:
        bone = thing.pose.bones.get(rule.name) if rule.kind in mapping.BONE_KINDS and thing.pose else None
        if bone is not None:
            if bone.name not in poses:
                poses[bone.name] = BonePose(bone, bone_basis(thing, bone.bone, space), frames)
            poses[bone.name].add(rule, sources.value(rule))
            yield None
    return poses


def holder(thing: bpy.types.Object, rule: Rule) -> bpy.types.Object | bpy.types.PoseBone | None:
    """What carries the custom property of a PROPERTY rule; None where it isn't there."""
    owner = thing
    if rule.bone:
        owner = thing.pose.bones.get(rule.bone) if thing.pose else None
    return owner if owner is not None and rule.name in owner else None


def property_path(rule: Rule) -> str:
    """F-curve path of a PROPERTY rule."""
    quoted = bpy.utils.escape_identifier(rule.name)
    return f'pose.bones["{bpy.utils.escape_identifier(rule.bone)}"]["{quoted}"]' if rule.bone else f'["{quoted}"]'


def shape_path(name: str) -> str:
    """F-curve path of a shape key's value."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def channels(
    thing: bpy.types.Object, rules: list[Rule], motion: TakeMotion
) -> Generator[None, None, list[tuple[bpy.types.ID, list[Channel]]]]:
    """The data-blocks to key with their curves, for a motion already sampled on scene frames; in small steps.

    Several rules of one shape key or property add up. Rules whose destination isn't there are left out: `missing`
    names them.
    """
    sources = sources_for(thing, motion)
    yield None
    moved_by: dict[tuple[bpy.types.ID, str], list[Rule]] = {}
    keys = [mesh.data.shape_keys for mesh in meshes_of(thing)]
    for rule in rules:
        if rule.kind == SHAPE:
            for block in keys:
                if rule.name in block.key_blocks:
                    moved_by.setdefault((block, shape_path(rule.name)), []).append(rule)
        elif rule.kind == PROPERTY and holder(thing, rule) is not None:
            moved_by.setdefault((thing, property_path(rule)), []).append(rule)
    yield None
    by_block: dict[bpy.types.ID, list[Channel]] = {}
    bones = yield from bone_poses(thing, rules, sources, len(motion))
    for pose in bones.values():
        by_block.setdefault(thing, []).extend(pose.channels())
        yield None
    for (block, path), movers in moved_by.items():
        values = sum(sources.value(rule) for rule in movers)
        if block != thing:
            shape = block.path_resolve(path.removesuffix(".value"))
            values = np.clip(values, min(shape.slider_min, 0.0), max(shape.slider_max, 1.0))
        neutral = sum(rule.offset for rule in movers)
        by_block.setdefault(block, []).append(Channel(path, 0, "Expression", values, neutral, tuple(movers)))
        yield None
    return list(by_block.items())


def missing(thing: bpy.types.Object, rules: Iterable[Rule]) -> list[str]:
    """Names of destinations that the target doesn't have."""
    shapes = {key.name for mesh in meshes_of(thing) for key in mesh.data.shape_keys.key_blocks}
    bones = {bone.name for bone in thing.pose.bones} if thing.pose else set()
    names = []
    for rule in rules:
        there = (
            rule.name in shapes
            if rule.kind == SHAPE
            else holder(thing, rule) is not None
            if rule.kind == PROPERTY
            else rule.name in bones
        )
        if not there and rule.name not in names:
            names.append(rule.name)
    return names


def why_not(thing: bpy.types.Object | None) -> str:
    """Why a target can't be keyed at all; empty when it can."""
    if thing is None:
        return say("No target is chosen: add a head, or pick an armature or a mesh with shape keys")
    for block in (thing, *(mesh.data.shape_keys for mesh in meshes_of(thing))):
        if not block.is_editable:
            return say("“{target}” is linked from another file: make a library override of it first", target=thing.name)
    if thing.type == "MESH" and not thing.data.shape_keys:
        return say("“{target}” has no shape keys", target=thing.name)
    return ""
