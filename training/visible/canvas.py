"""What covers and other skins are painted with. Images are (H, W, 3) uint8 RGB, faces the face mesh (478, 3) px."""

from __future__ import annotations

import cv2
import numpy as np

_SKIN_POINTS = (50, 280, 151, 101, 330)
"""Points of the mesh on both cheeks and on the forehead."""


def skin_colour(image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """(3,) colour of the face between eyes and mouth, 0–255."""
    places = np.clip(face[list(_SKIN_POINTS), :2].astype(int), 0, np.array(image.shape[1::-1]) - 1)
    colour: np.ndarray = np.median(cv2.blur(image, (5, 5))[places[:, 1], places[:, 0]], axis=0)
    return colour


def filled(image: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """(H, W) float32 cover of a polygon (N, 2) px."""
    cover = np.zeros(image.shape[:2], np.float32)
    cv2.fillPoly(cover, [np.round(ring * 16).astype(np.int32)], (1.0,), lineType=cv2.LINE_AA, shift=4)
    return cover


def as_bytes(image: np.ndarray) -> np.ndarray:
    """Rounded to uint8 within 0–255."""
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)
