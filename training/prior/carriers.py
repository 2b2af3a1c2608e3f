"""Real head motion for voices whose own head wasn't filmed: stretches of addresses with mouths that move like theirs.

Heads follow the mouth: they move while it speaks and calm down in its pauses. A stretch drawn at random would teach
that heads move whenever they like. So of many random stretches the one is taken whose mouth moves and pauses most like
the mouth that the product makes of the voice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from core.prior.told.mouth import MOUTH

from ..common.mirror import HEAD_SIGNS

CANDIDATES = 24
"""Stretches that are compared."""
_SMOOTH = 6.0
"""Deviation in frames of the Gaussian over which movements of mouths are compared."""
_MOVEMENT = MOUTH.index("movement")


@dataclass(frozen=True, eq=False)
class Carrier:
    """Real head motion (T, 6), radians and centimetres, and the curves (T, 9) of the mouth that it goes with."""

    head: np.ndarray
    mouth: np.ndarray


def _pattern(mouth: np.ndarray) -> np.ndarray:
    """(T,) how lively a mouth (T, 9) moves, smooth and without its mean, of unit length."""
    lively = scipy.ndimage.gaussian_filter1d(np.log(mouth[:, _MOVEMENT] + 0.05), _SMOOTH, mode="nearest")
    lively = lively - lively.mean()
    return lively / max(float(np.linalg.norm(lively)), 1e-6)


def draw_carrier(
    carriers: tuple[Carrier, ...], frames: int, mouth: np.ndarray | None, rng: np.random.Generator
) -> Carrier | None:
    """A stretch of ``frames`` frames for half of the calls, and None for the others or if no carrier is long enough.

    Its mouth moves like ``mouth`` (T, 9) as well as that of any of ``CANDIDATES`` random stretches; it is just a random
    one if ``mouth`` is None.
    """
    long_enough = [carrier for carrier in carriers if len(carrier.head) >= frames]
    if not long_enough or rng.random() < 0.5:
        return None
    stretches = []
    for _ in range(1 if mouth is None else CANDIDATES):
        carrier = long_enough[rng.integers(len(long_enough))]
        start = int(rng.integers(0, len(carrier.head) - frames + 1))
        stretches.append(Carrier(carrier.head[start : start + frames], carrier.mouth[start : start + frames]))
    chosen = stretches[0]
    if mouth is not None:
        wanted = _pattern(mouth)
        chosen = max(stretches, key=lambda stretch: float(wanted @ _pattern(stretch.mouth)))
    # Smaller than in the addresses, whose speaker turns between two teleprompters; mirrored half of the time.
    mirror = HEAD_SIGNS if rng.random() < 0.5 else 1
    return Carrier(chosen.head * rng.uniform(0.5, 1.0) * mirror, chosen.mouth)
