"""The tint that a blue or green backdrop gives to hair.

Hair lets light through, so at its rim, and everywhere in grey hair, the backdrop's hue is mixed in. Natural hair is
never bluer or greener than grey, so before such a backdrop what is beyond grey is the backdrop's.
"""

from __future__ import annotations

import cv2
import numpy as np

COLOURED = -15.0
"""a* or b* of CIELAB below which a backdrop is green, or blue, enough to tint hair."""


def without_spill(colours: np.ndarray, backdrop: np.ndarray | None) -> np.ndarray:
    """sRGB colours (..., 3) in 0–255 of hair without the tint of a backdrop (3,), as float32.

    They stay as they are without a backdrop, and before one of another hue.
    """
    plain = np.asarray(colours, np.float32)
    if backdrop is None:
        return plain
    tinted = _lab(backdrop[None])[0, 1:] < COLOURED
    if not tinted.any():
        return plain
    lab = _lab(plain.reshape(-1, 3))
    lab[:, 1:] = np.where(tinted, np.maximum(lab[:, 1:], 0), lab[:, 1:])
    found = 255 * cv2.cvtColor(lab[None], cv2.COLOR_LAB2RGB)[0]
    return np.asarray(found.reshape(plain.shape), np.float32)


def _lab(colours: np.ndarray) -> np.ndarray:
    """(n, 3) CIELAB of sRGB colours (n, 3)."""
    return np.asarray(cv2.cvtColor(colours[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0])
