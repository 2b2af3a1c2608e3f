"""Wrinkles in the skin's material: maps of height, mixed by drivers as strongly as the shapes move.

Each picture has three maps, in red, green and blue. A vector for each side of the face holds the weights of the three.
What drives it are the armature's properties that drive the shape keys too, so no file needs trust.
"""

from __future__ import annotations

from typing import Any

import bpy

from ....core.wire.names import WRINKLE_DEEPEST_CM, WRINKLE_HIGHEST_CM, WRINKLES
from ... import compat
from ...rig.arkit import SHAPE_NAMES
from ...rig.presets import CENTIMETRE
from .materials import as_numbers

_MIDDLE, _BLEND = 0.32, 0.01
"""u of the face's middle in the texture, and distance from it at which a side's own weights count alone."""
_MAPS = 3
"""Maps in a picture."""


def add_wrinkles(material: bpy.types.Material, pictures: list[bpy.types.Image], armature: bpy.types.Object) -> None:
    """Bump the skin of a detailed head by its pictures of wrinkle maps, weighted by the armature's properties."""
    tree = compat.node_tree_of(material)
    surface: Any = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    left, height = surface.location.x, surface.location.y
    under = surface.inputs["Normal"].links[0].from_socket

    def node(kind: str, column: int, row: float, **settings: Any) -> Any:
        made: Any = tree.nodes.new(kind)
        made.location = left - 200 * column, height - 700 - 220 * row
        for name, value in settings.items():
            setattr(made, name, value)
        return made

    place, parted = node("ShaderNodeUVMap", 8, 0, uv_map="UVMap"), node("ShaderNodeSeparateXYZ", 7, 0)
    side = node("ShaderNodeMapRange", 6, 0, interpolation_type="SMOOTHSTEP")
    side.inputs["From Min"].default_value = _MIDDLE - _BLEND
    side.inputs["From Max"].default_value = _MIDDLE + _BLEND
    tree.links.new(place.outputs[0], parted.inputs[0])
    tree.links.new(parted.outputs[0], side.inputs["Value"])
    total: Any = None
    zero = WRINKLE_DEEPEST_CM / (WRINKLE_DEEPEST_CM + WRINKLE_HIGHEST_CM)
    for number, image in enumerate(pictures):
        as_numbers(image)
        row = 1 + 3 * number
        picture = node("ShaderNodeTexImage", 6, row, image=image, interpolation="Cubic")
        level = node("ShaderNodeVectorMath", 4, row, operation="SUBTRACT")
        level.inputs[1].default_value = (zero, zero, zero)
        mixed = node("ShaderNodeMix", 4, row + 1, data_type="VECTOR")
        product = node("ShaderNodeVectorMath", 3, row, operation="DOT_PRODUCT")
        tree.links.new(picture.outputs["Color"], level.inputs[0])
        tree.links.new(side.outputs[0], mixed.inputs[0])
        names = WRINKLES[_MAPS * number : _MAPS * (number + 1)]
        for which, (ending, socket) in enumerate((("Right", 4), ("Left", 5))):
            weights = node("ShaderNodeCombineXYZ", 5, row + 1 + which, label=f"Wrinkles {ending}")
            for axis, shapes in enumerate(names):
                _drive(weights.inputs[axis], armature, shapes, ending)
            tree.links.new(weights.outputs[0], mixed.inputs[socket])
        tree.links.new(level.outputs[0], product.inputs[0])
        tree.links.new(mixed.outputs[1], product.inputs[1])
        value = product.outputs["Value"]
        if total is not None:
            both = node("ShaderNodeMath", 2, row, operation="ADD")
            tree.links.new(total, both.inputs[0])
            tree.links.new(value, both.inputs[1])
            value = both.outputs[0]
        total = value
    bump = node("ShaderNodeBump", 1, 0)
    bump.inputs["Distance"].default_value = (WRINKLE_DEEPEST_CM + WRINKLE_HIGHEST_CM) * CENTIMETRE
    tree.links.new(total, bump.inputs["Height"])
    tree.links.new(under, bump.inputs["Normal"])
    tree.links.new(bump.outputs["Normal"], surface.inputs["Normal"])


def _drive(socket: Any, armature: bpy.types.Object, shapes: tuple[str, ...], ending: str) -> None:
    """Let a socket follow the strongest of the shapes on one side."""
    curve: Any = socket.driver_add("default_value")
    curve.driver.type = "MAX"
    for shape in shapes:
        name = f"{shape}{ending}"
        variable = curve.driver.variables.new()
        variable.name = shape
        variable.targets[0].id = armature
        variable.targets[0].data_path = f'["{name if name in SHAPE_NAMES else shape}"]'
