"""How large the frames of a take are. Standard library only, because both sides compute it."""

from __future__ import annotations

PHOTOGRAPH, FIT = "photograph", "fit"
"""Frames as large as the photograph, and frames in which the face square has as many pixels as it is worked with.
A number in place of these words is the length of the frames' long side in pixels."""
CHOICES = (PHOTOGRAPH, FIT)
LEAST_SIDE, MAX_SIDE = 64, 2160
"""Limits of the long side of a frame, pixels. Frames of larger photographs have the upper one."""
_ROUNDING = 1e-6
"""Part of a pixel that the scale's own rounding may take from a side."""


def frame_scale(width: int, height: int, picture: int | str) -> float:
    """Pixels of the frame per pixel of a photograph of ``width`` × ``height`` pixels.

    ``picture`` is ``PHOTOGRAPH`` or the length of the long side. Raises ValueError for ``FIT``, where the scale is that
    of the face square.
    """
    long_side = max(width, height)
    if picture == PHOTOGRAPH:
        picture = min(long_side, MAX_SIDE)
    if not isinstance(picture, int):
        raise ValueError(f"the frames' scale doesn't follow from {picture!r}")
    return picture / long_side


def frame_size(width: int, height: int, picture: int | str) -> tuple[int, int]:
    """(width, height) of the frames in pixels, for the same arguments. Both are even, as videos want it."""
    scale = frame_scale(width, height, picture)
    wide, high = (even(int(side * scale + _ROUNDING)) for side in (width, height))
    return wide, high


def even(side: int) -> int:
    """The largest even number that is not above ``side``, at least 2."""
    return max(2, side - side % 2)
