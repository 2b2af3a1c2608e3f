"""Sheets of held-out pairs: source with its keypoints, truth, what the face render makes, and what the warp makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from core.renderer.fields import resize

from ...corpus.pairs.dataset import ReenactmentPairs
from ...corpus.pairs.pair import PairBatch
from .data import FaceMaker, Faces

ROWS = 8
"""Pairs on a sheet."""
SHOWN = {"films": 0.6, "portraits": 0.4}
"""Share of each kind on it."""

Draw = Callable[[Faces], tuple[Tensor, Tensor, Tensor]]
"""Pictures (B, 3, S, S), keypoints of the sources and of the frames (B, K, 3)."""


def sheet(draw: Draw, maker: FaceMaker, pairs: ReenactmentPairs, seed: int = 11) -> np.ndarray:
    """(rows · S, 5 S, 3) uint8; the pairs are the same for the same seed."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(ROWS):
        drawn = pairs.batch(1, rng, SHOWN)
        rows.append(row(draw, maker, drawn))
    return np.concatenate(rows)


def row(draw: Draw, maker: FaceMaker, pair: PairBatch) -> np.ndarray:
    """(S, 5 S, 3) uint8 of one pair: source and truth with the keypoints, truth, made, warp."""
    faces = maker.faces(pair)
    with torch.inference_mode():
        made, seen, driven = draw(faces)
    warp = resize(pair.warped, maker.side, maker.side)
    pictures = [_bytes(p[0]) for p in (faces.source, faces.truth, faces.truth, made.cpu(), warp)]
    for picture, points in zip(pictures, (seen, driven), strict=False):
        for k, (x, y) in enumerate(((points[0, :, :2].cpu() + 1) * (maker.side / 2)).tolist()):
            hue = np.array([[[k * 179 // points.shape[1], 255, 255]]], np.uint8)
            colour = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0].tolist()
            cv2.circle(picture, (round(x), round(y)), max(maker.side // 64, 1), colour, -1)
    return np.concatenate(pictures, 1)


def write(path: Path, picture: np.ndarray) -> None:
    """Write a picture (H, W, 3) uint8 RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1])


def _bytes(picture: Tensor) -> np.ndarray:
    return np.ascontiguousarray((picture.float().clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).numpy())
