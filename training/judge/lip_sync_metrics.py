"""Metrics of lip sync: distances and confidence of the judge, and the curve of the mouth's opening.

LSE-D and LSE-C are defined as in Wav2Lip (Prajwal et al. 2020). For each shift of the sound by up to 15 frames there is
a mean distance between the embeddings of mouth and sound of five frames. D is the smallest of these means, C the median
minus the smallest. There are two differences. The judge is ours (``training.judge``), so distances are between 0 and 2
and can only be compared with each other, never with published numbers. And shifted pairs beyond the clip's ends are
left out, while Wav2Lip compares them with zeros.

The paper (arXiv 2212.04248, tables 1, 2 and 4) calls the confidence S_c. We found no definition of its N_c, which is
0.00 to 0.04 there, lower being better. Here N_c is the relative difference from a real recording's confidence,
|1 − S_c / S_c(real)|. Compare N_c with the paper with care.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from core.face.face_view import VIEW_SIDE
from core.sound.mel import MELS_PER_FRAME

from ..lips.evaluation import MAX_LAG, correlation
from .data import cut_mouths, mouth_similarities, part_of_view
from .model import FRAMES, Judge

REACH = 15
"""Largest shift of the sound in either direction, frames."""

Pair = tuple[np.ndarray, np.ndarray]
"""Grey mouths (T, 56, 56) uint8 and log-mel (4 T, 80), or the judge's embeddings (W, D) of them."""


def shift_distances(seen: np.ndarray, heard: np.ndarray, reach: int = REACH) -> NDArray[np.float64]:
    """Mean distance (2 reach + 1,) of embeddings (W, D) with the sound taken s frames later, s = −reach … reach.

    Raises ValueError if a clip is too short for a pair at the largest shift.
    """
    windows = len(seen)
    if windows <= reach:
        raise ValueError(f"{windows} windows are too few for shifts of {reach} frames")
    square = 2.0 - 2.0 * seen.astype(np.float64) @ heard.astype(np.float64).T  # of unit vectors
    distance = np.sqrt(np.maximum(square, 0.0))
    return np.array([np.diagonal(distance, shift).mean() for shift in range(-reach, reach + 1)])


def sync_numbers(distances: NDArray[np.float64]) -> dict[str, float]:
    """``lse_d``, ``lse_c``, ``offset`` (frames by which the sound is late at the smallest distance) and ``distance``
    without shift, from the mean distances of all shifts."""
    reach = len(distances) // 2
    return {
        "lse_d": float(distances.min()),
        "lse_c": float(np.median(distances) - distances.min()),
        "offset": int(distances.argmin()) - reach,
        "distance": float(distances[reach]),
    }


@torch.inference_mode()
def answers(judge: Judge, mouths: np.ndarray, mel: np.ndarray) -> Pair:
    """The judge's embeddings (T − 4, D) of mouths (T, 56, 56) and of log-mel (4 T, 80).

    A sound shorter or longer than the pictures raises ValueError.
    """
    if len(mel) != MELS_PER_FRAME * len(mouths):
        raise ValueError(f"{len(mel)} rows of sound for {len(mouths)} frames; there must be four for each frame")
    parts = []
    for first in range(0, len(mouths) - FRAMES + 1, 100):  # keeps memory constant for long takes
        piece = torch.from_numpy(mouths[first : first + 100 + FRAMES - 1])[None]
        parts.append(judge.see(piece)[0].numpy())
    return np.concatenate(parts), judge.hear(torch.from_numpy(mel)[None])[0].numpy()


def judge_take(
    judge: Judge, pictures: Sequence[np.ndarray], mel: np.ndarray, landmarks: np.ndarray | None = None
) -> dict[str, float]:
    """Lip sync of one take.

    Parameters
    ----------
    pictures
        T frames (H, W, 3) uint8 RGB. Without ``landmarks`` they must be face views of 128 (``core.face.face_view``).
    mel
        (4 T, 80), ``core.sound.mel``.
    landmarks
        (T, P, 2 or more) px of the frames, as for ``core.face.face_view``.

    Returns
    -------
    ``sync_numbers`` and ``S_c``, the paper's name of the confidence.
    """
    if landmarks is None:
        if any(picture.shape[:2] != (VIEW_SIDE, VIEW_SIDE) for picture in pictures):
            raise ValueError(f"without landmarks the pictures must be face views of {VIEW_SIDE} pixels")
        whole = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) / VIEW_SIDE
        similarities = np.repeat(part_of_view(whole)[None], len(pictures), 0)
    else:
        similarities = mouth_similarities(landmarks)
    numbers = sync_numbers(shift_distances(*answers(judge, cut_mouths(pictures, similarities), mel)))
    return {**numbers, "S_c": numbers["lse_c"]}


def confidence_gap(confidence: float, real: float) -> float:
    """N_c as defined here: |1 − S_c / S_c(real)|, 0 for the same confidence as a real recording."""
    return abs(1.0 - confidence / real)


def opening_match(opening: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Correlation of two curves (T,) of the mouth's opening, the best correlation within ``MAX_LAG`` frames of lag, and
    the frames by which ``opening`` is then late."""
    lags = range(-MAX_LAG, MAX_LAG + 1)
    # ``correlation`` delays its first curve, so a late curve needs a negative lag.
    best = max(lags, key=lambda lag: correlation(opening, truth, -lag))
    return {
        "correlation": correlation(opening, truth),
        "best": correlation(opening, truth, -best),
        "offset": best,
    }


def reliability(judge: Judge, clips: Sequence[Pair], piece: int = 50, late: int = 5) -> dict[str, float]:
    """How reliable the judge is on real pairs of mouths and sound.

    Returns
    -------
    top1, top1_pieces
        Share of clips, and of pieces of ``piece`` frames (2 s), whose sound is placed within one frame of its true
        place.
    late_found
        Share of clips for which a delay of the sound by ``late`` frames is found within one frame.
    nearest
        Share of single windows (0.2 s) whose own sound is nearer than all others within ±15 frames, except its two
        neighbours. Chance is about 0.03.
    lse_d, lse_c, distance
        Means over clips; distance is that without shift.
    distance_late, lse_c_late
        The same for the delayed sound: the confidence is the same, the distance without shift is larger.
    distance_other, lse_d_other, lse_c_other
        The same for the sound of another clip, which fits nowhere.
    """
    pairs = [answers(judge, *clip) for clip in clips]
    own = [sync_numbers(shift_distances(*pair)) for pair in pairs]
    pieces = [
        sync_numbers(shift_distances(seen[a : a + piece], heard[a : a + piece]))
        for seen, heard in pairs
        for a in range(0, len(seen) - piece + 1, piece // 2)
    ]
    delayed = [sync_numbers(shift_distances(seen[late:], heard[:-late])) for seen, heard in pairs]
    others = []
    for index, (seen, _) in enumerate(pairs):
        heard = pairs[(index + len(pairs) // 2) % len(pairs)][1]
        count = min(len(seen), len(heard))
        others.append(sync_numbers(shift_distances(seen[:count], heard[:count])))

    def mean(numbers: list[dict[str, float]], name: str) -> float:
        return round(float(np.mean([n[name] for n in numbers])), 4)

    def placed(numbers: list[dict[str, float]], at: int) -> float:
        return round(float(np.mean([abs(n["offset"] - at) <= 1 for n in numbers])), 4)

    return {
        "clips": len(pairs),
        "top1": placed(own, 0),
        "top1_pieces": placed(pieces, 0),
        "late_found": placed(delayed, late),
        "nearest": round(float(np.mean([window_hits(*pair) for pair in pairs])), 4),
        **{name: mean(own, name) for name in ("lse_d", "lse_c", "distance")},
        **{f"{name}_late": mean(delayed, name) for name in ("distance", "lse_c")},
        **{f"{name}_other": mean(others, name) for name in ("distance", "lse_d", "lse_c")},
    }


def window_hits(seen: np.ndarray, heard: np.ndarray, reach: int = REACH) -> float:
    """Share of windows (W, D) whose own sound is nearer than any other within ``reach`` frames, except neighbours."""
    likeness = seen @ heard.T
    apart = np.abs(np.subtract.outer(np.arange(len(seen)), np.arange(len(heard))))
    rivals = np.where((apart > 1) & (apart <= reach), likeness, -np.inf)
    return float((np.diagonal(likeness) > rivals.max(1)).mean())
