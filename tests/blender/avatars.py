"""Avatars of other makers, built from our head: bones, shapes and parts as in MPFB, VRM and Ready Player Me.

Each function takes the armature that Add Head made and returns another armature with meshes of its own, named and
arranged as that maker's exporter or importer leaves them in Blender. Only the geometry is ours.
"""

from __future__ import annotations

import math

import bpy
import numpy as np
from harness import addon
from mathutils import Matrix, Vector

Bones = dict[str, tuple[tuple[float, float, float], tuple[float, float, float], float, str]]
"""Name → (head, tail, roll, parent), metres and radians."""

_EYE, _EYE_TIP = (0.02889, -0.11808, 0.73551), (0.03067, -0.15606, 0.73256)
_LIDS = {"orbicularis03": (0.02974, -0.15251, 0.74785), "orbicularis04": (0.02987, -0.15377, 0.7253)}


def mpfb(head: bpy.types.Object, *, face_units: bool) -> bpy.types.Object:
    """MPFB's default rig, whose eyes are a mesh without shapes. ``face_units``: with the pack faceunits01."""
    bones: Bones = {
        "root": ((0, 0.076, 0.056), (0, -0.014, 0.073), 0.0, ""),
        "spine01": ((0, -0.02, 0.42), (0, -0.006, 0.57), 0.0, "root"),
        "neck01": ((0, -0.006, 0.57), (0, -0.02, 0.62), 0.0, "spine01"),
        "neck02": ((0, -0.02, 0.62), (0, -0.03, 0.65), 0.0, "neck01"),
        "neck03": ((0, -0.03, 0.65), (0, -0.037, 0.68), 0.0, "neck02"),
        "head": ((0, -0.037, 0.68), (0, -0.04, 0.83), 0.0, "neck03"),
        "jaw": ((0, -0.045, 0.69), (0, -0.145, 0.655), 0.0, "head"),
        "special04": ((0, -0.07, 0.68), (0, -0.11, 0.67), 0.0, "jaw"),
        "oris05": ((0, -0.16, 0.69), (0, -0.167, 0.684), 0.0, "special04"),
    }
    for side, sign in (("L", 1), ("R", -1)):
        bones |= {
            f"special06.{side}": ((0, -0.03, 0.82), (sign * 0.02, -0.13, 0.81), 0.0, "head"),
            f"special05.{side}": ((sign * 0.02, -0.13, 0.81), _sided(_EYE, sign), 0.0, f"special06.{side}"),
            f"eye.{side}": (_sided(_EYE, sign), _sided(_EYE_TIP, sign), sign * 2.0618, f"special05.{side}"),
            f"temporalis01.{side}": ((0, -0.03, 0.8), (sign * 0.06, -0.12, 0.77), 0.0, "head"),
            f"oculi01.{side}": ((sign * 0.034, -0.153, 0.757), (sign * 0.015, -0.161, 0.758), 0.0,
                                f"temporalis01.{side}"),
        }  # fmt: skip
        for name, tip in _LIDS.items():
            bones[f"{name}.{side}"] = (_sided(_EYE, sign), _sided(tip, sign), sign * 1.1, f"special05.{side}")
    rig = _armature("Human", bones)
    groups = {"root": "root", "neck": "neck01", "head": "head", "eye.L": "eye.L", "eye.R": "eye.R"}
    shift = _to_eyes(head, Vector(_EYE), Vector(_sided(_EYE, -1)))
    shapes = {f"!ex-{name}": total for name, total in _arkit_totals().items()} if face_units else {}
    carried = {"jaw": "jawOpen"}
    for side, sided in (("L", "Left"), ("R", "Right")):
        carried |= {f"orbicularis03.{side}": f"eyeBlink{sided}", f"oculi01.{side}": f"browInnerUp{sided}"}
    _part(head, rig, "Human.body", groups, shift, shapes, eyes=False, carried=None if face_units else carried)
    _part(head, rig, "Human.low-poly", groups, shift, {}, eyes=True)
    return rig


def vrm(head: bpy.types.Object, *, version: int) -> bpy.types.Object:
    """A VRoid Studio character; in version 0 shapes start with the mesh's name and the face looks the other way."""
    height, out = 1.45, {}
    bones: Bones = {
        "Root": ((0, 0, 0), (0, 0, 0.1), 0.0, ""),
        "J_Bip_C_Hips": ((0, 0, 0.8), (0, 0, 0.86), 0.3, "Root"),
        "J_Bip_C_UpperChest": ((0, 0.01, 1.1), (0, 0.01, height - 0.08), -0.2, "J_Bip_C_Hips"),
        "J_Bip_C_Neck": ((0, 0.01, height - 0.08), (0, 0, height), 0.5, "J_Bip_C_UpperChest"),
        "J_Bip_C_Head": ((0, 0, height), (0, 0, height + 0.16), -0.7, "J_Bip_C_Neck"),
        "J_Sec_Hair1_01": ((0, 0.03, height + 0.16), (0, 0.12, height + 0.1), 0.0, "J_Bip_C_Head"),
    }
    for side, sign in (("L", 1), ("R", -1)):
        eye = (sign * 0.02, -0.03, height + 0.06)
        out[side] = Vector(eye)
        bones[f"J_Adj_{side}_FaceEye"] = (eye, (eye[0], eye[1] - 0.001, eye[2] + 0.06), 0.9 * sign, "J_Bip_C_Head")
        shoulder = (sign * 0.02, 0.01, height - 0.1), (sign * 0.1, 0.01, height - 0.11)
        bones[f"J_Bip_{side}_Shoulder"] = (*shoulder, 0.4 * sign, "J_Bip_C_UpperChest")
    before = "Face.M_F00_000_00_" if version == 0 else ""
    rig = _armature("VRM", bones)
    groups = {"neck": "J_Bip_C_Neck", "head": "J_Bip_C_Head", "root": "J_Bip_C_UpperChest"}
    groups |= {f"eye.{side}": f"J_Adj_{side}_FaceEye" for side in "LR"}
    shapes = {f"{before}Fcl_{name}": total for name, total in _VROID.items()}
    _part(head, rig, "Face", groups, _to_eyes(head, out["L"], out["R"]), shapes)
    if version == 0:
        _turn_round(rig)
    return rig


_VROID = {
    "ALL_Neutral": "", "ALL_Angry": "browDownLeft + browDownRight", "BRW_Angry": "browDownLeft + browDownRight",
    "BRW_Surprised": "browInnerUpLeft + browInnerUpRight + browOuterUpLeft + browOuterUpRight",
    "EYE_Close": "eyeBlinkLeft + eyeBlinkRight", "EYE_Close_R": "eyeBlinkRight", "EYE_Close_L": "eyeBlinkLeft",
    "EYE_Surprised": "eyeWideLeft + eyeWideRight", "MTH_Close": "mouthClose", "MTH_Up": "mouthShrugUpper",
    "MTH_A": "0.7 jawOpen", "MTH_I": "0.2 jawOpen + mouthStretchLeft + mouthStretchRight",
    "MTH_U": "0.2 jawOpen + mouthPucker", "MTH_E": "0.35 jawOpen + 0.6 mouthStretchLeft + 0.6 mouthStretchRight",
    "MTH_O": "0.4 jawOpen + mouthFunnel", "MTH_Joy": "mouthSmileLeft + mouthSmileRight",
}  # fmt: skip


def ready_player_me(head: bpy.types.Object, *, lean: bool) -> bpy.types.Object:
    """A Ready Player Me avatar as the glTF importer leaves it; ``lean``: only the two shapes of the default export."""
    height = 1.62
    bones: Bones = {
        "Hips": ((0, 0, 0.95), (0, 0, 1.05), 0.0, ""),
        "Spine2": ((0, 0.01, 1.25), (0, 0.02, height - 0.1), 0.0, "Hips"),
        "Neck": ((0, 0.02, height - 0.1), (0, 0.01, height), math.pi, "Spine2"),
        "Head": ((0, 0.01, height), (0, 0.01, height + 0.2), math.pi, "Neck"),
        "HeadTop_End": ((0, 0.01, height + 0.2), (0, 0.01, height + 0.3), 0.0, "Head"),
    }
    eyes = {}
    for side, sign in (("Left", 1), ("Right", -1)):
        eye = (sign * 0.03, -0.07, height + 0.08)
        eyes[side] = Vector(eye)
        bones[f"{side}Eye"] = (eye, (eye[0], eye[1], eye[2] + 0.1), math.pi, "Head")
        arm = (sign * 0.06, 0.02, height - 0.13), (sign * 0.17, 0.02, height - 0.14)
        bones[f"{side}Shoulder"] = (*arm, 1.2 * sign, "Spine2")
    rig = _armature("Armature", bones)
    groups = {"neck": "Neck", "head": "Head", "root": "Spine2", "eye.L": "LeftEye", "eye.R": "RightEye"}
    shift = _to_eyes(head, eyes["Left"], eyes["Right"])
    shapes = {"mouthOpen": "0.7 jawOpen", "mouthSmile": "mouthSmileLeft + mouthSmileRight"}
    if not lean:
        shapes |= {f"viseme_{name}": total for name, total in _OCULUS.items()} | _arkit_totals()
        shapes["eyesClosed"] = "eyeBlinkLeft + eyeBlinkRight"
    _part(head, rig, "Wolf3D_Head", groups, shift, shapes, eyes=False)
    _part(head, rig, "EyeLeft", groups, shift, shapes, eyes=True)
    return rig


_OCULUS = {
    "sil": "", "PP": "mouthPressLeft + mouthPressRight", "FF": "mouthRollLower", "TH": "0.2 jawOpen",
    "DD": "0.2 jawOpen", "kk": "0.2 jawOpen", "CH": "mouthFunnel", "SS": "mouthStretchLeft + mouthStretchRight",
    "nn": "0.15 jawOpen", "RR": "0.5 mouthFunnel", "aa": "0.7 jawOpen", "E": "0.3 jawOpen + mouthStretchLeft",
    "I": "0.2 jawOpen + mouthStretchLeft + mouthStretchRight", "O": "0.4 jawOpen + mouthFunnel",
    "U": "0.2 jawOpen + mouthPucker",
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- parts
def _arkit_totals() -> dict[str, str]:
    """ARKit's 52 names, each with the sum of our shapes that makes it."""
    names = {name: name for name in addon("rig.arkit").SHAPE_NAMES if name != "tongueUp"}
    for whole in ("browInnerUp", "cheekPuff"):
        del names[f"{whole}Left"], names[f"{whole}Right"]
        names[whole] = f"{whole}Left + {whole}Right"
    return names


def _sided(place: tuple[float, float, float], sign: int) -> tuple[float, float, float]:
    return (sign * place[0], *place[1:])


def _armature(name: str, bones: Bones) -> bpy.types.Object:
    """Set the bones to quaternions, as importers do."""
    rig = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for bone, (head, tail, roll, parent) in bones.items():
        edit = rig.data.edit_bones.new(bone)
        edit.head, edit.tail, edit.roll = head, tail, roll
        edit.parent = rig.data.edit_bones.get(parent)
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def _skin(head: bpy.types.Object) -> bpy.types.Object:
    return next(child for child in head.children if child.type == "MESH")


def _to_eyes(head: bpy.types.Object, left: Vector, right: Vector) -> Vector:
    """Offset that moves our head's eyes to those of the other rig."""
    bones = head.data.bones
    return (left + right) / 2 - (bones["eye.L"].head_local + bones["eye.R"].head_local) / 2


def _positions(points, count: int) -> np.ndarray:
    values = np.empty(3 * count, np.float32)
    points.foreach_get("co", values)
    return values.reshape(-1, 3)


def _part(
    head: bpy.types.Object, rig: bpy.types.Object, name: str, groups: dict[str, str], shift: Vector,
    shapes: dict[str, str], eyes: bool | None = None, carried: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """A mesh of our head's vertices (all, only the eyeballs, or all others) with the given shapes, on the armature.

    ``carried`` names a shape of ours for each bone that is to carry what the shape moves.
    """
    skin, mapping = _skin(head), addon("rig.mapping")
    old, keys = skin.data, skin.data.shape_keys.key_blocks
    count = len(old.vertices)
    weights = {group.name: np.zeros(count) for group in skin.vertex_groups}
    for vertex in old.vertices:
        for entry in vertex.groups:
            weights[skin.vertex_groups[entry.group].name][vertex.index] = entry.weight
    ball = (weights["eye.L"] + weights["eye.R"]) > 0.5
    kept = np.ones(count, bool) if eyes is None else ball == eyes
    if not kept.any():
        return
    number = np.cumsum(kept) - 1
    rest = _positions(old.vertices, count)
    faces = [polygon for polygon in old.polygons if all(kept[i] for i in polygon.vertices)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata((rest[kept] + shift).tolist(), [], [[int(number[i]) for i in face.vertices] for face in faces])
    uv = mesh.uv_layers.new(name="UVMap")
    corners = [old.uv_layers[0].data[loop].uv[:] for face in faces for loop in face.loop_indices]
    uv.data.foreach_set("uv", np.array(corners, np.float32).ravel())
    for material in old.materials:
        mesh.materials.append(material)
    mesh.shade_smooth()
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    if shapes:
        thing.shape_key_add(name="Basis")
    for shape, total in shapes.items():
        moved = rest.copy()
        for ours, factor in (mapping.terms(total) if total else {}).items():
            moved += factor * (_positions(keys[ours].data, count) - rest)
        key = thing.shape_key_add(name=shape)
        key.data.foreach_set("co", np.ascontiguousarray(moved[kept] + shift, np.float32).ravel())
        key.value = 0.0
    free = np.ones(count)
    for bone, shape in (carried or {}).items():
        way = np.linalg.norm(_positions(keys[shape].data, count) - rest, axis=1)
        groups, weights[bone] = groups | {bone: bone}, free * way / max(way.max(), 1e-9)
        free = free - weights[bone]
    if carried:
        weights["head"] = np.minimum(weights["head"], free)
    for ours, bone in groups.items():
        group = thing.vertex_groups.new(name=bone)
        for index in np.nonzero(kept & (weights[ours] > 0))[0]:
            group.add([int(number[index])], float(weights[ours][index]), "REPLACE")
    thing.parent = rig
    thing.modifiers.new("Armature", "ARMATURE").object = rig


def _turn_round(rig: bpy.types.Object) -> None:
    """Turn the character to look along +Y, with its left bones at −X."""
    turn = Matrix.Rotation(math.pi, 4, "Z")
    rig.data.transform(turn)
    for mesh in rig.children:
        mesh.data.transform(turn, shape_keys=True)
