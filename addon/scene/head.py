"""The 3D head: mesh with the portrait's texture and 55 shape keys, armature, properties that drive the shapes.

``core.portrait.rig`` in the worker measures the portrait and writes ``head.npz`` and ``head.png``; here they become
Blender data (``heads/``). A detailed head comes from ``core.detailed_head.rig`` and has materials of its own and hair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ...core.errors import BadInputError
from ...core.provenance import HEAD_PROPERTY, SYNTHETIC_HEAD
from ...core.wire.names import HEAD_MATERIALS, JOINTS, WRINKLE_FILES
from ...core.wire.protocol import Head
from ...core.wire.systems import MODEL
from ..properties.scene import settings_of
from ..rig.arkit import SHAPE_NAMES
from ..rig.objects import pose_bones, shape_keys_of
from ..rig.presets import CENTIMETRE, own_rules
from ..typed import scene_of, there
from ..words import say
from . import placement, viewing
from .heads.file import read_head, to_blender
from .heads.materials import detailed_materials, hair_material, load_texture, plain_material
from .heads.mesh import hair_mesh, head_mesh
from .heads.wrinkles import add_wrinkles

_PARENTS = {"neck": "root", "head": "neck", "jaw": "head", "eye.L": "head", "eye.R": "head"}
_UP, _FORWARD, _JAW = (0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (0.0, -0.8, -0.6)
_POINTING = {"root": (_UP, 4.0), "neck": (_UP, 6.0), "head": (_UP, 14.0), "jaw": (_JAW, 9.0)}
"""Direction and length in centimetres of each bone; the eyes' bones point forward.

With these directions each bone's own x axis points to the person's left, and the axes of neck and head are those of
head space, so that pitch, yaw and roll are turns about x, y and z.
"""


def request_for(portrait: str, out: Path, device: str, detail: str) -> Head:
    """The request to write the head's files into a folder named after the portrait, its content and the detail."""
    try:
        content = hashlib.sha256(Path(portrait).read_bytes()).hexdigest()[:8]
    except OSError as error:
        raise BadInputError(
            "portrait_missing", say("The portrait can't be read: {portrait}", portrait=portrait), say("Choose another.")
        ) from error
    folder = f"{Path(portrait).stem}-{content}" + ("" if detail == MODEL else detail)
    return Head(portrait=portrait, out=str(out / "heads" / folder), device=device, detail=detail)


def build(
    context: bpy.types.Context, owner: bpy.types.Scene, result: dict[str, Any], home: bpy.types.Scene | None = None
) -> Iterator[object]:
    """Make the head in steps, where it is found at once, and add it to the targets of scene ``owner``.

    It stands at the 3D cursor of the scene ``home`` (by default the context's), or beside what is there, in the active
    collection, selected, and the window's 3D views look at it. ``result`` is the worker's answer to the ``head``
    request: the paths of mesh and textures. Yields sentences that the user should read, and None.
    """
    data = read_head(Path(result["mesh"]))
    texture = load_texture(Path(result["texture"]))
    strands = load_texture(Path(result.get("hair", ""))) if "hair_faces" in data else None
    maps = {
        content: load_texture(Path(result[content])) for content in ("normals", *WRINKLE_FILES) if content in result
    }
    name = Path(result["mesh"]).parent.name.rpartition("-")[0] or "Person"
    yield None
    mesh = head_mesh(f"{name} head", data)
    yield None
    detailed = "faces" in data
    plain = [] if detailed else [plain_material(f"{name} skin", texture)]
    materials = plain or detailed_materials(name, texture, data, maps.pop("normals", None))
    for material in materials:
        mesh.materials.append(material)
    yield None
    skin = bpy.data.objects.new(f"{name} head", mesh)
    yield None
    armature = _armature(context, f"{name} rig", data)
    yield None
    yield from _shape_keys(skin, data)
    yield from _bind(skin, armature, data["weights"])
    _properties(skin, armature, data)
    yield None
    yield from _drivers(skin, armature)
    if maps:
        add_wrinkles(materials[HEAD_MATERIALS.index("skin")], [maps[content] for content in WRINKLE_FILES], armature)
        yield None
    meshes = [skin]
    if strands is not None:
        hair = hair_mesh(f"{name} hair", data)
        hair.materials.append(hair_material(f"{name} hair", strands))
        meshes.append(bpy.data.objects.new(f"{name} hair", hair))
        meshes[-1][HEAD_PROPERTY] = SYNTHETIC_HEAD
        yield from _bind(meshes[-1], armature, data["hair_weights"])
    yield from _put(context, home or scene_of(context), armature, meshes, to_blender(data["vertices"]))
    settings = settings_of(owner)
    target = settings.targets.add()
    target.preset = "OWN"
    target.set_rules(own_rules(armature))
    target.thing = armature
    settings.active_target = len(settings.targets) - 1


def _put(
    context: bpy.types.Context,
    scene: bpy.types.Scene,
    armature: bpy.types.Object,
    meshes: list[bpy.types.Object],
    points: np.ndarray,
) -> Iterator[str]:
    """Put the finished head into the scene, in its real size, and show it; yields what the user should know."""
    window = viewing.window_with(context, scene)
    layer = viewing.layer_of(window, scene)
    one = placement.metre(scene)
    size = np.stack([points.min(axis=0), points.max(axis=0)]) * one
    armature.location = placement.free_place(scene, layer, size, viewing.eyes_of(window))
    armature.scale = (one, one, one)
    collection = placement.collection_for(scene, layer)
    for thing in (armature, *meshes):
        collection.objects.link(thing)
    layer.update()
    active = layer.active_layer_collection
    if active is not None and collection != active.collection:
        yield say("The active collection can't be used; the head is in “{collection}”.", collection=collection.name)
    if viewing.select_only(layer, armature):
        viewing.show(window, [armature, *meshes], size + np.array(armature.location))
    else:
        yield say("The head is not selected, because another object is being edited.")


def _armature(context: bpy.types.Context, name: str, data: dict[str, np.ndarray]) -> bpy.types.Object:
    """Armature object with the six bones at the portrait's own joints; in no scene yet."""
    bones = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, bones)
    joints = dict(zip(data["joint_names"].tolist(), to_blender(data["joints"]), strict=True))
    with _edited(context, armature):
        for bone in JOINTS:
            direction, length = _POINTING.get(bone, (_FORWARD, 3.0))
            edit = bones.edit_bones.new(bone)
            edit.head = joints[bone]
            edit.tail = joints[bone] + np.array(direction) * length * CENTIMETRE
            edit.align_roll(Vector((1.0, 0.0, 0.0)).cross(direction))
            edit.use_deform = bone != "jaw"  # the shape keys move the jaw; the bone is for other rigs
            if bone in _PARENTS:
                edit.parent = bones.edit_bones[_PARENTS[bone]]
    for posed in pose_bones(armature):
        posed.rotation_mode = "ZXY" if posed.name in {"neck", "head"} else "XYZ"
    armature.show_in_front = True
    bones.display_type = "STICK"
    return armature


@contextmanager
def _edited(context: bpy.types.Context, armature: bpy.types.Object) -> Iterator[None]:
    """Edit the armature in a scene of its own. So it doesn't matter what the user edits, hides or selects meanwhile."""
    workshop = bpy.data.scenes.new("Soliloquy workshop")
    try:
        workshop.collection.objects.link(armature)
        layer = there(workshop.view_layers[0], "view layer")
        layer.objects.active = armature
        chosen: dict[str, Any] = {"active_object": armature, "object": armature, "selected_objects": [armature]}
        with context.temp_override(scene=workshop, view_layer=layer, **chosen):
            bpy.ops.object.mode_set(mode="EDIT")
            try:
                yield
            finally:
                bpy.ops.object.mode_set(mode="OBJECT")
    finally:
        bpy.data.scenes.remove(workshop)


def _shape_keys(skin: bpy.types.Object, data: dict[str, np.ndarray]) -> Iterator[None]:
    skin.shape_key_add(name="Basis", from_mix=False)
    basis = data["vertices"]
    for name, offset in zip(SHAPE_NAMES, data["shapes"], strict=True):
        key = skin.shape_key_add(name=name, from_mix=False)
        key.data.foreach_set("co", to_blender(basis + offset).astype(np.float32).ravel())
        key.value = 0.0
        yield None


def _bind(skin: bpy.types.Object, armature: bpy.types.Object, weights: np.ndarray) -> Iterator[None]:
    """Vertex groups from weights (V, bones), rounded to 0.01, and an Armature modifier."""
    rounded = np.round(weights, 2)
    for index, bone in enumerate(JOINTS):
        group = skin.vertex_groups.new(name=bone)
        for weight in np.unique(rounded[:, index]):
            if weight > 0:
                group.add(np.nonzero(rounded[:, index] == weight)[0].tolist(), float(weight), "REPLACE")
        yield None
    modifier: Any = skin.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    skin.parent = armature


def _properties(skin: bpy.types.Object, armature: bpy.types.Object, data: dict[str, np.ndarray]) -> None:
    """The 55 weights as properties 0–1 that can be keyed, the facts that `bake` needs, and that it is synthetic."""
    shown: Any = armature  # the stubs say that id_properties_ui returns nothing
    for name in SHAPE_NAMES:
        armature[name] = 0.0
        shown.id_properties_ui(name).update(min=0.0, max=1.0, default=0.0, description=f"ARKit shape {name}")
        armature.property_overridable_library_set(f'["{name}"]', True)
    joints = dict(zip(data["joint_names"].tolist(), data["joints"].tolist(), strict=True))
    armature["soliloquy_neck"] = joints["neck"]
    armature["soliloquy_head"] = joints["head"]
    armature["soliloquy_gaze"] = data["gaze_angles"].tolist()
    armature["soliloquy_jaw"] = data["jaw_angles"].tolist()
    for thing in (armature, skin):
        thing[HEAD_PROPERTY] = SYNTHETIC_HEAD


def _drivers(skin: bpy.types.Object, armature: bpy.types.Object) -> Iterator[None]:
    """Let each shape key follow the armature's property of its name; without Python, so that no file needs trust."""
    keys = there(shape_keys_of(skin), "shape keys on the head")
    for name in SHAPE_NAMES:
        curve: Any = keys.key_blocks[name].driver_add("value")
        driver = curve.driver
        driver.type = "AVERAGE"
        variable = driver.variables.new()
        variable.name = "weight"
        variable.targets[0].id = armature
        variable.targets[0].data_path = f'["{name}"]'
        yield None
