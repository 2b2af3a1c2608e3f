"""Heads and faces seen in a mirror."""

from __future__ import annotations

import numpy as np

HEAD_SIGNS = np.array([1, -1, -1, -1, 1, 1])
"""(6,) signs of a mirrored head's pose: yaw, roll and the shift to the side change."""
_OTHER_ENDING = {"_L": "_R", "_R": "_L", "Left": "Right", "Right": "Left"}


def other_side(name: str) -> str:
    """The channel that a mirrored face has in place of an expression channel: its own if it has no side."""
    for ending, other in _OTHER_ENDING.items():
        if name.endswith(ending):
            return name.removesuffix(ending) + other
    return name
