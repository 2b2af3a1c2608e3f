"""What the prior is told about the mouth: how it opens and widens, how fast, and where a phrase begins and ends.

Heads move faster while the mouth moves than in its pauses: 2.6 times as fast in the training addresses (median of
seventeen pieces). In the product the lips are made before the prior runs, and filmed people without sound show their
lips too. So the mouth is a second condition beside the sound, and real head motion without sound becomes motion with a
condition. A network without it (``PriorConfig.mouth``) ignores it.

The curves are normalised for each recording, because people open their mouths differently far.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from ...motion.channels import FPS, LIP_CHANNELS

MOUTH = (
    "opening",
    "width",
    "opening speed",
    "width speed",
    "movement",
    "speaking",
    "since the phrase began",
    "until the phrase ends",
    "since the phrase ended",
)
"""Names of the numbers that the prior is told for each frame."""
_PER_WEIGHT: dict[str, tuple[float, float]] = {
    "jawForward": (0.012, 0.010),
    "jawLeft": (-0.003, 0.006),
    "jawOpen": (0.324, -0.064),
    "jawRight": (-0.003, 0.006),
    "mouthClose": (-0.417, 0.032),
    "mouthDimple": (-0.009, 0.009),
    "mouthFrown": (-0.001, 0.021),
    "mouthFunnel": (0.121, -0.077),
    "mouthLeft": (-0.005, -0.105),
    "mouthLowerDown": (0.033, 0.0),
    "mouthPress": (-0.012, -0.001),
    "mouthPucker": (-0.014, -0.104),
    "mouthRight": (-0.005, -0.105),
    "mouthRollLower": (-0.028, 0.008),
    "mouthRollUpper": (0.018, 0.036),
    "mouthShrugLower": (-0.072, 0.016),
    "mouthShrugUpper": (0.051, -0.001),
    "mouthSmile": (-0.001, 0.079),
    "mouthStretch": (-0.002, 0.074),
    "mouthUpperUp": (0.039, 0.002),
}
"""Change of the gap between the inner lips and of the mouth's width, in outer-eye distances, at weight 1 on the mean
head (``core.head.head_model``). Both sides of a face count the same."""
_TABLE = np.array([_PER_WEIGHT[name.removesuffix("_L").removesuffix("_R")] for name in LIP_CHANNELS], np.float32)
_LEAST = np.array([0.03, 0.03], np.float32)
"""Smallest range, in outer-eye distances, by which opening and width are divided. A mouth that rests stays at rest."""
_STEADY = 3.0
"""Deviation in frames of the Gaussian over which movement is averaged."""
_MOVES, _LEAST_MOVEMENT = 0.4, 0.5
"""A mouth speaks from this share of the recording's lively movement (three quarters of its frames move less) on, and
never below this many ranges a second. Tracked lips tremble in pauses; those of a model don't."""
_SHORTEST = 7
"""Shortest pause in frames. Closures inside words are shorter."""
_LONGEST = 8.0
"""Seconds after which the prior isn't told how much longer a phrase or a pause lasts."""


def _range(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Level at rest (2,) and range (2,) of opening and width (T, 2)."""
    low, middle, high = np.percentile(curves, (5, 50, 95), axis=0)
    rest = np.array([low[0], middle[1]])  # a mouth at rest is closed, and as wide as it mostly is
    return rest.astype(np.float32), np.maximum(high - low, _LEAST).astype(np.float32)


def _frames_since(true: np.ndarray) -> np.ndarray:
    """(T,) frames since the last frame with ``true`` (T,) bool, 0 there; counted from the beginning before the first
    one."""
    index = np.arange(len(true))
    last = np.maximum.accumulate(np.where(true, index, -1))
    return index - last


def mouth_curves(lips: np.ndarray) -> np.ndarray:
    """What the prior is told about the mouth of a whole recording.

    Parameters
    ----------
    lips
        (T, 27) weights of lips and jaw in the order of ``core.motion.channels.LIP_CHANNELS``, T ≥ 1.

    Returns
    -------
    (T, 9) float32 in the order of ``MOUTH``: opening and width in ranges of the recording; their speeds and the
    movement in ranges a second, over 4; 1 where somebody speaks; times as logarithms of 1 + seconds.
    """
    curves = np.asarray(lips, np.float32) @ _TABLE
    rest, reach = _range(curves)
    curves = (curves - rest) / reach
    speeds = np.gradient(curves, axis=0) * np.float32(FPS) if len(curves) > 1 else np.zeros_like(curves)
    power = scipy.ndimage.gaussian_filter1d(np.square(speeds[:, 0]), _STEADY, mode="nearest")
    movement = np.sqrt(power)
    moves = movement > max(_MOVES * float(np.percentile(movement, 75)), _LEAST_MOVEMENT)
    speaks = scipy.ndimage.binary_closing(np.pad(moves, _SHORTEST, mode="edge"), np.ones(_SHORTEST))
    speaks = speaks[_SHORTEST:-_SHORTEST]
    since, until = _frames_since(~speaks), _frames_since(~speaks[::-1])[::-1]
    seconds = np.stack([since, until, _frames_since(speaks)], axis=1) / FPS
    times = np.log1p(np.minimum(seconds, _LONGEST))
    return np.concatenate(
        [curves, speeds / 4.0, movement[:, None] / 4.0, speaks[:, None], times], axis=1, dtype=np.float32
    )
