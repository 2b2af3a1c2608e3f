"""Render from curves: the motion on a target now, with all edits of keys, strips, modifiers and constraints.

The target with an untouched bake is known. Its difference to the target now is the animator's work. So the motion that
is read back is the take's own plus this difference. Where nothing was changed it is bit-identical to the take, at any
scene rate and with any thinning of the curves.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import bpy
import numpy as np

from ...core.errors import BadInputError
from ...core.motion.channels import HEAD, SHAPES
from ...core.motion.motion import Motion
from ...core.motion.rotations import axis_angle_to_matrix, euler_to_matrix, matrix_to_euler, quaternion_to_matrix
from ..rig import mapping, targets
from ..rig.arkit import SHAPE_NAMES
from ..rig.mapping import BONE_KINDS, PROPERTY, SCALE, Rule
from ..rig.objects import Animated, pose_bone
from ..rig.presets import CENTIMETRE
from ..sequencer.timing import Timing
from ..steps import Outcome, changed_steps, frame_kept
from ..words import say
from . import bake, nla, visibility

UNTOUCHED = 1e-4
"""Differences of weights and radians up to this come from rounding, not from the animator."""
UNTOUCHED_CENTIMETRES = 2e-3
"""The same for the shift of the head."""
_NAMES = (*SHAPE_NAMES, *HEAD)
_STANDS_FOR = dict(zip(mapping.HALF_TURN, HEAD[:3], strict=True)) | dict(zip(mapping.SHIFT, HEAD[3:], strict=True))
_NEEDED = frozenset(("rules", "origin", "rate", "tolerance"))
"""Facts about a bake without which the target with the untouched bake isn't known."""
_ROUNDS = 30
"""Iterations that fit edited bones while the weights stay within 0–1."""

Curves = dict[tuple[Animated, str, int], np.ndarray]
"""Values (n,) of F-curves by data-block, path and index."""
Reading = dict[str, np.ndarray]
"""For each place that a mapping moves, values (n,), or for a bone (n, 3): Euler angles and shift in head space."""
FrameReading = dict[str, float | np.ndarray]
"""The same for one frame, without the axis of frames."""


def facts_on(thing: bpy.types.Object, key: str, name: str) -> dict[str, Any]:
    """Facts about the bake of a take on a target.

    Raises BadInputError ``not_baked`` if the take is not on the target, ``not_shown`` if it doesn't play there,
    ``facts_damaged`` if what the bake noted can't be read.
    """
    found = visibility.tracks_on(thing, key)
    if not found:
        raise BadInputError(
            "not_baked", say("{name} is not on “{target}”.", name=name, target=thing.name), say("Bake it there first.")
        )
    if any(track.track.mute for track in found):
        raise BadInputError(
            "not_shown",
            say("{name} is not playing on “{target}”.", name=name, target=thing.name),
            say("Choose it in the list first."),
        )
    facts = nla.facts_of(found[0].action)
    if not facts.keys() >= _NEEDED:
        raise BadInputError(
            "facts_damaged",
            say("The notes of {name} on “{target}” can't be read.", name=name, target=thing.name),
            say("Bake it there again."),
        )
    return facts


def read(
    scene: bpy.types.Scene, thing: bpy.types.Object, facts: dict[str, Any], take: Motion
) -> Generator[float, None, tuple[Motion, int]]:
    """Read the motion on ``thing`` now; returns it and the number of frames that differ from the take.

    Plays the scene from the take's first frame to its last, one frame a step, and restores the current frame. Yields
    the finished share (0–1).
    """
    rules = [Rule(**rule) for rule in facts["rules"]]
    timing = Timing(facts["origin"] + facts.get("placed", 0.0), facts["rate"])
    expected = yield from _expected(thing, rules, take, timing, facts["tolerance"])
    space = targets.space_of(thing)
    now: list[FrameReading] = []
    with frame_kept(scene):
        for index in range(len(take)):
            frame = timing.origin + index / take.fps * timing.rate
            whole = int(np.floor(frame))
            scene.frame_set(whole, subframe=min(frame - whole, 0.999999))
            now.append(_look(thing, rules, space, bpy.context.evaluated_depsgraph_get()))
            yield (index + 1) / len(take)
    seen = {place: np.array([reading[place] for reading in now]) for place in expected if place in now[0]}
    original = take.table()  # (T, 61)
    table = _solved(thing, rules, original, expected, seen)
    changed = (table != original).any(axis=1)
    return Motion.from_table(table, take.fps), int(changed.sum())


# ---------------------------------------------------------------------------------- the target with an untouched bake


def _at_the_start(steps: Generator[None, None, Outcome]) -> Generator[float, None, Outcome]:
    """The same steps, each of which reports a finished share of 0."""
    return changed_steps(steps, lambda _: 0.0)


def _expected(
    thing: bpy.types.Object, rules: list[Rule], take: Motion, timing: Timing, tolerance: float
) -> Generator[float, None, Reading]:
    """The target with the untouched bake at the take's own frames; in steps with a finished share of 0."""
    space = targets.space_of(thing)
    yield 0.0
    frames = bake.frames_of(take, timing)
    at = timing.origin + np.arange(len(take)) / take.fps * timing.rate
    values: Curves = {}
    sampled = yield from _at_the_start(bake.on_frames(take, timing, frames))
    plan = yield from _at_the_start(targets.channels(thing, rules, sampled))
    for block, channels in plan:
        for channel in channels:
            kept = yield from _at_the_start(bake.kept_keys(frames, channel, tolerance))
            keyed = channel.values[kept].astype(np.float32).astype(float)
            values[block, channel.path, channel.index] = np.interp(at, frames[kept], keyed)
            yield 0.0
    reading: Reading = {}
    for rule in rules:
        if rule.kind == PROPERTY:
            found = values.get((thing, targets.property_path(rule), 0))
        elif rule.kind in BONE_KINDS:
            continue
        else:
            path = targets.shape_path(rule.name)
            keyed_shapes = (values.get((keys, path, 0)) for keys in targets.shape_keys_on(thing))
            found = next((v for v in keyed_shapes if v is not None), None)
        if found is not None:
            reading[_place(rule)] = found
    for bone in {rule.name for rule in rules if rule.kind in BONE_KINDS}:
        posed = pose_bone(thing, bone)
        if posed is not None:
            reading |= _bone_reading(space, posed, *_transform(thing, posed, values, len(take)))
    if targets.is_own_head(thing):
        _rigid(reading, thing, len(take))
    return reading


def _place(rule: Rule) -> str:
    return f"{rule.kind}:{rule.bone}:{rule.name}"


def _transform(
    thing: bpy.types.Object, posed: bpy.types.PoseBone, values: Curves, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3, 3) turn and (n, 3) shift of a bone in its own axes, from the values of its curves."""
    stem = f'pose.bones["{bpy.utils.escape_identifier(posed.name)}"].'

    def curves(prop: str, size: int) -> np.ndarray | None:
        """(n, size) values of a property's curves. None: it has none."""
        found = [v for i in range(size) if (v := values.get((thing, stem + prop, i))) is not None]
        return np.stack(found, axis=1) if found else None

    turn = np.broadcast_to(np.eye(3), (count, 3, 3))
    if (quaternion := curves("rotation_quaternion", 4)) is not None:
        turn = quaternion_to_matrix(quaternion)
    elif (spin := curves("rotation_axis_angle", 4)) is not None:
        turn = axis_angle_to_matrix(spin)
    elif (angles := curves("rotation_euler", 3)) is not None:
        turn = euler_to_matrix(angles, posed.rotation_mode)
    shift = curves("location", 3)
    return turn, np.zeros((count, 3)) if shift is None else shift


def _bone_reading(space: np.ndarray, posed: bpy.types.PoseBone, turn: np.ndarray, shift: np.ndarray) -> Reading:
    """A bone's turn and shift about and along the character's axes, from those in its own axes."""
    basis = space.T @ np.array(posed.bone.matrix_local.to_3x3())
    return {
        f"ROTATION::{posed.name}": matrix_to_euler(basis @ turn @ basis.T),
        f"LOCATION::{posed.name}": shift @ basis.T,
    }


def _rigid(reading: Reading, thing: bpy.types.Object, count: int) -> None:
    """Add the motion of our own head as one rigid body, from neck and head, whose axes are those of head space."""
    neck, head = (np.array(thing[f"soliloquy_{name}"][:]) for name in ("neck", "head"))
    half = [euler_to_matrix(reading[f"ROTATION::{name}"]) for name in ("neck", "head")]
    shift = reading["LOCATION::head"] / CENTIMETRE
    # A point p goes to n + H1 (h - n + shift + H2 (p - h)), and the neck's joint n to n + t.
    moved = np.einsum("nij,nj->ni", half[0], head - neck + shift + np.einsum("nij,j->ni", half[1], neck - head))
    reading["HEAD:TURN"] = matrix_to_euler(half[0] @ half[1])
    reading["HEAD:SHIFT"] = moved + np.zeros((count, 3))


# --------------------------------------------------------------------------------------------------- the target now


def _look(thing: bpy.types.Object, rules: list[Rule], space: np.ndarray, graph: bpy.types.Depsgraph) -> FrameReading:
    """The same places on the target as Blender evaluates it at the current frame."""
    posed = thing.evaluated_get(graph)
    reading: FrameReading = {}
    shapes = {
        key.name: key.value
        for keys in reversed(targets.shape_keys_on(thing))
        for key in keys.evaluated_get(graph).key_blocks
    }
    for rule in rules:
        if rule.kind == PROPERTY:
            owner = targets.holder(posed, rule)
            if owner is not None:
                reading[_place(rule)] = float(owner.get(rule.name))
        elif rule.kind in BONE_KINDS:
            bone, rest = pose_bone(posed, rule.name), pose_bone(thing, rule.name)
            if bone is not None and rest is not None and f"ROTATION::{rule.name}" not in reading:
                local = posed.convert_space(pose_bone=bone, matrix=bone.matrix, from_space="POSE", to_space="LOCAL")
                turn = np.array(local.to_quaternion().to_matrix())[None]
                single = _bone_reading(space, rest, turn, np.array(local.translation)[None])
                reading |= {place: value[0] for place, value in single.items()}
        elif rule.name in shapes:
            reading[_place(rule)] = shapes[rule.name]
    bone = pose_bone(posed, "head")
    if targets.is_own_head(thing) and bone is not None:
        moved = bone.matrix @ bone.bone.matrix_local.inverted()
        space = targets.Z_UP
        turn = space.T @ np.array(moved.to_quaternion().to_matrix()) @ space
        neck = np.array(thing["soliloquy_neck"][:])
        place = space @ neck * CENTIMETRE  # the neck's joint in the armature's space, metres
        reading["HEAD:TURN"] = matrix_to_euler(turn[None])[0]
        reading["HEAD:SHIFT"] = (
            space.T @ (np.array(moved.to_3x3()) @ place + np.array(moved.translation)) / CENTIMETRE - neck
        )
    return reading


# --------------------------------------------------------------------------------- from the difference to the channels


def _factors(rule: Rule) -> np.ndarray:
    """(61,) change of a rule's destination for a unit change of each channel."""
    row = np.zeros(len(_NAMES))
    for name, factor in mapping.terms(rule.source).items():
        share = 0.5 if name in mapping.HALF_TURN else 1.0
        row[_NAMES.index(_STANDS_FOR.get(name, name))] += factor * share * rule.multiplier
    return row


def _solved(
    thing: bpy.types.Object, rules: list[Rule], original: np.ndarray, expected: Reading, seen: Reading
) -> np.ndarray:
    """(T, 61) channels whose mapping gives the target as it is seen. Untouched frames and channels stay bit-identical.

    Changed shapes and properties give their channels directly. Changed bones give the rest: the least change of weights
    within 0–1 that explains them. Unchanged bones are not used, so a gaze can be edited by shapes or by bones.
    """
    own = targets.is_own_head(thing)
    direct: dict[str, np.ndarray] = {}
    from_bones: dict[tuple[str, int], np.ndarray] = {}
    for rule in rules:
        row = _factors(rule)
        if rule.kind not in BONE_KINDS:
            direct[_place(rule)] = direct.get(_place(rule), 0.0) + row
        elif rule.kind != SCALE and not (own and rule.name in ("neck", "head", "jaw")):
            vector = np.zeros(3)
            if rule.axis in mapping.CHARACTER_AXES:
                vector[mapping.CHARACTER_AXES.index(rule.axis)] = 1.0
            else:
                bone = pose_bone(thing, rule.name)
                if bone is None:
                    continue
                vector = targets.bone_basis(thing, bone.bone)[:, mapping.OWN_AXES.index(rule.axis)]
            for axis in range(3):
                place = f"{rule.kind}::{rule.name}", axis
                from_bones[place] = from_bones.get(place, 0.0) + vector[axis] * row

    def difference(place: str, axis: int | None = None, limit: float = UNTOUCHED) -> np.ndarray:
        delta = seen[place] - expected[place]
        delta = delta if axis is None else delta[:, axis]
        return np.where(np.abs(delta) > limit, delta, 0.0)

    shapes = [(row, difference(place)) for place, row in direct.items() if place in seen]
    bones = [
        (row, difference(place, axis, UNTOUCHED if place.startswith("ROT") else UNTOUCHED * bake.LOCATION_SHARE))
        for (place, axis), row in from_bones.items()
        if place in seen and np.abs(row).max() > 1e-9
    ]
    change = _change(original, shapes)
    rest = [(row, np.where(delta == 0.0, 0.0, delta - change @ row)) for row, delta in bones]
    change += _change(original + change, [(row, np.where(np.abs(d) > UNTOUCHED, d, 0.0)) for row, d in rest])
    if own:
        change[:, -6:-3] = difference("HEAD:TURN")
        change[:, -3:] = difference("HEAD:SHIFT", limit=UNTOUCHED_CENTIMETRES)
    result = np.where(change == 0.0, original, original + change)
    weights = result[:, : len(SHAPES)]
    result[:, : len(SHAPES)] = np.where(change[:, : len(SHAPES)] == 0.0, weights, np.clip(weights, 0.0, 1.0))
    return result


def _change(original: np.ndarray, part: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(T, 61) least change of the channels that explains the differences.

    ``part`` holds for each place its factors (61,) and its difference (T,). Weights are clipped to 0–1 after each
    iteration.
    """
    change = np.zeros_like(original)
    if not part:
        return change
    matrix = np.stack([row for row, _ in part])  # (places, 61)
    wanted = np.stack([delta for _, delta in part], axis=1)  # (T, places)
    rows = np.nonzero(np.abs(wanted).max(axis=1))[0]
    # Each place has the same weight, whatever its unit.
    scale = 1.0 / np.maximum(np.linalg.norm(matrix, axis=1), 1e-9)
    matrix, wanted = matrix * scale[:, None], wanted[rows] * scale
    inverse = np.linalg.pinv(matrix, rcond=1e-6)
    count = len(SHAPES)
    for _ in range(_ROUNDS):
        change[rows] += (wanted - change[rows] @ matrix.T) @ inverse.T
        weights = original[rows, :count]
        kept = np.clip(weights + change[rows, :count], 0.0, 1.0) - weights
        change[np.ix_(rows, np.arange(count))] = kept
    return np.where(np.abs(change) > UNTOUCHED / 10, change, 0.0)
