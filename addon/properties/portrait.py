"""The chosen portrait, an image of the .blend or a picture file; the scene's settings and each character have one."""

from __future__ import annotations

import bpy
from bpy.props import PointerProperty, StringProperty

from ..compat import BLEND_RELATIVE


class PortraitProperties:
    """Base of property groups that hold a portrait; `scene.portrait.portrait_path` finds its file."""

    portrait_image: PointerProperty(
        name="Portrait", type=bpy.types.Image, description="Photograph or painting of one face, looking at the camera"
    )
    portrait_file: StringProperty(
        name="Portrait File",
        subtype="FILE_PATH",
        options=BLEND_RELATIVE,
        description="Picture file to use when no image is chosen above",
    )


def draw_portrait(layout: bpy.types.UILayout, owner: PortraitProperties) -> None:
    """Let the user choose an image, or a file if no image is chosen."""
    layout.template_ID(owner, "portrait_image", open="image.open")
    if owner.portrait_image is None:
        layout.prop(owner, "portrait_file", text="", placeholder="or a picture file")
