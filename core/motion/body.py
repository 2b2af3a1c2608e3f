"""How shoulders and chest follow the head: late, a little, and never far.

Only the last second of the head's motion counts. So an edit of a few frames changes the body for a second longer, and
no other frame.
"""

from __future__ import annotations

import numpy as np

from .channels import FPS
from .motion import Motion

SHIFT_SHARE = (0.3, 0.2)
"""Share of the head's shift, sideways and upward, that the shoulders go along."""
TURN_CM = 1.0
"""Shift of the chest to the side for each radian that the head turns there: it turns along a little."""
TILT_SHARE = 0.12
"""Share of the head's roll that the shoulders tilt along."""
LIMITS = (0.8, 0.5, 0.05)
"""Limits of the two shifts (centimetres) and of the tilt (radians), which are approached smoothly."""
LAG_SECONDS = 0.16
"""Half of the mean delay behind the head."""
MEMORY_SECONDS = 1.0
"""How long a motion of the head lasts in the body."""
_TIMES = np.arange(1, round(MEMORY_SECONDS * FPS) + 1) / FPS
_KERNEL = _TIMES * np.exp(-_TIMES / LAG_SECONDS)
_KERNEL /= _KERNEL.sum()


def following(motion: Motion, loop: bool = False) -> np.ndarray:
    """(T, 3) float64: the shifts and the tilt of ``channels.BODY`` with which the body follows a motion's head.

    With ``loop`` the end runs into the beginning; otherwise the first pose is thought to have lasted before.
    """
    turn, shift = motion.rotation.astype(np.float64), motion.translation.astype(np.float64)
    head = np.stack(
        [
            SHIFT_SHARE[0] * shift[:, 0] + TURN_CM * turn[:, 1],
            SHIFT_SHARE[1] * shift[:, 1],
            TILT_SHARE * turn[:, 2],
        ],
        axis=1,
    )
    head = LIMITS * np.tanh(head / LIMITS)
    if not len(head):
        return head
    before = np.pad(head, ((len(_KERNEL) - 1, 0), (0, 0)), mode="wrap" if loop else "edge")
    return np.stack([np.convolve(column, _KERNEL, mode="valid") for column in before.T], axis=1)


def followed_again(body: np.ndarray, before: Motion, after: Motion, strength: float, loop: bool = False) -> np.ndarray:
    """(T, 4) float32: the ``body`` of a motion whose head was changed. Where it is as ``before``, it stays bit for bit.

    ``strength`` is the one that the body was made with. Both motions have T frames.
    """
    change = strength * (following(after, loop) - following(before, loop))
    out = body.astype(np.float32)
    moved = change != 0.0
    out[:, :3][moved] = (body[:, :3] + change)[moved]
    return out
