"""A chosen portrait: an image of the .blend or a picture file. The scene's settings and each character have one."""

from __future__ import annotations

import bpy
from bpy.props import PointerProperty, StringProperty

from ..compat import BLEND_RELATIVE


class PortraitProperties:
    """Base of property groups that hold a portrait; `portrait.portrait_path` says which file it is."""

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
    """Choose an image, or a file where there is none."""
    layout.template_ID(owner, "portrait_image", open="image.open")
    if owner.portrait_image is None:
        layout.prop(owner, "portrait_file", text="", placeholder="or a picture file")
