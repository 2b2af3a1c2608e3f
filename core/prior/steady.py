"""Heads turn, they don't tremble: what a sampled head does above 6 Hz is the network's noise and is taken out.

Real heads hold 0.003 to 0.006° of their motion above 6 Hz (root mean square; tracked talkers and addresses), sampled
ones several times that. Nods, of 1.8 to 3.7 Hz (Hadar et al. 1983), pass.
"""

from __future__ import annotations

import numpy as np

from ..motion.channels import FPS
from .features import FEATURE_GROUPS

CUT = 6.0
"""Hz at which half of a motion passes."""
_REACH = 5
_HEAD = list(FEATURE_GROUPS["head"])


def _kernel() -> np.ndarray:
    """(11,) a windowed sinc (Hamming) of unit sum."""
    place = np.arange(-_REACH, _REACH + 1)
    kernel = np.sinc(2.0 * CUT / FPS * place) * np.hamming(len(place))
    return kernel / kernel.sum()


_KERNEL = _kernel()


def steady_head(features: np.ndarray) -> np.ndarray:
    """(L, 25) features, or any multiple of them, with a head that moves below 6 Hz alone; all else as it was.

    Past both ends the motion is taken to go on as it came, turned about its last frame; fewer than six frames stay.
    """
    frames = len(features)
    if frames <= _REACH:
        return features
    head = np.pad(features[:, _HEAD], ((_REACH, _REACH), (0, 0)), mode="reflect", reflect_type="odd")
    steady = features.copy()
    steady[:, _HEAD] = sum(weight * head[i : i + frames] for i, weight in enumerate(_KERNEL))
    return steady
