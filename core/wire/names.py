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
