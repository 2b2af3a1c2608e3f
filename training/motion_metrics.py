"""Numbers that say whether motion looks like motion. All take features (T, 25) in the units of ``core.prior.features``.

SND follows the paper's definition (arXiv 2212.04248, evaluation metrics): FID_fm + FID_Δfm, Fréchet distances between
generated and real motion over frames and over differences of neighbouring frames, here on the coefficients f_nl
themselves. Both are taken in units of the real motion's own deviations, so that neither a channel nor the (small)
differences count for less than another; the values are therefore not comparable with the paper's table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.linalg
import scipy.ndimage
import scipy.signal

from core.channels import FPS
from core.prior.features import FEATURE_GROUPS, FEATURES

from .prosody import Prosody

BLINK = FEATURES.index("blink")
PITCH = FEATURES.index("headPitch")
ROTATION = slice(0, 3)
ACTIVE_DEVIATION = 0.01
"""Channels whose deviation in the real motion is below this (weights, radians or centimetres) are left out of SND."""


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance between Gaussians fitted to rows of (n, d) and (m, d): |μ−μ'|² + tr(Σ + Σ' − 2 (Σ Σ')^½)."""
    difference = a.mean(axis=0) - b.mean(axis=0)
    first, second = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    # tr (Σ Σ')^½ = sum of the roots of the eigenvalues of Σ Σ', which are real and ≥ 0.
    product = np.linalg.eigvals(first @ second)
    root = np.sqrt(np.maximum(product.real, 0.0)).sum()
    return float(difference @ difference + np.trace(first) + np.trace(second) - 2.0 * root)


def snd(
    generated: Sequence[np.ndarray], real: Sequence[np.ndarray], columns: Sequence[int] | None = None
) -> dict[str, float]:
    """SND of sequences (T_i, 25) against real ones, with its two terms; ``columns`` limits it to some features."""
    active = np.concatenate(real).std(axis=0) > ACTIVE_DEVIATION
    chosen = [i for i in (range(len(FEATURES)) if columns is None else columns) if active[i]]

    def frames(sequences: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(sequences)[:, chosen].astype(np.float64)

    def steps(sequences: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.diff(s[:, chosen].astype(np.float64), axis=0) for s in sequences])

    result = {}
    for name, view in (("fid_fm", frames), ("fid_delta_fm", steps)):
        unit = view(real).std(axis=0)
        result[name] = frechet_distance(view(generated) / unit, view(real) / unit)
    return {"snd": result["fid_fm"] + result["fid_delta_fm"], **result}


def variance(sequences: Sequence[np.ndarray], columns: Sequence[int] = FEATURE_GROUPS["head"][:3]) -> float:
    """Var: variance over time within a sequence, averaged; by default of the head's rotation, in square degrees."""
    return float(np.mean([np.rad2deg(s[:, list(columns)]).var(axis=0).mean() for s in sequences]))


def blink_frames(closure: np.ndarray, height: float = 0.6) -> np.ndarray:
    """Frames at which the lids (T,) are most closed, one a blink; a blink closes them to ``height`` or more."""
    padded = np.pad(closure, 1)  # a blink cut by the clip's edge counts as one
    return scipy.signal.find_peaks(padded, height=height, prominence=0.3)[0] - 1


def blink_statistics(sequences: Sequence[np.ndarray]) -> dict[str, float]:
    """Blinks a minute, median interval (s), mean of the closure reached, mean time above half closure (ms)."""
    peaks = [blink_frames(s[:, BLINK]) for s in sequences]
    count = sum(len(p) for p in peaks)
    intervals = np.concatenate([np.diff(p) for p in peaks]) / FPS
    closures = np.concatenate([s[p, BLINK] for s, p in zip(sequences, peaks, strict=True)])
    half_closed = sum(int((s[:, BLINK] > 0.5).sum()) for s in sequences) / FPS
    return {
        "blinks_per_minute": count / (sum(len(s) for s in sequences) / FPS / 60.0),
        "median_interval_s": float(np.median(intervals)) if len(intervals) else float("nan"),
        "mean_closure": float(closures.mean()) if count else float("nan"),
        "half_closed_ms": 1000.0 * half_closed / count if count else float("nan"),
    }


def jitter(sequences: Sequence[np.ndarray]) -> float:
    """Root mean square angular acceleration of the head in degrees/s²."""
    squares = [np.square(np.diff(np.rad2deg(s[:, ROTATION]), n=2, axis=0) * FPS**2).mean() for s in sequences]
    return float(np.sqrt(np.mean(squares)))


def trembling(sequences: Sequence[np.ndarray]) -> float:
    """Deviation (degrees) of the head's rotation above 6 Hz, where Hadar et al. 1983 found next to no power."""
    sos = scipy.signal.butter(4, 6.0, "highpass", fs=FPS, output="sos")
    rest = [scipy.signal.sosfiltfilt(sos, np.rad2deg(s[:, ROTATION]), axis=0) for s in sequences if len(s) > 30]
    return float(np.sqrt(np.mean([np.square(r).mean() for r in rest])))


def longest_stare(sequences: Sequence[np.ndarray]) -> float:
    """Longest time without a blink, in seconds, a clip's ends counting as blinks."""
    gaps = [np.diff(np.r_[0, blink_frames(s[:, BLINK]), len(s)]).max() for s in sequences]
    return float(max(gaps) / FPS)


def diversity(takes: np.ndarray) -> float:
    """Root mean square distance (degrees of head rotation) between pairs of takes (N, T, 25) of the same audio."""
    head = np.rad2deg(takes[..., ROTATION]).astype(np.float64)
    count = len(head)
    return float(np.sqrt(2.0 * count / (count - 1) * head.var(axis=0).mean()))


def accent_lift(motion: np.ndarray, prosody: Prosody) -> float:
    """How far the head nods around accents, in degrees: pitch just after them minus pitch half a second to each side.

    0 for motion that does not know of the accents.
    """
    accents = prosody.accents[(prosody.accents > 14) & (prosody.accents < len(motion) - 16)]
    if len(accents) == 0:
        return float("nan")
    pitch = scipy.ndimage.uniform_filter1d(np.rad2deg(motion[:, PITCH]), 5)
    return float(np.mean(pitch[accents + 1] - 0.5 * (pitch[accents - 12] + pitch[accents + 14])))


def speech_ratio(motion: np.ndarray, prosody: Prosody) -> float:
    """Head speed in speech over head speed in pauses; NaN where a clip has less than half a second of either."""
    speed = np.linalg.norm(np.diff(motion[:, ROTATION], axis=0), axis=1)
    speaking = prosody.speech[: len(speed)] > 0.5
    if min(speaking.sum(), (~speaking).sum()) < 0.5 * FPS:
        return float("nan")
    return float(speed[speaking].mean() / max(speed[~speaking].mean(), 1e-9))
