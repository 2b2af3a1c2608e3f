"""The square crops of a clip's frames: framed like a portrait, fixed for the whole clip, stored as JPEG bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from core.face.face_view import face_view
from core.portrait.fit import head_crop

SIDE = 256
"""Side of the stored crops, pixels."""
QUALITY = 95
"""Quality of the JPEGs."""


@dataclass(frozen=True)
class Crop:
    """A square of a frame: corner (x0, y0) and side in px."""

    x0: float
    y0: float
    side: float

    @property
    def scale(self) -> float:
        """Crop pixels for each frame pixel."""
        return SIDE / self.side

    def to_crop(self, points: np.ndarray) -> np.ndarray:
        """Points (…, 2) px of the frame in crop pixels."""
        return ((points - np.array([self.x0, self.y0])) * self.scale).astype(np.float32)

    def cut(self, frame: np.ndarray) -> np.ndarray:
        """The crop (SIDE, SIDE, 3) uint8 of a frame (H, W, 3) uint8."""
        unit = np.array([[1.0, 0.0, -self.x0], [0.0, 1.0, -self.y0]]) / self.side
        return face_view(frame, unit, SIDE)


def clip_crop(landmarks: np.ndarray, size: tuple[int, int]) -> Crop:
    """The crop of a clip from its average landmarks (T, 478, 2 or more) px in frames of (width, height).

    It is framed like a portrait by ``core.portrait.fit.head_crop``, but never extends beyond the frame's edge, because
    a network that learns from these pictures must not learn to paint repeated edges.
    """
    x0, y0, side = head_crop(landmarks.mean(0))
    kept = min(side, *size)
    # A square that is too large shrinks about its middle. Then it is moved inside the frame.
    x0, y0 = x0 + (side - kept) / 2, y0 + 0.52 * (side - kept)
    return Crop(float(np.clip(x0, 0, size[0] - kept)), float(np.clip(y0, 0, size[1] - kept)), float(kept))


def pack(pictures: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """JPEGs of pictures (H, W, 3) uint8 RGB as one array of bytes (N,), and their offsets (T + 1,) int64."""
    parts = []
    for picture in pictures:
        there, encoded = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not there:
            raise OSError("OpenCV can't write JPEG")
        parts.append(encoded.reshape(-1))
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return np.concatenate(parts) if parts else np.zeros(0, np.uint8), offsets


def unpack(jpeg: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) uint8 RGB of JPEG bytes (n,). Raises OSError if they are damaged."""
    picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    if picture is None:
        raise OSError("a picture of the corpus is damaged; delete its shard and make it again")
    return np.ascontiguousarray(picture[:, :, ::-1])
