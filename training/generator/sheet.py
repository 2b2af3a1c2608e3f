"""Pictures of a generator in training: held-out pairs, before and after."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..corpus.pairs.pair import KINDS, SHARES
from .data import Windows, pairs_if_any, whole_squares
from .train import GeneratorTrainer

ROWS = 8
"""Pairs on a sheet."""


def strip(batch: Windows, made: Tensor, share: Tensor | None, k: int) -> np.ndarray:
    """(S, 5 S, 3) uint8 of pair k: source, warp, made picture, truth, and the replaced share of the warp. Without a
    ``share`` the last one is four times the difference from the truth."""
    last = (made - batch.truth).abs().mean(1, keepdim=True) * 4 if share is None else share
    pictures = [batch.source, batch.warped, made, batch.truth, last.expand(-1, 3, -1, -1)]
    row = torch.cat([p[k].cpu().float() for p in pictures], 2)  # (3, S, S) each -> (3, S, 5 S)
    return (row.clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).numpy()


def write_sheet(trainer: GeneratorTrainer, path: Path) -> None:
    """Write a sheet of held-out pairs drawn by the averaged weights. The pairs are always the same."""
    folder = trainer.source.folder
    pairs = pairs_if_any(folder, "test") or pairs_if_any(folder, "train")
    if pairs is None:
        return
    shares = {kind: 1.0 if kind != "own" else 0.3 for kind in KINDS if SHARES[kind]}
    rows = []
    with torch.inference_mode():
        rng = np.random.default_rng(11)
        for _ in range(ROWS):
            drawn = pairs.batch(1, rng, shares)
            batch = whole_squares(drawn, trainer.style(drawn)).to(trainer.run.device)
            made, share = trainer.picture(batch)
            rows.append(strip(batch, made, share, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])
