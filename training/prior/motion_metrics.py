"""Metrics of motion. All take features (T, 25) in the units of ``core.prior.features``.

SND follows the paper's definition (arXiv 2212.04248, evaluation metrics): FID_fm + FID_Δfm. These are Fréchet distances
between generated and real motion, over frames and over differences of neighbouring frames, here computed on the
coefficients f_nl. By default both use the real motion's deviations as units, so that all channels and the (small)
differences count equally. In the coefficients' own units, centimetres would dominate. Neither version is comparable
with the paper's table, whose coefficients belong to another model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.linalg
import scipy.ndimage
import scipy.signal

from core.motion.channels import FPS
from core.prior.features import FEATURE_GROUPS, FEATURES

from ..speech.prosody import Prosody

BLINK = FEATURES.index("blink")
PITCH = FEATURES.index("headPitch")
ROTATION = slice(0, 3)
ACTIVE_DEVIATION = 0.01
"""Channels with a smaller deviation in the real motion (weights, radians or centimetres) are left out of SND."""


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance between Gaussians fitted to the rows of (n, d) and (m, d): |μ−μ'|² + tr(Σ + Σ' − 2 (Σ Σ')^½)."""
    difference = a.mean(axis=0) - b.mean(axis=0)
    first, second = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    # tr (Σ Σ')^½ is the sum of the square roots of the eigenvalues of Σ Σ', which are real and ≥ 0.
    product = np.linalg.eigvals(first @ second)
    root = np.sqrt(np.maximum(product.real, 0.0)).sum()
    return float(difference @ difference + np.trace(first) + np.trace(second) - 2.0 * root)


def snd(
    generated: Sequence[np.ndarray],
    real: Sequence[np.ndarray],
    columns: Sequence[int] | None = None,
    own_units: bool = False,
) -> dict[str, float]:
    """SND of sequences (T_i, 25) relative to real ones, with its two terms.

    ``columns`` limits it to some features. ``own_units`` uses weights, radians and centimetres unchanged.
    """
    active = np.concatenate(real).std(axis=0) > ACTIVE_DEVIATION
    chosen = [i for i in (range(len(FEATURES)) if columns is None else columns) if active[i]]

    def frames(sequences: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(sequences)[:, chosen].astype(np.float64)

    def steps(sequences: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.diff(s[:, chosen].astype(np.float64), axis=0) for s in sequences])

    result = {}
    for name, view in (("fid_fm", frames), ("fid_delta_fm", steps)):
        unit = 1.0 if own_units else view(real).std(axis=0)
        result[name] = frechet_distance(view(generated) / unit, view(real) / unit)
    return {"snd": result["fid_fm"] + result["fid_delta_fm"], **result}


def variance(sequences: Sequence[np.ndarray], columns: Sequence[int] = FEATURE_GROUPS["head"][:3]) -> float:
    """Var: mean variance over time within a sequence; by default of the head's rotation, in square degrees."""
    return float(np.mean([np.rad2deg(s[:, list(columns)]).var(axis=0).mean() for s in sequences]))


def relative_variance(sequences: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> float:
    """Variance over time within a sequence divided by that of the real motion, averaged over the features that move. 1
    is right."""
    active = np.concatenate(real).std(axis=0) > ACTIVE_DEVIATION
    ours, true = (np.mean([s[:, active].var(axis=0) for s in group], axis=0) for group in (sequences, real))
    return float((ours / true).mean())


def blink_frames(closure: np.ndarray, height: float = 0.6) -> np.ndarray:
    """Frames at which the lids (T,) are most closed, one for each blink. A blink closes them to ``height`` or more."""
    padded = np.pad(closure, 1)  # a blink cut by the clip's edge counts as one
    return scipy.signal.find_peaks(padded, height=height, prominence=0.3)[0] - 1


def blink_statistics(sequences: Sequence[np.ndarray]) -> dict[str, float]:
    """Blinks a minute, median interval (s), mean closure at the peak, mean time above half closure (ms)."""
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
    """Deviation (degrees) of the head's rotation above 6 Hz, where Hadar et al. 1983 found almost no power."""
    sos = scipy.signal.butter(4, 6.0, "highpass", fs=FPS, output="sos")
    rest = [scipy.signal.sosfiltfilt(sos, np.rad2deg(s[:, ROTATION]), axis=0) for s in sequences if len(s) > 30]
    return float(np.sqrt(np.mean([np.square(r).mean() for r in rest])))


def longest_stare(sequences: Sequence[np.ndarray]) -> float:
    """Longest time without a blink, in seconds; the ends of a clip count as blinks."""
    gaps = [np.diff(np.r_[0, blink_frames(s[:, BLINK]), len(s)]).max() for s in sequences]
    return float(max(gaps) / FPS)


def diversity(takes: np.ndarray) -> float:
    """Root mean square distance (degrees of head rotation) between pairs of takes (N, T, 25) of the same audio."""
    head = np.rad2deg(takes[..., ROTATION]).astype(np.float64)
    count = len(head)
    return float(np.sqrt(2.0 * count / (count - 1) * head.var(axis=0).mean()))


def accent_lift(motion: np.ndarray, prosody: Prosody) -> float:
    """How far the head nods on accents, in degrees: pitch just after them minus pitch half a second to each side.

    0 for motion that is independent of the accents.
    """
    accents = prosody.accents[(prosody.accents > 14) & (prosody.accents < len(motion) - 16)]
    if len(accents) == 0:
        return float("nan")
    pitch = scipy.ndimage.uniform_filter1d(np.rad2deg(motion[:, PITCH]), 5)
    return float(np.mean(pitch[accents + 1] - 0.5 * (pitch[accents - 12] + pitch[accents + 14])))


def speech_ratio(motion: np.ndarray, prosody: Prosody) -> float:
    """Head speed in speech divided by head speed in pauses; NaN if a clip has less than half a second of either."""
    speed = np.linalg.norm(np.diff(motion[:, ROTATION], axis=0), axis=1)
    speaking = prosody.speech[: len(speed)] > 0.5
    if min(speaking.sum(), (~speaking).sum()) < 0.5 * FPS:
        return float("nan")
    return float(speed[speaking].mean() / max(speed[~speaking].mean(), 1e-9))


BEAT_DEVIATION = 3.0
"""Frames: σ of the distance between a beat of the head and one of the voice (Li et al. 2021, AIST++, at 60 frames a
second)."""


def _head_speed(motion: np.ndarray) -> np.ndarray:
    """(T − 1,) degrees a frame, smoothed over a tenth of a second."""
    speed = np.linalg.norm(np.diff(np.rad2deg(motion[:, ROTATION].astype(np.float64)), axis=0), axis=1)
    return scipy.ndimage.gaussian_filter1d(speed, 1.0)


def beat_alignment(motion: np.ndarray, prosody: Prosody) -> float:
    """How much nearer the head's beats are to the voice's accents than by chance.

    A beat is a local minimum of head speed, where a stroke ends or turns. Each beat counts exp(−d² / 2σ²) for its
    distance d to the nearest accent (Li et al. 2021). From their mean the same mean is subtracted for accents shifted
    by 1, 2, … seconds around the clip, because frequent accents are near any beat. NaN without accents, 0 for motion
    that is independent of them.
    """
    beats = scipy.signal.argrelmin(_head_speed(motion), order=3)[0] + 1
    accents = np.asarray(prosody.accents)
    if len(beats) == 0 or len(accents) == 0:
        return float("nan")

    def score(times: np.ndarray) -> float:
        nearest = np.abs(beats[:, None] - times[None]).min(axis=1)
        return float(np.exp(-(nearest**2) / (2.0 * BEAT_DEVIATION**2)).mean())

    shifts = np.arange(FPS, len(motion) - FPS, FPS).astype(int)
    chance = [score((accents + shift) % len(motion)) for shift in shifts]
    return score(accents) - float(np.mean(chance)) if chance else float("nan")


def spectral_arc_length(motion: np.ndarray) -> float:
    """Smoothness of the head's speed: SPARC of Balasubramanian et al. 2015, dimensionless; 0 is best, less is rougher.

    It is minus the arc length of the speed's amplitude spectrum, normalised to its value at 0 Hz, up to 10 Hz or to the
    frequency above which it stays below 5 %.
    """
    speed = np.linalg.norm(np.diff(motion[:, ROTATION].astype(np.float64), axis=0), axis=1)
    size = 2 ** (int(np.ceil(np.log2(max(len(speed), 2)))) + 4)
    spectrum = np.abs(np.fft.rfft(speed, size))
    if spectrum[0] == 0:
        return 0.0
    frequency = np.fft.rfftfreq(size, 1.0 / FPS)
    spectrum = spectrum[frequency <= 10.0] / spectrum[0]
    last = int(np.flatnonzero(spectrum >= 0.05)[-1])
    spectrum = spectrum[: last + 1]
    if last == 0:
        return 0.0
    return -float(np.hypot(1.0 / last, np.diff(spectrum)).sum())


def seam_statistics(sequences: Sequence[np.ndarray], seams: Sequence[Sequence[int]]) -> dict[str, float]:
    """Compare motion at the seams between windows with motion elsewhere.

    Parameters
    ----------
    sequences
        (T_i, 25) each.
    seams
        For each sequence, the frames with which a new window begins.

    Returns
    -------
    ``seam_speed`` and ``seam_acceleration``: means over head rotation and gaze at the seams, divided by those
    elsewhere, with each feature in units of its own deviation; 1 is right. ``seam_rank``: mean rank of the
    accelerations at seams among all others; 0.5 if seams can't be told from other frames. NaN if there are no seams.
    """
    columns = [*FEATURE_GROUPS["head"], *FEATURE_GROUPS["gaze"]]
    values: dict[str, tuple[list[float], list[float]]] = {"seam_speed": ([], []), "seam_acceleration": ([], [])}
    for motion, starts in zip(sequences, seams, strict=True):
        unit = motion[:, columns] / np.maximum(motion[:, columns].std(axis=0), 1e-6)
        for order, (at, elsewhere) in enumerate(values.values(), start=1):
            size = np.linalg.norm(np.diff(unit, n=order, axis=0), axis=1)
            # A difference belongs to a seam if it spans it. Frame s is the first of the new window.
            across = {s - order + k for s in starts for k in range(order)}
            for index, value in enumerate(size):
                (at if index in across else elsewhere).append(float(value))
    if not values["seam_speed"][0]:
        return dict.fromkeys((*values, "seam_rank"), float("nan"))
    result = {name: float(np.mean(at)) / max(float(np.mean(others)), 1e-9) for name, (at, others) in values.items()}
    at_seams, not_at_seams = (np.array(part) for part in values["seam_acceleration"])
    result["seam_rank"] = float(np.mean([(not_at_seams < value).mean() for value in at_seams]))
    return result
