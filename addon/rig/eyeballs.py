"""Do a rig's gaze shapes turn its eyeballs too, and not its lids alone? Then its eye bones must rest."""

from __future__ import annotations

import bpy
import numpy as np

_NEAR = 2000
"""Vertices around an eye's joint that are looked at: more than an eyeball has."""
_MAINLY = 0.5
"""Weight of the eye's bone from which a vertex belongs to the eyeball."""
_TURNED = 0.02
"""Least way of a vertex, in sizes of the eyeball, by which a shape turns it; skin beside it creeps less."""


def turned_by_shapes(thing: bpy.types.Object, eyes: list[str], shapes: list[str]) -> bool:
    """Whether each mesh that the bones ``eyes`` carry is turned by one of the gaze ``shapes`` already.

    A person whose eyeballs are a mesh of their own without such shapes (MPFB) needs the bones although the skin around
    them has the shapes.
    """
    bones = [thing.pose.bones[name].bone for name in eyes if name in thing.pose.bones] if thing.pose else []
    meshes = [other for other in bpy.data.objects if other.type == "MESH" and _carried(other, thing)]
    seen = [_turned(mesh, thing, bone, shapes) for bone in bones for mesh in meshes]
    answers = [answer for answer in seen if answer is not None]
    return bool(answers) and all(answers)


def _carried(mesh: bpy.types.Object, thing: bpy.types.Object) -> bool:
    return any(m.type == "ARMATURE" and m.object == thing for m in mesh.modifiers)


def _turned(mesh: bpy.types.Object, thing: bpy.types.Object, bone: bpy.types.Bone, shapes: list[str]) -> bool | None:
    """Whether a shape turns the eyeball that is in this mesh; None: no eyeball is."""
    group = mesh.vertex_groups.get(bone.name)
    if group is None:
        return None
    rest = _positions(mesh.data.vertices)
    centre = np.array(mesh.matrix_world.inverted_safe() @ thing.matrix_world @ bone.head_local)
    near = np.argsort(np.linalg.norm(rest - centre, axis=1))[:_NEAR]
    vertices = mesh.data.vertices
    own = [i for i in near.tolist() if any(g.group == group.index and g.weight > _MAINLY for g in vertices[i].groups)]
    if not own:
        return None
    keys = mesh.data.shape_keys.key_blocks if mesh.data.shape_keys else {}
    size = np.ptp(rest[own], axis=0).max() or 1.0
    ways = [np.abs(_positions(keys[name].data)[own] - rest[own]).max() for name in shapes if name in keys]
    return max(ways, default=0.0) > _TURNED * size


def _positions(points: bpy.types.bpy_prop_collection) -> np.ndarray:
    """(n, 3) places of vertices or of a shape key's points."""
    values = np.empty(3 * len(points), np.float32)
    points.foreach_get("co", values)
    return values.reshape(-1, 3)
