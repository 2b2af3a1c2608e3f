"""The 3D head: mesh with the portrait's texture and 53 shape keys, armature, properties that drive the shapes.

``core.portrait.rig`` in the worker measures the portrait and writes ``head.npz`` and ``head.png``; here they become
Blender data. Head space (x to the person's left, y up, z out of the face, centimetres) becomes Blender's (x, −z, y) in
metres: the head looks along −Y, as Blender's front view expects.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ...core.errors import BadInputError
from ...core.motion.channels import EXPRESSIONS
from ...core.wire.names import JOINTS
from ...core.wire.protocol import Head
from ..properties.scene import settings_of
from ..rig.arkit import SHAPE_NAMES
from ..rig.presets import CENTIMETRE, own_rules
from ..words import say

_PARENTS = {"neck": "root", "head": "neck", "jaw": "head", "eye.L": "head", "eye.R": "head"}
_UP, _FORWARD, _JAW = (0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (0.0, -0.8, -0.6)
_POINTING = {"root": (_UP, 4.0), "neck": (_UP, 6.0), "head": (_UP, 14.0), "jaw": (_JAW, 9.0)}
"""Direction and length in centimetres of each bone; eyes look forward. With these each bone's own x axis is the
person's left, and the axes of neck and head are those of head space, so that pitch, yaw and roll are x, y, z."""


def request_for(portrait: str, out: Path, device: str) -> Head:
    """The worker's job that writes the head's files into a folder named after the portrait and its content."""
    try:
        content = hashlib.sha256(Path(portrait).read_bytes()).hexdigest()[:8]
    except OSError as error:
        raise BadInputError(
            "portrait_missing", say("The portrait can't be read: {portrait}", portrait=portrait), say("Choose another.")
        ) from error
    return Head(portrait=portrait, out=str(out / "heads" / f"{Path(portrait).stem}-{content}"), device=device)


def build(context: bpy.types.Context, owner: bpy.types.Scene, result: dict[str, Any]) -> Iterator[object]:
    """Make the head at the 3D cursor in steps, and add it to the targets of scene ``owner``.

    ``result`` is what the worker answered to the ``head`` request: paths of mesh and texture.
    """
    data = _read(Path(result["mesh"]))
    name = Path(result["mesh"]).parent.name.rpartition("-")[0] or "Person"
    yield
    mesh = _mesh(f"{name} head", data)
    yield
    mesh.materials.append(_material(f"{name} skin", Path(result["texture"])))
    yield
    skin = bpy.data.objects.new(f"{name} head", mesh)
    context.scene.collection.objects.link(skin)
    yield
    armature = _armature(context, f"{name} rig", data)
    yield
    yield from _shape_keys(skin, data)
    yield from _bind(skin, armature, data["weights"])
    _properties(armature, data)
    yield
    yield from _drivers(skin, armature)
    armature.location = context.scene.cursor.location
    settings = settings_of(owner)
    target = settings.targets.add()
    target.preset = "OWN"
    target.set_rules(own_rules(armature))
    target.thing = armature
    settings.active_target = len(settings.targets) - 1


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            data = {key: stored[key] for key in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInputError(
            "head_damaged", say("The head's file is damaged: {path}", path=path), say("Add the head again.")
        ) from error
    if tuple(data["shape_names"].tolist()) != EXPRESSIONS or tuple(data["joint_names"].tolist()) != JOINTS:
        raise BadInputError(
            "head_version", say("The head's file is of another version: {path}", path=path), say("Add the head again.")
        )
    return data


def to_blender(points: np.ndarray) -> np.ndarray:
    """(…, 3) head space in centimetres → Blender's axes in metres."""
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([x, -z, y], axis=-1) * CENTIMETRE


def _mesh(name: str, data: dict[str, np.ndarray]) -> bpy.types.Mesh:
    vertices, triangles = to_blender(data["vertices"]), data["triangles"]
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(triangles.size)
    mesh.loops.foreach_set("vertex_index", triangles.astype(np.int32).ravel())
    mesh.polygons.add(len(triangles))
    mesh.polygons.foreach_set("loop_start", np.arange(0, triangles.size, 3, dtype=np.int32))
    uv = mesh.uv_layers.new(name="UVMap")
    corners = data["uv"][data["triangle_uv"]]  # (F, 3, 2)
    uv.data.foreach_set("uv", corners.astype(np.float32).ravel())
    mesh.update(calc_edges=True)
    mesh.shade_smooth()
    return mesh


def _material(name: str, texture: Path) -> bpy.types.Material:
    """The projected photograph on a plain skin-like surface; the picture is packed, so the file can be moved."""
    try:
        image = bpy.data.images.load(str(texture))
    except RuntimeError as error:
        raise BadInputError(
            "head_damaged", say("The head's texture is missing: {texture}", texture=texture), say("Add the head again.")
        ) from error
    image.name = name
    image.pack()
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # before 5.0 a new material has none yet
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    surface = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Roughness"].default_value = 0.65
    surface.inputs["Specular IOR Level"].default_value = 0.2
    picture = nodes.new("ShaderNodeTexImage")
    picture.image = image
    picture.location = surface.location.x - 320, surface.location.y
    links.new(picture.outputs["Color"], surface.inputs["Base Color"])
    nodes.active = picture  # what Workbench shows in its Texture mode
    return material


def _armature(context: bpy.types.Context, name: str, data: dict[str, np.ndarray]) -> bpy.types.Object:
    """Armature object with the six bones at the portrait's own joints."""
    armature = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    context.scene.collection.objects.link(armature)
    joints = dict(zip(data["joint_names"].tolist(), to_blender(data["joints"]), strict=True))
    layer = context.view_layer
    previous = layer.objects.active
    layer.objects.active = armature
    with context.temp_override(active_object=armature, object=armature, selected_objects=[armature]):
        bpy.ops.object.mode_set(mode="EDIT")
        try:
            for bone in JOINTS:
                direction, length = _POINTING.get(bone, (_FORWARD, 3.0))
                edit = armature.data.edit_bones.new(bone)
                edit.head = joints[bone]
                edit.tail = joints[bone] + np.array(direction) * length * CENTIMETRE
                edit.align_roll(Vector((1.0, 0.0, 0.0)).cross(direction))
                edit.use_deform = bone != "jaw"  # the shape keys move the jaw; its bone is there for other rigs
                if bone in _PARENTS:
                    edit.parent = armature.data.edit_bones[_PARENTS[bone]]
        finally:
            bpy.ops.object.mode_set(mode="OBJECT")
    for bone in armature.pose.bones:
        bone.rotation_mode = "ZXY" if bone.name in {"neck", "head"} else "XYZ"
    armature.show_in_front = True
    armature.data.display_type = "STICK"
    layer.objects.active = previous or armature
    return armature


def _shape_keys(skin: bpy.types.Object, data: dict[str, np.ndarray]) -> Iterator[None]:
    skin.shape_key_add(name="Basis", from_mix=False)
    basis = data["vertices"]
    for name, offset in zip(SHAPE_NAMES, data["shapes"], strict=True):
        key = skin.shape_key_add(name=name, from_mix=False)
        key.data.foreach_set("co", to_blender(basis + offset).astype(np.float32).ravel())
        key.value = 0.0
        yield


def _bind(skin: bpy.types.Object, armature: bpy.types.Object, weights: np.ndarray) -> Iterator[None]:
    """Vertex groups from weights (V, bones) and an Armature modifier. Weights are kept to a hundredth."""
    rounded = np.round(weights, 2)
    for index, bone in enumerate(JOINTS):
        group = skin.vertex_groups.new(name=bone)
        for weight in np.unique(rounded[:, index]):
            if weight > 0:
                group.add(np.nonzero(rounded[:, index] == weight)[0].tolist(), float(weight), "REPLACE")
        yield
    modifier = skin.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    skin.parent = armature


def _properties(armature: bpy.types.Object, data: dict[str, np.ndarray]) -> None:
    """The 53 expressions as properties 0–1 to be keyed, and what `bake` needs to know of this head."""
    for name in SHAPE_NAMES:
        armature[name] = 0.0
        armature.id_properties_ui(name).update(min=0.0, max=1.0, default=0.0, description=f"ARKit shape {name}")
        armature.property_overridable_library_set(f'["{name}"]', True)
    joints = dict(zip(data["joint_names"].tolist(), data["joints"].tolist(), strict=True))
    armature["soliloquy_neck"] = joints["neck"]
    armature["soliloquy_head"] = joints["head"]
    armature["soliloquy_gaze"] = data["gaze_angles"].tolist()
    armature["soliloquy_jaw"] = data["jaw_angles"].tolist()


def _drivers(skin: bpy.types.Object, armature: bpy.types.Object) -> Iterator[None]:
    """Each shape key follows the armature's property of its name; without Python, so that no file needs trust."""
    for name in SHAPE_NAMES:
        driver = skin.data.shape_keys.key_blocks[name].driver_add("value").driver
        driver.type = "AVERAGE"
        variable = driver.variables.new()
        variable.name = "weight"
        variable.targets[0].id = armature
        variable.targets[0].data_path = f'["{name}"]'
        yield
