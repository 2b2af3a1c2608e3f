"""Face-mesh landmarks of video corpora, tracked once and kept in ``.cache/landmarks``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.face.face_mesh import FaceMesh
from core.face.points import LANDMARKS, LIP_LINE, MOUTH_CORNERS, OUTER_EYES
from core.readback.pieces import MAX_GAP, BadClip

from ..common.arrays import save_npz
from . import video

LIP_GAPS = LIP_LINE[4:7]
"""Pairs of inner-lip points, upper and lower, in the middle of the mouth."""


def fill(landmarks: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Landmarks (T, 478, 3) in which frames that are not ``found`` (T,) are bridged by straight lines. Raises BadClip
    for long gaps."""
    if found.mean() < 0.9:
        raise BadClip(f"no face in {int((~found).sum())} of {len(found)} frames")
    edges = np.flatnonzero(np.diff(np.concatenate([[1], found.astype(int), [1]])))
    if len(edges) and int((edges[1::2] - edges[::2]).max()) > MAX_GAP:
        raise BadClip(f"face lost for {int((edges[1::2] - edges[::2]).max())} frames")
    times = np.arange(len(found))
    flat = landmarks.reshape(len(found), -1)  # (T, 478 * 3)
    filled = np.stack([np.interp(times, times[found], column[found]) for column in flat.T], axis=1)
    return filled.reshape(landmarks.shape).astype(np.float32)


def track(clip: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Landmarks (T, 478, 3) px, found (T,) bool and (width, height) of a video of one person. Raises BadClip or
    OSError."""
    points, found = [], []
    size = (0, 0)
    with FaceMesh(video=True) as mesh:
        for frame in video.frames(clip):
            size = (frame.shape[1], frame.shape[0])
            faces = mesh.detect(frame)
            found.append(bool(faces))
            points.append(faces[0] if faces else np.zeros((LANDMARKS, 3), np.float32))
    if len(points) < 25:
        raise BadClip(f"{len(points)} frames only")
    return np.stack(points), np.array(found), np.array(size)


def raw_landmarks(clip: Path, cache: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The result of :func:`track` for ``clip``, read from ``cache`` if it was tracked before."""
    if not cache.exists():
        landmarks, found, size = track(clip)
        save_npz(cache, landmarks=landmarks, found=found, size=size)
    with np.load(cache, allow_pickle=False) as kept:
        return kept["landmarks"], kept["found"], kept["size"]


def load_or_track(clip: Path, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Filled landmarks (T, 478, 3) and (width, height) of ``clip``, read from ``cache`` if it was tracked before."""
    landmarks, found, size = raw_landmarks(clip, cache)
    return fill(landmarks, found), size


def mouth_shape(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Opening (T,) and width (T,) of the mouth on landmarks (T, 478, 3), divided by the outer-eye distance."""
    flat = landmarks[..., :2]
    eyes = np.linalg.norm(flat[:, OUTER_EYES[0]] - flat[:, OUTER_EYES[1]], axis=-1)
    gaps = np.mean([np.linalg.norm(flat[:, up] - flat[:, low], axis=-1) for up, low in LIP_GAPS], axis=0)
    width = np.linalg.norm(flat[:, MOUTH_CORNERS[0]] - flat[:, MOUTH_CORNERS[1]], axis=-1)
    return (gaps / eyes).astype(np.float32), (width / eyes).astype(np.float32)
