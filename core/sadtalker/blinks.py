"""Blinks at SadTalker's places: bumps of five frames with random gaps between them."""

from __future__ import annotations

import numpy as np

BUMP = np.array([0.5, 0.9, 1.0, 0.9, 0.5], np.float32)
"""How far the eyes are shut in the frames of a blink."""
GAP = (10, 70)
"""Frames between blinks, and before the first one: at least, and fewer than. Shorter takes have at most half of their
length."""
SHORTEST = 20
"""Takes of so many frames or fewer have no blinks."""


def random_blinks(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(``frames``,) float32 in 0–1: how far the eyes are shut, as in ``generate_blink_seq_randomly`` of the paper's
    program. No blink is cut off at the end."""
    shut = np.zeros(frames, np.float32)
    if frames <= SHORTEST:
        return shut
    limit = min(frames // 2, GAP[1])
    begin = int(rng.integers(GAP[0], limit)) if limit > GAP[0] else GAP[0]
    while begin + len(BUMP) < frames:
        shut[begin : begin + len(BUMP)] = BUMP
        begin += len(BUMP) + (int(rng.integers(GAP[0], limit)) if limit > GAP[0] else GAP[0])
    return shut
