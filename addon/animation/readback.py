"""Render from curves: the motion that is on a target now, whatever keys, strips, modifiers and constraints make of it.

What a bake would look like if nobody had touched it is known; what differs from that is what the animator did. So the
motion read back is the take's own plus the difference: where nothing was changed it is the take's to the bit, at any
scene rate and however the curves were thinned.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Generator
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...core.errors import BadInputError
from ...core.motion.channels import CHANNELS, EXPRESSIONS, HEAD
from ..rig import mapping, targets
from ..rig.arkit import SHAPE_NAMES
from ..rig.mapping import BONE_KINDS, PROPERTY, SCALE, Rule
from ..rig.motion import TakeMotion, matrix_to_euler
from ..rig.presets import CENTIMETRE
from ..sequencer.speech import write_once
from ..sequencer.timing import Timing
from ..steps import frame_kept
from ..words import say
from . import bake, nla

UNTOUCHED = 1e-4
"""Differences of weights and radians below this come from rounding, not from the animator."""
UNTOUCHED_CENTIMETRES = 2e-3
_NAMES = (*SHAPE_NAMES, *HEAD)
_STANDS_FOR = dict(zip(mapping.HALF_TURN, HEAD[:3], strict=True)) | dict(zip(mapping.SHIFT, HEAD[3:], strict=True))
_ROUNDS = 30

Reading = dict[str, np.ndarray]
"""For each place that a mapping moves, (n,) or (n, 3) values: bones in head space, turned (angles) and shifted."""


def facts_on(thing: bpy.types.Object, key: str, name: str) -> dict[str, Any]:
    """What was baked of a take on a target. Raises BadInputError where it isn't, or doesn't play."""
    from .moves import tracks_on

    found = tracks_on(thing, key)
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
    return nla.facts_of(found[0].action)


def read(
    scene: bpy.types.Scene, thing: bpy.types.Object, facts: dict[str, Any], take: TakeMotion
) -> Generator[float, None, tuple[TakeMotion, int]]:
    """The motion on ``thing`` now, and how many of its frames differ from the take; yields how far it is (0–1).

    Plays the scene from the take's first frame to its last, a frame a step, and puts the current frame back.
    """
    rules = [Rule(**rule) for rule in facts["rules"]]
    timing = Timing(facts["origin"] + facts.get("placed", 0.0), facts["rate"])
    expected = yield from _expected(thing, rules, take, timing, facts["tolerance"])
    space = targets.space_of(thing)
    now: list[Reading] = []
    with frame_kept(scene):
        for index in range(len(take)):
            frame = timing.origin + index / take.fps * timing.rate
            whole = int(np.floor(frame))
            scene.frame_set(whole, subframe=min(frame - whole, 0.999999))
            now.append(_look(thing, rules, space, bpy.context.evaluated_depsgraph_get()))
            yield (index + 1) / len(take)
    seen = {place: np.array([reading[place] for reading in now]) for place in expected if place in now[0]}
    original = np.concatenate([take.expression, take.rotation, take.translation], axis=1)  # (T, 59)
    channels = _solved(thing, rules, original, expected, seen)
    changed = (channels != original).any(axis=1)
    return TakeMotion(channels[:, :53], channels[:, 53:56], channels[:, 56:], take.fps), int(changed.sum())


def save(motion: TakeMotion, inputs: Path) -> Path:
    """Write the motion for the worker, named after its content; raises BadInputError ``output_unwritable``."""
    stream = io.BytesIO()
    np.savez(
        stream,
        expression=motion.expression.astype(np.float32),
        rotation=motion.rotation.astype(np.float32),
        translation=motion.translation.astype(np.float32),
        fps=np.float64(motion.fps),
        names=np.array(CHANNELS),
    )
    data = stream.getvalue()
    return write_once(inputs / f"curves-{hashlib.sha256(data).hexdigest()[:16]}.npz", data)


# ------------------------------------------------------------------------------------------------- what was baked


def _at_the_start(steps: Generator[None, None, Any]) -> Generator[float, None, Any]:
    """The same steps, none of which is far on the way."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return ended.value
        yield 0.0


def _expected(
    thing: bpy.types.Object, rules: list[Rule], take: TakeMotion, timing: Timing, tolerance: float
) -> Generator[float, None, Reading]:
    """What the untouched bake shows at the take's own frames; in steps, none of which is far on the way."""
    space = targets.space_of(thing)
    yield 0.0
    frames = bake.frames_of(take, timing)
    at = timing.origin + np.arange(len(take)) / take.fps * timing.rate
    values: dict[tuple[bpy.types.ID, str, int], np.ndarray] = {}
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
            keys = [mesh.data.shape_keys for mesh in targets.meshes_of(thing)]
            found = next(
                (v for k in keys if (v := values.get((k, targets.shape_path(rule.name), 0))) is not None), None
            )
        if found is not None:
            reading[_place(rule)] = found
    for bone in {rule.name for rule in rules if rule.kind in BONE_KINDS}:
        posed = thing.pose.bones.get(bone)
        if posed is not None:
            _bone_reading(reading, space, posed, *_transform(thing, posed, values, len(take)))
    if targets.is_own_head(thing):
        _rigid(reading, thing, len(take))
    return reading


def _place(rule: Rule) -> str:
    return f"{rule.kind}:{rule.bone}:{rule.name}"


def _transform(
    thing: bpy.types.Object, posed: bpy.types.PoseBone, values: dict, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3, 3) turn and (n, 3) shift of a bone in its own axes, from the values of its curves."""
    stem = f'pose.bones["{bpy.utils.escape_identifier(posed.name)}"].'

    def curves(prop: str, neutral: tuple[float, ...]) -> np.ndarray | None:
        found = [values.get((thing, stem + prop, i)) for i in range(len(neutral))]
        return None if all(v is None for v in found) else np.stack(found, axis=1)

    turn = np.broadcast_to(np.eye(3), (count, 3, 3))
    if (quaternion := curves("rotation_quaternion", (1, 0, 0, 0))) is not None:
        turn = _quaternion_matrix(quaternion)
    elif (spin := curves("rotation_axis_angle", (0, 0, 1, 0))) is not None:
        half = spin[:, :1] / 2
        axis = spin[:, 1:] / np.maximum(np.linalg.norm(spin[:, 1:], axis=1, keepdims=True), 1e-9)
        turn = _quaternion_matrix(np.concatenate([np.cos(half), np.sin(half) * axis], axis=1))
    elif (angles := curves("rotation_euler", (0, 0, 0))) is not None:
        turn = mapping.euler_matrix(angles, posed.rotation_mode)
    shift = curves("location", (0, 0, 0))
    return turn, np.zeros((count, 3)) if shift is None else shift


def _quaternion_matrix(quaternion: np.ndarray) -> np.ndarray:
    w, x, y, z = (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)  # (3, 3, n) -> (n, 3, 3)


def _bone_reading(
    reading: Reading, space: np.ndarray, posed: bpy.types.PoseBone, turn: np.ndarray, shift: np.ndarray
) -> None:
    """Note a bone's turn and shift along the character's axes."""
    basis = space.T @ np.array(posed.bone.matrix_local.to_3x3())
    reading[f"ROTATION::{posed.name}"] = matrix_to_euler(basis @ turn @ basis.T)
    reading[f"LOCATION::{posed.name}"] = shift @ basis.T


def _rigid(reading: Reading, thing: bpy.types.Object, count: int) -> None:
    """The own head's motion as a whole, from neck and head (whose axes are those of head space)."""
    neck, head = (np.array(thing[f"soliloquy_{name}"][:]) for name in ("neck", "head"))
    order = "ZXY"
    half = [mapping.euler_matrix(reading[f"ROTATION::{name}"], order) for name in ("neck", "head")]
    shift = reading["LOCATION::head"] / CENTIMETRE
    # p -> n + H1 (h - n + shift + H2 (p - h)); the neck's joint itself goes to n + t.
    moved = np.einsum("nij,nj->ni", half[0], head - neck + shift + np.einsum("nij,j->ni", half[1], neck - head))
    reading["HEAD:TURN"] = matrix_to_euler(half[0] @ half[1])
    reading["HEAD:SHIFT"] = moved + np.zeros((count, 3))


# ------------------------------------------------------------------------------------------------- what is there now


def _look(thing: bpy.types.Object, rules: list[Rule], space: np.ndarray, graph: bpy.types.Depsgraph) -> Reading:
    """The same places on the target as it is evaluated at the current frame; no time axis."""
    posed = thing.evaluated_get(graph)
    reading: Reading = {}
    shapes = {
        key.name: key.value
        for mesh in reversed(targets.meshes_of(thing))
        for key in mesh.data.shape_keys.evaluated_get(graph).key_blocks
    }
    for rule in rules:
        if rule.kind == PROPERTY:
            owner = targets.holder(posed, rule)
            if owner is not None:
                reading[_place(rule)] = float(owner[rule.name])
        elif rule.kind in BONE_KINDS:
            bone = posed.pose.bones.get(rule.name) if posed.pose else None
            if bone is not None and f"ROTATION::{rule.name}" not in reading:
                local = posed.convert_space(pose_bone=bone, matrix=bone.matrix, from_space="POSE", to_space="LOCAL")
                turn = np.array(local.to_quaternion().to_matrix())[None]
                single: Reading = {}
                _bone_reading(single, space, thing.pose.bones[rule.name], turn, np.array(local.translation)[None])
                reading |= {place: value[0] for place, value in single.items()}
        elif rule.name in shapes:
            reading[_place(rule)] = shapes[rule.name]
    if targets.is_own_head(thing):
        bone = posed.pose.bones["head"]
        moved = bone.matrix @ bone.bone.matrix_local.inverted()
        space = targets.Z_UP
        turn = space.T @ np.array(moved.to_quaternion().to_matrix()) @ space
        neck = np.array(thing["soliloquy_neck"][:])
        place = space @ neck * CENTIMETRE  # the neck's joint in the armature's space
        reading["HEAD:TURN"] = matrix_to_euler(turn[None])[0]
        reading["HEAD:SHIFT"] = (
            space.T @ (np.array(moved.to_3x3()) @ place + np.array(moved.translation)) / CENTIMETRE - neck
        )
    return reading


# ------------------------------------------------------------------------------------------------- what that means


def _factors(rule: Rule) -> np.ndarray:
    """(59,) change of a rule's destination for a change of each channel."""
    row = np.zeros(len(_NAMES))
    for name, factor in mapping.terms(rule.source).items():
        share = 0.5 if name in mapping.HALF_TURN else 1.0
        row[_NAMES.index(_STANDS_FOR.get(name, name))] += factor * share * rule.multiplier
    return row


def _solved(
    thing: bpy.types.Object, rules: list[Rule], original: np.ndarray, expected: Reading, seen: Reading
) -> np.ndarray:
    """(T, 59) channels whose mapping gives what is seen. Untouched frames and channels stay equal to the bit.

    Shapes and properties tell their channels directly. A bone that was changed tells the rest, by the least change of
    weights within 0–1 that explains it; one that was not says nothing, so a gaze may be edited by either.
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
                bone = thing.pose.bones.get(rule.name)
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
        (row, difference(place, axis, UNTOUCHED if place.startswith("ROT") else UNTOUCHED * bake.METRES))
        for (place, axis), row in from_bones.items()
        if place in seen and np.abs(row).max() > 1e-9
    ]
    change = _change(original, shapes)
    rest = [(row, np.where(delta == 0.0, 0.0, delta - change @ row)) for row, delta in bones]
    change += _change(original + change, [(row, np.where(np.abs(d) > UNTOUCHED, d, 0.0)) for row, d in rest])
    if own:
        change[:, 53:56] = difference("HEAD:TURN")
        change[:, 56:59] = difference("HEAD:SHIFT", limit=UNTOUCHED_CENTIMETRES)
    result = np.where(change == 0.0, original, original + change)
    weights = result[:, : len(EXPRESSIONS)]
    result[:, : len(EXPRESSIONS)] = np.where(change[:, : len(EXPRESSIONS)] == 0.0, weights, np.clip(weights, 0.0, 1.0))
    return result


def _change(original: np.ndarray, part: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(T, 59) least change of the channels that makes the differences; weights are kept in 0–1 by turns."""
    change = np.zeros_like(original)
    if not part:
        return change
    matrix = np.stack([row for row, _ in part])  # (places, 59)
    wanted = np.stack([delta for _, delta in part], axis=1)  # (T, places)
    rows = np.nonzero(np.abs(wanted).max(axis=1))[0]
    # Each place counts alike, whatever its unit.
    scale = 1.0 / np.maximum(np.linalg.norm(matrix, axis=1), 1e-9)
    matrix, wanted = matrix * scale[:, None], wanted[rows] * scale
    inverse = np.linalg.pinv(matrix, rcond=1e-6)
    count = len(EXPRESSIONS)
    for _ in range(_ROUNDS):
        change[rows] += (wanted - change[rows] @ matrix.T) @ inverse.T
        weights = original[rows, :count]
        kept = np.clip(weights + change[rows, :count], 0.0, 1.0) - weights
        change[np.ix_(rows, np.arange(count))] = kept
    return np.where(np.abs(change) > UNTOUCHED / 10, change, 0.0)
