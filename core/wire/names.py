"""Names in the files that the worker writes and Blender reads. Standard library only."""

from __future__ import annotations

JOINTS = ("root", "neck", "head", "jaw", "eye.L", "eye.R")
"""Joints of the 3D head in the order of its file's arrays; Blender's bones have the same names."""


def frame_name(index: int) -> str:
    """File name of a take's frame ``index`` (from 0). Numbers on disk start at 1, as Blender's image strips expect.

    >>> frame_name(0)
    '000001.png'
    """
    return f"{index + 1:06d}.png"


HEAD_MATERIALS = ("skin", "mouth", "teeth", "eyes", "cornea", "lashes", "brows")
"""Materials of the detailed head."""

WRINKLE_FILES = ("wrinkles_upper", "wrinkles_lower")
HEAD_FILES = {
    "mesh": "head.npz",
    "texture": "head.png",
    "hair": "hair.png",
    "normals": "normals.png",
    **{name: f"{name}.png" for name in WRINKLE_FILES},
}
"""Files of a head by their content, which are also the keys of the answer to the request ``head``."""
WRINKLES = (
    ("browInnerUp", "browOuterUp"),
    ("browDown",),
    ("noseSneer",),
    ("mouthSmile",),
    ("eyeSquint", "cheekSquint"),
    ("mouthShrugLower",),
)
"""Shapes, without their side, that press the detailed head's skin into wrinkles. Each row has a map, three of
them in each of the ``WRINKLE_FILES``."""
WRINKLE_DEEPEST_CM, WRINKLE_HIGHEST_CM = 0.07, 0.03
"""Depth of a wrinkle that is 0 in its map, and height of a fold that is 255."""
