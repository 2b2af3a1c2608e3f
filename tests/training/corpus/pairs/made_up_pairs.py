"""Pairs of smooth random pictures, for tests that need no person."""

import numpy as np

from training.corpus.pairs.pair import Pair


def made_up(kind: str, number: int) -> Pair:
    """A pair of smooth random pictures."""
    rng = np.random.default_rng(number)
    ramp = np.linspace(0, 1, 64)

    def picture() -> np.ndarray:
        a, b = rng.uniform(0, 120, (2, 3))
        return (a * ramp[:, None, None] + b * ramp[None, :, None] + 10).astype(np.uint8)

    def plane() -> np.ndarray:
        return rng.integers(0, 256, (64, 64)).astype(np.uint8)

    return Pair(
        source=picture(),
        truth=picture(),
        warped=picture(),
        alpha=plane(),
        trust=plane(),
        stretch=plane(),
        parts=rng.integers(-1, 12, (64, 64)).astype(np.int8),
        normals=rng.integers(-127, 128, (64, 64, 3)).astype(np.int8),
        flow=rng.normal(0, 5, (32, 32, 2)).astype(np.float16),
        interest=rng.integers(0, 256, (64, 64, 3)).astype(np.uint8),
        valid=plane(),
        channels=rng.normal(0, 1, 59).astype(np.float32),
        expression=rng.random(53).astype(np.float32),
        own=rng.random(53).astype(np.float32),
        landmarks=rng.random((478, 2)).astype(np.float32),
        source_landmarks=rng.random((478, 2)).astype(np.float32),
        facts={"kind": kind, "name": f"nobody {number}", "split": "train", "what": "at rest"},
    )
