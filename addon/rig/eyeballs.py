"""Detect rigs whose shape keys do what bones could do too: turn the eyeballs, open the mouth.

On those the bones are left unanimated.
"""

from __future__ import annotations

import bpy
import numpy as np

from .objects import meshes_carried, pose_bone

_NEAR = 2000
"""Number of vertices around an eye's joint that are examined: more than an eyeball has."""
_MAINLY = 0.5
"""Least weight of the eye's bone for a vertex of the eyeball."""
_TURNED = 0.02
"""Least path of a vertex by a shape that turns the eyeball, in diameters of it. Skin next to it moves less."""


def turned_by_shapes(thing: bpy.types.Object, eyes: list[str], shapes: list[str]) -> bool:
    """Whether the gaze ``shapes`` already turn each eyeball that the bones ``eyes`` carry.

    MPFB's people have eyeballs in a mesh of their own without such shapes. They need the bones, although the skin
    around their eyes has the shapes.
    """
    bones = [posed.bone for name in eyes if (posed := pose_bone(thing, name)) is not None]
    seen = [_turned(mesh, thing, bone, shapes) for bone in bones for mesh in meshes_carried(thing)]
    answers = [answer for answer in seen if answer is not None]
    return bool(answers) and all(answers)


def opened_by_shapes(thing: bpy.types.Object, jaw: str, shapes: list[str]) -> bool:
    """Whether the ``shapes`` already move something that the bone ``jaw`` carries; also if it carries nothing.

    Character Creator's ``Jaw_Open`` only corrects the skin around the mouth. There the bone opens it.
    """
    posed = pose_bone(thing, jaw)
    if posed is None:
        return True
    seen = [_turned(mesh, thing, posed.bone, shapes) for mesh in meshes_carried(thing)]
    answers = [answer for answer in seen if answer is not None]
    return not answers or any(answers)


def _turned(mesh: bpy.types.Object, thing: bpy.types.Object, bone: bpy.types.Bone, shapes: list[str]) -> bool | None:
    """Whether a shape moves what the bone carries in this mesh, mainly an eyeball. None: it carries nothing there."""
    group = mesh.vertex_groups.get(bone.name)
    if group is None or not isinstance(mesh.data, bpy.types.Mesh):
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
    """(n, 3) positions of vertices or of a shape key's points."""
    values = np.empty(3 * len(points), np.float32)
    points.foreach_get("co", values)
    return values.reshape(-1, 3)
