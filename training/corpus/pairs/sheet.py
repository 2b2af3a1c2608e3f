"""Contact sheets of pairs, to check by eye that they teach the right thing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from .dataset import ReenactmentPairs
from .pair import Pair

CAPTION = 18
COLUMNS = ("source", "warp", "truth", "difference x3", "mouth eyes edge, valid", "parts, normals")


def row(pair: Pair) -> np.ndarray:
    """(S + CAPTION, 6 S, 3) uint8: the pair's pictures side by side, under a caption."""
    difference = np.abs(pair.warped.astype(np.int16) - pair.truth.astype(np.int16)).clip(0, 85) * 3
    masks = (pair.interest * (0.4 + 0.6 * pair.valid[..., None] / 255.0)).astype(np.uint8)
    shape = np.where((pair.parts >= 0)[..., None], pair.normals.astype(np.int16) + 128, 20)
    colour = np.array([(37 * k % 256, 91 * k % 256, 173 * k % 256) for k in range(16)])[pair.parts + 1]
    surfaces = np.where((pair.parts > 1)[..., None], colour, shape)
    pictures = (pair.source, pair.warped, pair.truth, difference, masks, surfaces)
    strip = np.concatenate([np.asarray(p, np.uint8) for p in pictures], 1)
    caption = np.full((CAPTION, strip.shape[1], 3), 255, np.uint8)
    text = f"{pair.facts['kind']} {pair.facts['name']}: {pair.facts['what']}   |   {' | '.join(COLUMNS)}"
    cv2.putText(caption, text, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([caption, strip])


def write_sheet(folder: Path, kind: str, split: str, count: int, seed: int, to: Path) -> Path:
    """Write a sheet of ``count`` random pairs of a kind and split into the folder ``to``; returns its path."""
    pairs = ReenactmentPairs.open(folder, split, (kind,))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(pairs))[:count])
    sheet = np.concatenate([row(pairs[int(i)]) for i in chosen])
    to.mkdir(parents=True, exist_ok=True)
    path = to / f"{kind}-{split}-{seed}.png"
    if not cv2.imwrite(str(path), sheet[:, :, ::-1]):
        raise OSError(f"{path} can't be written")
    return path
