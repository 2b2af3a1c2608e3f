"""Parts that only some objects have: shape keys, an armature's bones, a pose. Empty where an object has none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import bpy

Animated = bpy.types.Object | bpy.types.Key
"""A data-block that a take is keyed on: an object, or the shape keys of a mesh."""


def shape_keys_of(thing: bpy.types.Object) -> bpy.types.Key | None:
    """The shape keys of a mesh object."""
    return thing.data.shape_keys if isinstance(thing.data, bpy.types.Mesh) else None


def rest_bones(thing: bpy.types.Object) -> dict[str, bpy.types.Bone]:
    """The bones of an armature at rest, by name."""
    return {bone.name: bone for bone in thing.data.bones} if isinstance(thing.data, bpy.types.Armature) else {}


def pose_bones(thing: bpy.types.Object) -> Sequence[bpy.types.PoseBone]:
    """The posed bones of an armature."""
    return list(thing.pose.bones) if thing.pose else ()


def pose_bone(thing: bpy.types.Object, name: str) -> bpy.types.PoseBone | None:
    """The posed bone of that name."""
    return thing.pose.bones.get(name) if thing.pose else None


def carries(armature: bpy.types.Object, mesh: bpy.types.Object) -> bool:
    """Whether the armature deforms the mesh by a modifier."""
    return any(isinstance(m, bpy.types.ArmatureModifier) and m.object == armature for m in mesh.modifiers)


def meshes_carried(armature: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """All mesh objects of the file that the armature deforms."""
    return (other for other in bpy.data.objects if other.type == "MESH" and carries(armature, other))
