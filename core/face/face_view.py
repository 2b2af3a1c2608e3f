"""The face view: a tight square on the face, steady through a clip, that every network which looks at faces is given.

A similarity (scale, turn in the picture plane, shift) brings the clip-average middle of each eye and of the mouth's
corners to fixed places, as PC-AVS stabilises its crops, but with room for forehead and an open jaw. It is the same for
all frames of a clip, so what moves in the view is what the person moves. Frames may be photographs, video or rendered.
"""

from __future__ import annotations

import cv2
import numpy as np

VIEW_SIDE = 128
"""Pixels of a side that the networks take."""
ANCHORS = np.array([[0.365, 0.36], [0.635, 0.36], [0.5, 0.665]])
"""Where the person's right eye, left eye and mouth come to lie, in shares of the view's side (x right, y down)."""

_POINTS = {
    478: ((33, 133), (263, 362), (61, 291)),
    468: ((33, 133), (263, 362), (61, 291)),
    68: ((36, 39), (45, 42), (48, 54)),
}
"""Corners of the right eye, the left eye and the mouth in the face mesh and among the 68 landmarks of iBUG (dlib)."""


def anchor_points(landmarks: np.ndarray) -> np.ndarray:
    """Middle of the right eye, the left eye and the mouth's corners, (…, 3, 2) from landmarks (…, P, 2 or more).

    P is 478 or 468 (face mesh) or 68 (iBUG); another number raises ValueError. Corners, not irises or lips: neither
    gaze nor speech may move the view.
    """
    corners = _POINTS.get(landmarks.shape[-2])
    if corners is None:
        raise ValueError(f"landmarks of {landmarks.shape[-2]} points; 478, 468 or 68 are known")
    return landmarks[..., np.array(corners), :2].mean(-2)  # (…, 3, 2 corners, 2) -> (…, 3, 2)


def clip_similarity(landmarks: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) float64 from pixels to the unit square of the view, from a clip's landmarks.

    Parameters
    ----------
    landmarks
        (T, P, 2 or more) px (pixel centres at integers + 0.5) of a clip's frames, or (P, 2 or more) of one picture.

    Returns
    -------
    ``M`` with ``view = M[:, :2] @ pixel + M[:, 2]``, the least-squares fit of the clip-average anchors to ``ANCHORS``.
    """
    return anchor_similarity(anchor_points(np.asarray(landmarks, np.float64)).reshape(-1, 3, 2).mean(0))


def anchor_similarity(points: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) float64 that brings three points (3, 2) px nearest to ``ANCHORS``, in least squares."""
    middle = points.mean(0)
    source = (points - middle) @ np.array([1, 1j])  # points as complex numbers: a similarity is z -> a z + b
    target = (ANCHORS - ANCHORS.mean(0)) @ np.array([1, 1j])
    turn = np.vdot(source, target) / np.vdot(source, source)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.concatenate([linear, (ANCHORS.mean(0) - linear @ middle)[:, None]], axis=1)


def to_view(points: np.ndarray, similarity: np.ndarray, side: int = VIEW_SIDE) -> np.ndarray:
    """Points (…, 2) px of a frame in pixels of its view, (…, 2)."""
    return side * (points @ similarity[:, :2].T + similarity[:, 2])


def from_view(points: np.ndarray, similarity: np.ndarray, side: int = VIEW_SIDE) -> np.ndarray:
    """Points (…, 2) px of a view in pixels of the frame it was cut from, (…, 2)."""
    return (points / side - similarity[:, 2]) @ np.linalg.inv(similarity[:, :2]).T


def face_view(picture: np.ndarray, similarity: np.ndarray, side: int = VIEW_SIDE) -> np.ndarray:
    """The view (side, side, 3) uint8 of a frame (H, W, 3) uint8; beyond the frame its edge pixels go on.

    A frame of higher resolution than the view is smoothed first, so that fine texture doesn't alias.
    """
    scale = side * float(np.hypot(*similarity[:, 0]))
    reach = 3.0 / scale
    corners = from_view(np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float64), similarity, side)
    limit = np.array([picture.shape[1], picture.shape[0]])
    lower = np.clip(np.floor(corners.min(0) - reach), 0, limit - 1).astype(int)
    upper = np.clip(np.ceil(corners.max(0) + reach), lower + 1, limit).astype(int)
    part = np.ascontiguousarray(picture[lower[1] : upper[1], lower[0] : upper[0]])
    if scale < 1:
        part = cv2.GaussianBlur(part, (0, 0), 0.4 / scale, borderType=cv2.BORDER_REPLICATE)
    matrix = side * similarity
    matrix = np.concatenate([matrix[:, :2], (matrix @ np.append(lower, 1.0))[:, None]], axis=1)
    matrix[:, 2] += matrix[:, :2].sum(1) / 2 - 0.5  # OpenCV counts pixel centres at integers
    interpolation = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return cv2.warpAffine(part, matrix, (side, side), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)


def network_input(views: np.ndarray) -> np.ndarray:
    """Views (…, S, S, 3) uint8 as networks take them: (…, 3, S, S) float32, RGB 0–1."""
    return np.ascontiguousarray(np.moveaxis(views, -1, -3), dtype=np.float32) / 255.0


def sampling_theta(similarity: np.ndarray, frame: tuple[int, int]) -> np.ndarray:
    """(2, 3) float32 for ``torch.nn.functional.affine_grid(…, align_corners=False)`` over a frame of (height, width).

    With it a loss can look at generated frames through the same view and pass gradients back to them.
    """
    inverse = np.linalg.inv(np.vstack([similarity, [0.0, 0.0, 1.0]]))
    unit = np.array([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])  # −1…1 -> 0…1
    height, width = frame
    to_grid = np.array([[2.0 / width, 0.0, -1.0], [0.0, 2.0 / height, -1.0], [0.0, 0.0, 1.0]])
    return (to_grid @ inverse @ unit)[:2].astype(np.float32)
