"""Whole blinks in sampled motion: the decoder decides when the lids shut, and how they do it is always the same.

A decoder of squared errors samples some blinks by halves, and some as a flutter of one frame. People's lids close in a
tenth of a second and open two to three times slower (VanderWerf et al. 2003), whatever they say.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import scipy.signal

from ..motion.channels import CHANNELS, EYE_BLINKS

SHUT = np.array([0.15, 0.6, 1.0, 0.9, 0.65, 0.4, 0.2, 0.08], np.float32)
"""How far the lids are shut in the frames of a blink."""
FULL = 2
"""Frame of a blink in which they are shut."""
LEAST = 0.4
"""Lid weight from which on a peak is a blink. Open lids in the data have up to about 0.3."""
APART = 30
"""Least frames between two blinks. With this, takes for six voices blinked 27 times a minute, and with 12 frames 38
times. People in conversation blink 26 times (Bentivoglio et al. 1997)."""
RESTING = 21
"""Frames over whose median lids rest: longer than two blinks, shorter than a look down."""
_LIDS = [CHANNELS.index(name) for name in EYE_BLINKS]


def with_whole_blinks(channels: np.ndarray) -> np.ndarray:
    """(T, 59) float32 channels whose lids rest, and blink where those of ``channels`` do. Both eyes are the same."""
    out = channels.astype(np.float32)
    lid = out[:, _LIDS].mean(1)
    resting = scipy.ndimage.median_filter(lid, RESTING, mode="nearest")
    peaks, _ = scipy.signal.find_peaks(np.pad(lid, 1), height=LEAST, distance=APART)
    shut = np.zeros(len(lid) + len(SHUT), np.float32)
    for peak in peaks - 1:
        begin = max(peak - FULL, 0)
        shape = SHUT[begin - (peak - FULL) :]
        shut[begin : begin + len(shape)] = np.maximum(shut[begin : begin + len(shape)], shape)
    out[:, _LIDS] = (resting + shut[: len(lid)] * (1.0 - resting))[:, None]
    return out
