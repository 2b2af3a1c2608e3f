"""Apply a mapping to a rig: data-blocks, F-curve paths and values. Also: what is missing, why a rig can't be keyed."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

import bpy
import numpy as np
from mathutils import Vector

from ...core.motion.motion import Motion
from ...core.motion.rotations import euler_to_matrix, matrix_to_axis_angle, matrix_to_euler, matrix_to_quaternion
from ..words import say
from . import fuzzy
from .mapping import (
    BONE_KINDS,
    CHARACTER_AXES,
    LOCATION,
    OWN_AXES,
    PROPERTY,
    ROTATION,
    SCALE,
    SHAPE,
    Rule,
    Sources,
    terms,
)
from .objects import Animated, carries, pose_bone, pose_bones, rest_bones, shape_keys_of

Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Head space (x the person's left, y up, z forward) to the space of an object that stands along z and faces −y."""
Y_UP = np.eye(3)
"""The same for an object whose armature stands along y. Many imported armatures do, inside an object that is turned."""

_TURNED_ROUND = np.diag([-1.0, 1.0, -1.0])
_SIDED_BONES = 8
"""Number of bones on each side that is enough to tell left from right."""
_UPRIGHT = 0.7
"""Least z of an armature's y axis in the world for which the armature counts as upright."""


@dataclass(frozen=True)
class Channel:
    """One F-curve to be keyed: values (n,) for n scene frames.

    ``group`` is the curve's group in the graph editor, ``neutral`` its value in the rest pose. ``rules`` move it.
    """

    path: str
    index: int
    group: str
    values: np.ndarray
    neutral: float
    rules: tuple[Rule, ...]


@dataclass
class BonePose:
    """The sum of all rules on one bone: (n, 3) angles about, and shifts along, the two kinds of axes.

    ``basis`` holds the bone's rest axes as columns in head space (`bone_basis`). ``own`` and ``character`` have an
    entry for each kind of rule (location, rotation, scale) that moves the bone along its own or the character's axes.
    """

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
        """(n, 3, 3) turn in the bone's own axes, the turn about the character's axes first. None: no rule turns it."""
        own, character = self.own.get(ROTATION), self.character.get(ROTATION)
        if own is None and character is None:
            return None
        matrix = np.broadcast_to(np.eye(3), (self.frames, 3, 3))
        if character is not None:
            matrix = self.basis.T @ euler_to_matrix(character) @ self.basis
        return matrix if own is None else matrix @ euler_to_matrix(own, "XYZ")

    def vector(self, kind: str) -> np.ndarray | None:
        """(n, 3) shift or growth along the bone's own axes. None: no rule of this kind moves it."""
        own, character = self.own.get(kind), self.character.get(kind)
        if own is None and character is None:
            return None
        total = np.zeros((self.frames, 3)) if own is None else own
        # A shift has a direction. A growth has none, so the signs of the axes don't matter.
        turned = self.basis if kind == LOCATION else np.abs(self.basis)
        return total if character is None else total + character @ turned

    def channels(self) -> list[Channel]:
        """Its F-curves, in the bone's own rotation mode."""
        result = []
        turn = self.rotation()
        if turn is not None:
            mode = self.bone.rotation_mode
            if mode == "QUATERNION":
                values = matrix_to_quaternion(turn)
                result += self._curves(ROTATION, "rotation_quaternion", values, (1.0, 0.0, 0.0, 0.0))
            elif mode == "AXIS_ANGLE":
                values = matrix_to_axis_angle(turn)
                result += self._curves(ROTATION, "rotation_axis_angle", values, (0.0, 0.0, 1.0, 0.0))
            else:
                values = np.unwrap(matrix_to_euler(turn, mode), axis=0)  # continuous from frame to frame
                result += self._curves(ROTATION, "rotation_euler", values, (0.0, 0.0, 0.0))
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
    """(3, 3) matrix from head space to the object's space.

    It depends on the axis along which an armature's bones stand (z or y), and on the side of its left bones.
    """
    space = _upright_space(thing)
    return space @ _TURNED_ROUND if thing.type == "ARMATURE" and _looks_back(thing) else space


def _looks_back(thing: bpy.types.Object) -> bool:
    """Whether the character looks along +y instead of −y, as Blender's front view expects: its left bones are at −x."""
    left: list[float] = []
    right: list[float] = []
    for bone in rest_bones(thing).values():
        side = fuzzy.side(fuzzy.words(bone.name))
        if side:
            (left if side == "left" else right).append(bone.head_local.x)
        if min(len(left), len(right)) >= _SIDED_BONES:
            break
    return bool(left) and bool(right) and float(np.mean(left)) < float(np.mean(right))


def _upright_space(thing: bpy.types.Object) -> np.ndarray:
    bones = rest_bones(thing).values()
    if bones:
        ends = np.array([[bone.head_local, bone.tail_local] for bone in bones]).reshape(-1, 3)
        _, depth, height = np.ptp(ends, axis=0)
        up = thing.matrix_world.to_3x3() @ Vector((0.0, 1.0, 0.0))
        if depth > height and abs(up.normalized().z) > _UPRIGHT:
            return Y_UP
    return Z_UP


def bone_basis(thing: bpy.types.Object, bone: bpy.types.Bone, space: np.ndarray | None = None) -> np.ndarray:
    """(3, 3) the bone's rest axes as columns in head space. ``space`` is the result of `space_of`, if it is known."""
    return (space_of(thing) if space is None else space).T @ np.array(bone.matrix_local.to_3x3())


def meshes_of(thing: bpy.types.Object) -> list[bpy.types.Object]:
    """Mesh objects with shape keys that belong to a target: itself, or the meshes that it deforms or is parent of."""
    if thing.type == "MESH":
        return [thing] if shape_keys_of(thing) else []
    return [
        other for other in bpy.data.objects if shape_keys_of(other) and (carries(thing, other) or other.parent == thing)
    ]


def shape_keys_on(thing: bpy.types.Object) -> list[bpy.types.Key]:
    """The shape keys of all `meshes_of` a target."""
    return [keys for mesh in meshes_of(thing) if (keys := shape_keys_of(mesh)) is not None]


def is_own_head(thing: bpy.types.Object) -> bool:
    """Whether the object is an armature made by `addon.scene.head`."""
    return thing.type == "ARMATURE" and thing.get("soliloquy_neck") is not None


def sources_for(thing: bpy.types.Object, motion: Motion) -> Sources:
    """The motion's channels as the target's rules name them."""
    if is_own_head(thing):
        return Sources(motion, *(np.array(thing[f"soliloquy_{name}"][:]) for name in ("neck", "head")))
    return Sources(motion)


def bone_poses(
    thing: bpy.types.Object, rules: Iterable[Rule], sources: Sources, frames: int
) -> Generator[None, None, dict[str, BonePose]]:
    """The sum of the rules on each bone of an armature, by the bone's name; in small steps."""
    poses: dict[str, BonePose] = {}
    space = space_of(thing)
    for rule in rules:
        bone = pose_bone(thing, rule.name) if rule.kind in BONE_KINDS else None
        if bone is not None:
            if bone.name not in poses:
                poses[bone.name] = BonePose(bone, bone_basis(thing, bone.bone, space), frames)
            poses[bone.name].add(rule, sources.value(rule))
            yield None
    return poses


def holder(thing: bpy.types.Object, rule: Rule) -> bpy.types.Object | bpy.types.PoseBone | None:
    """The object or the bone that carries the custom property of a PROPERTY rule. None: there is no such property."""
    owner = pose_bone(thing, rule.bone) if rule.bone else thing
    return owner if owner is not None and owner.get(rule.name) is not None else None


def property_path(rule: Rule) -> str:
    """F-curve path of a PROPERTY rule."""
    quoted = bpy.utils.escape_identifier(rule.name)
    return f'pose.bones["{bpy.utils.escape_identifier(rule.bone)}"]["{quoted}"]' if rule.bone else f'["{quoted}"]'


def shape_path(name: str) -> str:
    """F-curve path of a shape key's value."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def channels(
    thing: bpy.types.Object, rules: list[Rule], motion: Motion
) -> Generator[None, None, list[tuple[Animated, list[Channel]]]]:
    """The data-blocks to key and their curves, for a motion that was sampled on scene frames; in small steps.

    Several rules of one shape key or property add up. Rules without a destination on the target are left out;
    `missing` names them.
    """
    sources = sources_for(thing, motion)
    yield None
    moved_by: dict[tuple[Animated, str], list[Rule]] = {}
    keys = shape_keys_on(thing)
    for rule in rules:
        if rule.kind == SHAPE:
            for shapes in keys:
                if rule.name in shapes.key_blocks:
                    moved_by.setdefault((shapes, shape_path(rule.name)), []).append(rule)
        elif rule.kind == PROPERTY and holder(thing, rule) is not None:
            moved_by.setdefault((thing, property_path(rule)), []).append(rule)
    yield None
    by_block: dict[Animated, list[Channel]] = {}
    bones = yield from bone_poses(thing, rules, sources, len(motion))
    for pose in bones.values():
        by_block.setdefault(thing, []).extend(pose.channels())
        yield None
    for (block, path), movers in moved_by.items():
        values = np.sum([sources.value(rule) for rule in movers], axis=0)
        if isinstance(block, bpy.types.Key):
            shape = block.path_resolve(path.removesuffix(".value"))
            values = np.clip(values, min(shape.slider_min, 0.0), max(shape.slider_max, 1.0))
        neutral = float(sum(rule.offset for rule in movers))
        by_block.setdefault(block, []).append(Channel(path, 0, "Expression", values, neutral, tuple(movers)))
        yield None
    return list(by_block.items())


def missing(thing: bpy.types.Object, rules: Iterable[Rule]) -> list[str]:
    """Names of the rules' destinations that the target doesn't have."""
    shapes = {key.name for keys in shape_keys_on(thing) for key in keys.key_blocks}
    bones = {bone.name for bone in pose_bones(thing)}
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


def doubts(thing: bpy.types.Object, rules: Iterable[Rule]) -> list[str]:
    """Sentences about a mapping that works but does less than a user expects: no jaw, shape keys with a short range."""
    rules = list(rules)
    lacking = set(missing(thing, rules))
    there = [rule for rule in rules if rule.name not in lacking]
    found = []
    if rules and not any("jawOpen" in terms(rule.source) for rule in there):
        found.append(say("The mapping of “{target}” has no jaw: the mouth stays shut", target=thing.name))
    reach: dict[str, float] = {}
    for rule in there:
        if rule.kind == SHAPE:
            reach[rule.name] = min(1.0, reach.get(rule.name, 0.0) + _reach(rule))
    keys = [keys.key_blocks for keys in shape_keys_on(thing)]
    short = [name for name, value in reach.items() if any(name in k and k[name].slider_max < value for k in keys)]
    if short:
        some = ", ".join(short[:3]) + (", …" if len(short) > 3 else "")
        found.append(
            say("“{target}”: the range of these shape keys ends too early: {names}", target=thing.name, names=some)
        )
    return found


def _reach(rule: Rule) -> float:
    """The largest value that a rule can give: all channels that raise it at 1, the others at 0."""
    factors = [rule.multiplier * factor for factor in terms(rule.source).values()]
    return rule.offset + sum(factor for factor in factors if factor > 0)


def why_not(thing: bpy.types.Object | None) -> str:
    """The reason why a target can't be keyed at all. Empty: it can."""
    if thing is None:
        return say("No target is chosen: add a head, or pick an armature or a mesh with shape keys")
    for block in (thing, *shape_keys_on(thing)):
        if not block.is_editable:
            return say("“{target}” is linked from another file: make a library override of it first", target=thing.name)
    if thing.type == "MESH" and not shape_keys_of(thing):
        return say("“{target}” has no shape keys", target=thing.name)
    return ""
