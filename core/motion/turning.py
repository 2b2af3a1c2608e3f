"""How far a head may turn, and how motion eases into that limit.

A picture that is turned too far from its photograph falls apart at the ears. ``core.portrait.turning`` says where that
is for a portrait.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FREE = 0.7
"""Share of a limit within which nothing changes. Level 0 of the shipped prior turned farther on 24 held-out portraits
in no frame of sixteen takes; at level 1 one frame in 70 did."""


@dataclass(frozen=True)
class TurningLimits:
    """How far a head may turn from its rest pose.

    Attributes
    ----------
    pitch, yaw
        Lowest and highest angle in radians; 0 lies between them. Signs as in ``core.motion.motion.Motion``: positive
        pitch nods down, positive yaw turns to the person's left.
    """

    pitch: tuple[float, float]
    yaw: tuple[float, float]

    def eased(self, angles: np.ndarray) -> np.ndarray:
        """Pitch and yaw (..., 2) in radians, each brought within its limits.

        Up to ``FREE`` of a limit angles stay bit for bit. Beyond, they approach the limit along a tanh whose slope and
        curvature go on from there: speed never jumps, and a larger angle stays the larger one.
        """
        return np.stack([eased(angles[..., axis], *limits) for axis, limits in enumerate((self.pitch, self.yaw))], -1)


def eased(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values of any shape, brought within two limits with 0 between them, as `TurningLimits.eased` says."""
    for sign, limit in ((-1, abs(low)), (1, abs(high))):
        free = FREE * limit
        room = limit - free
        beyond = sign * values - free
        values = np.where(beyond > 0, sign * (free + room * np.tanh(beyond / room)), values)
    return values
