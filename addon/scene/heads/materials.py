"""Pictures and materials of a head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ....core.errors import BadInputError
from ....core.wire.names import HEAD_MATERIALS
from ... import compat
from ...words import say

_SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"Roughness": 0.65, "Specular IOR Level": 0.2},
    "skin": {
        "Roughness": 0.5, "Specular IOR Level": 0.35, "Subsurface Weight": 0.1,
        "Subsurface Radius": (1.0, 0.35, 0.2), "Subsurface Scale": 0.004,
    },
    "mouth": {"Roughness": 0.25, "Subsurface Weight": 0.2, "Subsurface Scale": 0.003},
    "teeth": {"Roughness": 0.15, "Subsurface Weight": 0.1, "Subsurface Scale": 0.002},
    "eyes": {"Roughness": 0.3, "Specular IOR Level": 0.3},
    # A faint mirror over nothing: the highlight of a wet eye, in every renderer and after every export.
    "cornea": {"Base Color": (1.0, 1.0, 1.0, 1.0), "Metallic": 1.0, "Roughness": 0.04, "Alpha": 0.05},
    "lashes": {"Roughness": 0.6, "Specular IOR Level": 0.2},
    "brows": {"Roughness": 0.6, "Specular IOR Level": 0.2},
    "hair": {"Roughness": 0.45, "Specular IOR Level": 0.4},
}  # fmt: skip
"""Inputs of the Principled shader of each material; "plain" is the only one of a head of the model."""
_PICTURED = ("skin", "mouth", "teeth", "eyes")
"""Materials with the head's texture."""
_PORES_SCALE, _PORES_DEPTH = 900.0, 0.00012
"""Noise a metre, and depth in metres, of the bumps on skin."""


def load_texture(path: Path) -> bpy.types.Image:
    """A picture of the head's, packed, so that the .blend can be moved. Raises BadInputError ``head_damaged``."""
    missing = BadInputError(
        "head_damaged", say("The head's texture is missing: {texture}", texture=path), say("Add the head again.")
    )
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError as error:
        raise missing from error
    if not image.size[0]:
        bpy.data.images.remove(image)
        raise missing
    image.pack()
    return image


def as_numbers(image: bpy.types.Image) -> None:
    """Read a picture as numbers and not as colours."""
    space: Any = image.colorspace_settings
    space.name = "Non-Color"


def plain_material(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """A skin-like material with the projected photograph."""
    image.name = name
    material, surface = _principled(name, "plain")
    _pictured(material, surface, image)
    return material


def detailed_materials(
    name: str, image: bpy.types.Image, data: dict[str, np.ndarray], normals: bpy.types.Image | None
) -> list[bpy.types.Material]:
    """The materials of a detailed head in the order of ``HEAD_MATERIALS``; the game preset has a normal map."""
    image.name = f"{name} skin"
    if normals is not None:
        normals.name = f"{name} normals"
        as_numbers(normals)
    made = []
    for part in HEAD_MATERIALS:
        material, surface = _principled(f"{name} {part}", part)
        if part in _PICTURED:
            _pictured(material, surface, image)
            if normals is not None:
                _mapped(material, surface, normals)
        if part == "skin" and normals is None:
            _pores(material, surface)
        colour = {"lashes": "lash_colour", "brows": "brow_colour"}.get(part)
        if colour:
            surface.inputs["Base Color"].default_value = (*_linear(data[colour]), 1.0)
        if part == "cornea":
            material.surface_render_method = "BLENDED"
        made.append(material)
    return made


def hair_material(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """The material of the hair; its picture has the strands' opacity."""
    image.name = name
    material, surface = _principled(name, "hair")
    picture = _pictured(material, surface, image)
    compat.node_tree_of(material).links.new(picture.outputs["Alpha"], surface.inputs["Alpha"])
    return material


def _principled(name: str, part: str) -> tuple[bpy.types.Material, Any]:
    """A material with the settings of ``part``, and its shader."""
    material = bpy.data.materials.new(name)
    surface: Any = next(node for node in compat.node_tree_of(material).nodes if node.type == "BSDF_PRINCIPLED")
    for socket, value in _SETTINGS[part].items():
        surface.inputs[socket].default_value = value
    return material, surface


def _pictured(material: bpy.types.Material, surface: Any, image: bpy.types.Image) -> Any:
    """Colour a material's shader by a picture; returns the picture's node."""
    tree = compat.node_tree_of(material)
    picture: Any = tree.nodes.new("ShaderNodeTexImage")
    picture.image = image
    picture.location = surface.location.x - 320, surface.location.y
    tree.links.new(picture.outputs["Color"], surface.inputs["Base Color"])
    tree.nodes.active = picture  # Workbench shows the active node in its Texture mode
    return picture


def _mapped(material: bpy.types.Material, surface: Any, normals: bpy.types.Image) -> None:
    """Turn a material's normals by a normal map in tangent space."""
    tree = compat.node_tree_of(material)
    picture: Any = tree.nodes.new("ShaderNodeTexImage")
    turned: Any = tree.nodes.new("ShaderNodeNormalMap")
    picture.image, turned.uv_map = normals, "UVMap"
    for node, left in ((picture, 620), (turned, 320)):
        node.location = surface.location.x - left, surface.location.y - 320
    tree.links.new(picture.outputs["Color"], turned.inputs["Color"])
    tree.links.new(turned.outputs["Normal"], surface.inputs["Normal"])


def _pores(material: bpy.types.Material, surface: Any) -> None:
    """Bumps as fine as pores on a material's shader."""
    tree = compat.node_tree_of(material)
    noise: Any = tree.nodes.new("ShaderNodeTexNoise")
    place: Any = tree.nodes.new("ShaderNodeTexCoord")
    bump: Any = tree.nodes.new("ShaderNodeBump")
    noise.inputs["Scale"].default_value = _PORES_SCALE
    bump.inputs["Distance"].default_value = _PORES_DEPTH
    for node, left in ((place, 760), (noise, 560), (bump, 320)):
        node.location = surface.location.x - left, surface.location.y - 320
    # Generated coordinates would stretch; the object's own are in metres.
    tree.links.new(place.outputs["Object"], noise.inputs["Vector"])
    tree.links.new(noise.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], surface.inputs["Normal"])


def _linear(colour: np.ndarray) -> list[float]:
    """Linear values of a colour in sRGB (0–1)."""
    low, high = colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4
    return [float(value) for value in np.where(colour <= 0.04045, low, high)]
