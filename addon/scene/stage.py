"""A scene for a head that has none yet: a portrait camera that sees the head and the take's picture, and lights.

Only for scenes in which nobody has made anything: the untouched scene that Blender starts with, or an empty one. A
user's own scene keeps its camera, its lights and its objects.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ...core.files import is_file
from ...core.motion.channels import FPS
from ...core.wire.names import frame_name
from .. import compat
from ..properties.scene import SoliloquyTake
from ..typed import there

_FACTORY = {
    "Cube": ("MESH", (0.0, 0.0, 0.0)),
    "Camera": ("CAMERA", (7.358891, -6.925791, 4.958309)),
    "Light": ("LIGHT", (4.076245, 1.005454, 5.903862)),
}
"""Objects of the scene that Blender starts with: their types and places."""
_LENS = 85.0
"""Millimetres: the usual lens for portraits."""
_BORDER = 1.15
"""Size of the camera's picture, relative to what it must show."""
_GAP = 0.08
"""Metres between the head and the picture."""
_HEIGHT = 1.4
"""Height of the picture, relative to the head's; a photograph shows shoulders too."""
_LIGHTS = (("Key light", (-0.5, -1.1, 0.5), 26.0), ("Fill light", (0.8, -1.2, 0.1), 9.0))
"""Name, place relative to the head in metres, and watts of each light."""
_FACE = 0.1
"""Metres from the left edge of what is seen to the middle of the head."""
_WIDEST = 2.0
"""Largest width of the picture, relative to its height."""


def is_untouched(scene: bpy.types.Scene) -> bool:
    """Whether nobody has made anything: the file was never saved, and there is nothing but Blender's own objects."""
    if bpy.data.filepath or len(bpy.data.scenes) > 1 or scene.animation_data is not None:
        return False
    things = list(bpy.data.objects)
    return not things or (
        {thing.name for thing in things} == set(_FACTORY) and all(_is_as_made(thing) for thing in things)
    )


def _is_as_made(thing: bpy.types.Object) -> bool:
    """Whether an object is as Blender's start-up file has it."""
    kind, place = _FACTORY[thing.name]
    data: Any = thing.data
    as_made = (
        thing.type == kind
        and np.allclose(np.array(thing.location), place, atol=1e-4)
        and np.allclose(np.array(thing.scale), 1.0)
        and not thing.modifiers
        and not thing.constraints
        and thing.parent is None
        and thing.animation_data is None
        and data.animation_data is None
    )
    if kind != "MESH":
        return as_made
    corners = np.array([tuple(vertex.co) for vertex in data.vertices])
    return as_made and corners.shape == (8, 3) and bool(np.all(np.abs(corners) == 1.0)) and data.shape_keys is None


def clear(scene: bpy.types.Scene) -> None:
    """Prepare an untouched scene: no cube in the way, the takes' frame rate, and colours as they are in pictures."""
    for thing in list(bpy.data.objects):
        data: Any = thing.data
        bpy.data.objects.remove(thing)
        if data is not None and not data.users:
            bpy.data.batch_remove([data])
    scene.render.fps, scene.render.fps_base = round(FPS), 1.0
    view: Any = there(scene.view_settings, "view settings")  # the stubs don't know the names of its transforms
    view.view_transform = "Standard"


def furnish(
    scene: bpy.types.Scene, armature: bpy.types.Object, take: SoliloquyTake, first: int, portrait: Path
) -> None:
    """Add the take's picture beside the head, a camera that sees both, and lights.

    The picture plays the take's frames from the scene frame ``first`` on; without frames it is the portrait. A render
    shows what the camera sees, not the sequencer's strips.
    """
    head = _box(armature)
    middle = head.mean(axis=0)
    height = _HEIGHT * float(np.ptp(head[:, 2]))
    picture = _picture(scene, take, first, portrait, height)
    width = picture.dimensions.x
    left = float(head[1, 0]) + _GAP
    picture.location = (left + width / 2.0, float(middle[1]), float(middle[2]))
    low = (float(head[0, 0]), float(middle[1]), float(middle[2]) - height / 2.0)
    high = (left + width, float(middle[1]), float(middle[2]) + height / 2.0)
    camera_and_light(scene, low, high)
    scene.render.use_sequencer = False


def camera_and_light(
    scene: bpy.types.Scene, low: tuple[float, float, float], high: tuple[float, float, float]
) -> bpy.types.Object:
    """Add a portrait camera that looks along +Y at the box from ``low`` to ``high``, and soft lights; the camera."""
    lens = bpy.data.cameras.new("Portrait camera")
    lens.lens = _LENS
    render = scene.render
    aspect = render.resolution_y / render.resolution_x
    opening = lens.sensor_width / lens.lens  # width of what is seen, at a distance of one metre
    wide, tall = (opening, opening * aspect) if aspect <= 1.0 else (opening / aspect, opening)
    distance = _BORDER * max((high[0] - low[0]) / wide, (high[2] - low[2]) / tall)
    camera = bpy.data.objects.new("Portrait camera", lens)
    middle = [(first + last) / 2.0 for first, last in zip(low, high, strict=True)]
    camera.location = (middle[0], low[1] - distance, middle[2])
    camera.rotation_euler = (math.pi / 2.0, 0.0, 0.0)
    scene.collection.objects.link(camera)
    target = Vector((low[0] + _FACE, low[1], middle[2]))
    for name, offset, power in _LIGHTS:
        _light(scene, name, target, Vector(offset), power)
    scene.camera = camera
    return camera


def _light(scene: bpy.types.Scene, name: str, target: Vector, offset: Vector, power: float) -> None:
    """Add a soft light of ``power`` watts that stands at ``offset`` from its target and shines at it."""
    lamp: Any = bpy.data.lights.new(name, "AREA")  # an AreaLight; the stubs return its base class
    lamp.energy, lamp.size = power, 1.0
    light = bpy.data.objects.new(name, lamp)
    light.location = target + offset
    light.rotation_euler = (-offset).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(light)


def _box(armature: bpy.types.Object) -> np.ndarray:
    """(2, 3) corners of the meshes of a head, which is neither turned nor posed."""
    place, size = np.array(armature.location), np.array(armature.scale)
    corners = [
        np.array([tuple(corner) for corner in thing.bound_box]) for thing in armature.children if thing.type == "MESH"
    ]
    points = np.concatenate(corners) * size + place
    return np.stack([points.min(axis=0), points.max(axis=0)])


def _picture(
    scene: bpy.types.Scene, take: SoliloquyTake, first: int, portrait: Path, height: float
) -> bpy.types.Object:
    """A standing rectangle of that height with the take's frames, or the portrait, shining in their own colours."""
    shown = take.path() / "frames" / frame_name(0)
    moving = take.status == "READY" and is_file(shown)
    image = bpy.data.images.load(str(shown if moving else portrait))
    across, up = image.size if image.size[1] else (1, 1)
    width = height * min(across / up, _WIDEST)
    mesh = bpy.data.meshes.new("Picture")
    x, z = width / 2.0, height / 2.0
    mesh.from_pydata([(-x, 0, -z), (x, 0, -z), (x, 0, z), (-x, 0, z)], [], [(0, 1, 2, 3)])
    corners = mesh.uv_layers.new(name="UVMap").data
    corners.foreach_set("uv", [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    mesh.materials.append(_shining("Picture", image, first, take.frame_count if moving else 0))
    mesh.update()
    picture = bpy.data.objects.new("Picture", mesh)
    scene.collection.objects.link(picture)
    there(scene.view_layers[0], "view layer").update()
    return picture


def _shining(name: str, image: bpy.types.Image, first: int, count: int) -> bpy.types.Material:
    """A material that shows the image whatever the light; ``count`` frames of a sequence from scene frame ``first``."""
    material = bpy.data.materials.new(name)
    tree = compat.node_tree_of(material)
    tree.nodes.clear()
    output: Any = tree.nodes.new("ShaderNodeOutputMaterial")
    glow: Any = tree.nodes.new("ShaderNodeEmission")
    texture: Any = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    if count:
        image.source = "SEQUENCE"
        user = texture.image_user
        user.frame_start, user.frame_duration, user.frame_offset = first, count, 0
        user.use_auto_refresh = True
    glow.location.x, texture.location.x = output.location.x - 380.0, output.location.x - 680.0
    clear_part: Any = tree.nodes.new("ShaderNodeBsdfTransparent")
    mixed: Any = tree.nodes.new("ShaderNodeMixShader")
    mixed.location.x, clear_part.location = output.location.x - 180.0, (glow.location.x, glow.location.y + 120.0)
    tree.links.new(texture.outputs["Color"], glow.inputs["Color"])
    tree.links.new(texture.outputs["Alpha"], mixed.inputs["Fac"])
    tree.links.new(clear_part.outputs["BSDF"], mixed.inputs[1])
    tree.links.new(glow.outputs["Emission"], mixed.inputs[2])
    tree.links.new(mixed.outputs["Shader"], output.inputs["Surface"])
    tree.nodes.active = texture  # Workbench shows the active node in its Texture mode
    return material
