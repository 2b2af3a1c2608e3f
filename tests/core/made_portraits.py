"""Portraits made from other portraits: turned, with larger eyes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from core.head.rotation import euler_to_matrix, matrix_to_euler
from core.portrait.fit import head_crop
from core.portrait.portrait import Portrait
from core.portrait.tilt import turn_matrix

RENDERED_HEAD = Path(__file__).resolve().parents[2] / "core" / "assets" / "self_test.jpg"
"""A head made by a renderer, with the sharp edges and the blue eyes of such heads."""


def rendered_head() -> np.ndarray:
    """(H, W, 3) uint8 RGB of ``RENDERED_HEAD``."""
    picture = cv2.imread(str(RENDERED_HEAD))
    assert picture is not None
    return np.ascontiguousarray(picture[..., ::-1])


def turned_picture(image: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture turned clockwise on a canvas that holds all of it, and the (2, 3) matrix from its pixels there."""
    height, width = image.shape[:2]
    turn = turn_matrix(np.radians(degrees))
    size = np.ceil(np.abs(turn) @ (width, height) - 1e-6).astype(int)
    offset = size / 2 - turn @ (width / 2, height / 2)
    shift = offset + turn @ (0.5, 0.5) - 0.5
    flags, border = cv2.INTER_LANCZOS4, cv2.BORDER_REPLICATE
    whole = np.concatenate([turn, shift[:, None]], 1)
    made = cv2.warpAffine(image, whole, (int(size[0]), int(size[1])), flags=flags, borderMode=border)
    return made, np.concatenate([turn, offset[:, None]], 1)


def turned_portrait(portrait: Portrait, degrees: float) -> tuple[Portrait, np.ndarray]:
    """The portrait turned clockwise with its fit, and the (2, 3) matrix from its pixels to those of the result."""
    image, matrix = turned_picture(portrait.image, degrees)
    landmarks = portrait.landmarks.copy()
    landmarks[:, :2] = portrait.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    head = euler_to_matrix(torch.tensor([0.0, 0.0, -np.radians(degrees)], dtype=torch.float32))
    made = replace(
        portrait,
        image=image,
        landmarks=landmarks,
        rotation=matrix_to_euler(head @ euler_to_matrix(torch.from_numpy(portrait.rotation))).numpy(),
        translation=(head @ torch.from_numpy(portrait.translation)).numpy(),
        centre=(matrix[:, :2] @ portrait.centre + matrix[:, 2]).astype(np.float32),
        crop=head_crop(landmarks),
    )
    return made, matrix


def turned_back(frame: np.ndarray, scale: float, matrix: np.ndarray, size: tuple[int, int], own: float) -> np.ndarray:
    """A frame of a turned portrait, turned back to the place of the portrait's own frame.

    ``scale`` and ``own`` are pixels per pixel of the two photographs; ``size`` is (width, height) of the own frame.
    """
    linear = matrix[:, :2] * (scale / own)
    shift = linear @ (0.5, 0.5) + matrix[:, 2] * scale - 0.5
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    whole = np.concatenate([linear, shift[:, None]], 1)
    return cv2.warpAffine(frame, whole, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def magnified(image: np.ndarray, centres: np.ndarray, radius: float, factor: float) -> np.ndarray:
    """The picture enlarged ``factor`` times around each of centres (N, 2) px, fading to nothing at a radius."""
    height, width = image.shape[:2]
    y, x = (grid.astype(np.float32) for grid in np.mgrid[:height, :width])
    shift_x, shift_y = np.zeros_like(x), np.zeros_like(y)
    for cx, cy in centres:
        across, down = x + 0.5 - cx, y + 0.5 - cy
        near = np.clip((1 - np.hypot(across, down) / radius) / 0.55, 0, 1)
        share = (1 / factor - 1) * near * near * (3 - 2 * near)
        shift_x, shift_y = shift_x + across * share, shift_y + down * share
    return cv2.remap(image, x + shift_x.astype(np.float32), y + shift_y.astype(np.float32), cv2.INTER_CUBIC)
