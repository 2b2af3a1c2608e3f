"""Gaussian smoothing of sampled motion, by region: the mouth hardly, head and upper face more.

What a decoder can't know is noise in its samples, and it trembles. The paper damps everything far from the mouth. Here
each region has a Gaussian over time of its own, because a take's head does move. Blinks last a few frames, so lids
are smoothed as little as the mouth.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.ndimage

from ..motion.channels import CHANNELS, GROUPS

DEVIATION: Mapping[str, float] = {
    "lips": 0.6,
    "jaw": 0.6,
    "cheeks": 1.5,
    "nose": 1.5,
    "brows": 1.5,
    "blink": 0.6,
    "gaze": 0.6,
    "head": 2.0,
}
"""Standard deviation of each group's Gaussian, in frames."""


def smoothed(channels: np.ndarray) -> np.ndarray:
    """(T, 59) float32 channels, each group smoothed over time. Past both ends the motion goes on as its mirror image
    about the last frame, so that a movement that begins or ends there keeps its speed."""
    out = np.empty(channels.shape, np.float32)
    for group, deviation in DEVIATION.items():
        columns = [CHANNELS.index(name) for name in GROUPS[group]]
        reach = min(round(4 * deviation), len(channels) - 1)
        wide = np.pad(channels[:, columns], ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
        calm = scipy.ndimage.gaussian_filter1d(wide, deviation, axis=0, mode="nearest", truncate=4.0)
        out[:, columns] = calm[reach : reach + len(channels)]
    return out
