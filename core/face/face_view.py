"""The face view: a tight square around the face, steady through a clip. It is the input of all networks for faces.

A similarity (scale, rotation in the picture plane, shift) brings three points to fixed places: the middle of each eye
and the middle between the mouth's corners, averaged over the clip. PC-AVS stabilises its crops in the same way; this
view has more room for the forehead and an open jaw. The similarity is the same for all frames of a clip, so every
movement in the view is a movement of the person. Frames can be photographs, video frames or rendered pictures.
"""

from __future__ import annotations

import cv2
import numpy as np

from . import points as face_points

VIEW_SIDE = 128
"""Side of the view in pixels, as the networks take it."""
ANCHORS = np.array([[0.365, 0.36], [0.635, 0.36], [0.5, 0.665]])
"""Places of the person's right eye, left eye and mouth in the view, as fractions of its side (x right, y down)."""
_REACH = 3.0
"""Pixels of the view that are kept around it in the frame, for smoothing and interpolation at its rim."""
_ANTIALIAS = 0.4
"""Standard deviation of the Gaussian before shrinking, in pixels of the smaller picture."""

_MESH_ANCHORS = (*reversed(face_points.EYE_CORNERS), face_points.MOUTH_CORNERS)
_IBUG_ANCHORS = (*reversed(face_points.IBUG_EYE_CORNERS), face_points.IBUG_MOUTH_CORNERS)
_POINTS = {
    face_points.LANDMARKS: _MESH_ANCHORS,
    face_points.MESH_POINTS: _MESH_ANCHORS,
    face_points.IBUG_LANDMARKS: _IBUG_ANCHORS,
}
"""Corners of the right eye, the left eye and the mouth, by the number of landmarks."""


def anchor_points(landmarks: np.ndarray) -> np.ndarray:
    """Middle of the right eye, the left eye and the mouth's corners, (…, 3, 2) from landmarks (…, P, 2 or more).

    P is 478 or 468 (face mesh) or 68 (iBUG); another number raises ValueError. Only corners are used, not irises or
    lips, so that neither gaze nor speech moves the view.
    """
    corners = _POINTS.get(landmarks.shape[-2])
    if corners is None:
        raise ValueError(f"landmarks of {landmarks.shape[-2]} points; 478, 468 or 68 are known")
    return landmarks[..., np.array(corners), :2].mean(-2)  # (…, 3, 2 corners, 2) -> (…, 3, 2)


def clip_similarity(landmarks: np.ndarray) -> np.ndarray:
    """Similarity (2, 3) float64 from pixels to the unit square of the view, computed from a clip's landmarks.

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
    """Similarity (2, 3) float64 that brings three points (3, 2) px closest to ``ANCHORS``, in least squares."""
    middle = points.mean(0)
    source = (points - middle) @ np.array([1, 1j])  # with complex numbers a similarity is z -> a z + b
    target = (ANCHORS - ANCHORS.mean(0)) @ np.array([1, 1j])
    turn = np.vdot(source, target) / np.vdot(source, source)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.concatenate([linear, (ANCHORS.mean(0) - linear @ middle)[:, None]], axis=1)


def to_view(points: np.ndarray, similarity: np.ndarray, side: int = VIEW_SIDE) -> np.ndarray:
    """Convert points (…, 2) from pixels of a frame to pixels of its view."""
    return side * (points @ similarity[:, :2].T + similarity[:, 2])


def from_view(points: np.ndarray, similarity: np.ndarray, side: int = VIEW_SIDE) -> np.ndarray:
    """Convert points (…, 2) from pixels of a view to pixels of the frame it was cut from."""
    return (points / side - similarity[:, 2]) @ np.linalg.inv(similarity[:, :2]).T


def face_view(picture: np.ndarray, similarity: np.ndarray, side: int = VIEW_SIDE) -> np.ndarray:
    """Cut the view (side, side, 3) uint8 out of a frame (H, W, 3) uint8; beyond the frame its edge pixels are repeated.

    A frame with a higher resolution than the view is smoothed first, so that fine texture doesn't alias.
    """
    scale = side * float(np.hypot(*similarity[:, 0]))
    reach = _REACH / scale
    corners = from_view(np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float64), similarity, side)
    limit = np.array([picture.shape[1], picture.shape[0]])
    lower = np.clip(np.floor(corners.min(0) - reach), 0, limit - 1).astype(int)
    upper = np.clip(np.ceil(corners.max(0) + reach), lower + 1, limit).astype(int)
    part = np.ascontiguousarray(picture[lower[1] : upper[1], lower[0] : upper[0]])
    if scale < 1:
        part = cv2.GaussianBlur(part, (0, 0), _ANTIALIAS / scale, borderType=cv2.BORDER_REPLICATE)
    matrix = side * similarity
    matrix = np.concatenate([matrix[:, :2], (matrix @ np.append(lower, 1.0))[:, None]], axis=1)
    matrix[:, 2] += matrix[:, :2].sum(1) / 2 - 0.5  # OpenCV has pixel centres at integers
    interpolation = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return cv2.warpAffine(part, matrix, (side, side), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)


def network_input(views: np.ndarray) -> np.ndarray:
    """Convert views (…, S, S, 3) uint8 to the networks' input: (…, 3, S, S) float32, RGB 0–1."""
    return np.ascontiguousarray(np.moveaxis(views, -1, -3), dtype=np.float32) / 255.0


def sampling_theta(similarity: np.ndarray, frame: tuple[int, int]) -> np.ndarray:
    """(2, 3) float32 for ``torch.nn.functional.affine_grid(…, align_corners=False)`` over a frame of (height, width).

    With it a loss can take the same view of generated frames and pass gradients back to them.
    """
    inverse = np.linalg.inv(np.vstack([similarity, [0.0, 0.0, 1.0]]))
    unit = np.array([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])  # −1…1 -> 0…1
    height, width = frame
    to_grid = np.array([[2.0 / width, 0.0, -1.0], [0.0, 2.0 / height, -1.0], [0.0, 0.0, 1.0]])
    return (to_grid @ inverse @ unit)[:2].astype(np.float32)
