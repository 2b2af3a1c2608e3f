"""Remove trembling: head motion above 6 Hz in a sample is noise of the network.

Real heads have 0.003 to 0.006° of motion above 6 Hz (root mean square; tracked talkers and addresses). Sampled heads
have several times as much. Nods have 1.8 to 3.7 Hz (Hadar et al. 1983) and pass.
"""

from __future__ import annotations

import numpy as np

from ..motion.channels import FPS
from .features import FEATURE_GROUPS
from .spaces import NormalisedSpace

CUT = 6.0
"""Frequency in Hz at which half of the amplitude passes."""
_REACH = 5
_HEAD = list(FEATURE_GROUPS["head"])


def _kernel() -> np.ndarray:
    """(11,) a windowed sinc (Hamming) of unit sum."""
    place = np.arange(-_REACH, _REACH + 1)
    kernel = np.sinc(2.0 * CUT / FPS * place) * np.hamming(len(place))
    return kernel / kernel.sum()


_KERNEL = _kernel()


def steady_head(features: np.ndarray) -> np.ndarray:
    """(L, 25) features, or any multiple of them, whose head moves below 6 Hz only. Other features do not change.

    Past both ends the motion continues as its own reflection about the last frame. Motion of fewer than six frames does
    not change.
    """
    frames = len(features)
    if frames <= _REACH:
        return features
    head = np.pad(features[:, _HEAD], ((_REACH, _REACH), (0, 0)), mode="reflect", reflect_type="odd")
    steady = features.copy()
    steady[:, _HEAD] = sum(weight * head[i : i + frames] for i, weight in enumerate(_KERNEL))
    return steady


def steadied(values: np.ndarray, space: NormalisedSpace) -> np.ndarray:
    """(L, d) values of ``space`` whose head moves below 6 Hz only.

    Of a learned code only that changes which the head's change changes in it: what encoding and decoding alone would
    change stays.
    """
    if space.exact:
        return steady_head(values)
    features = space.decode(values)
    return values + space.encode(steady_head(features)) - space.encode(features)
