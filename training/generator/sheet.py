"""Pictures of a generator in training: held-out pairs, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor

from ..corpus.pairs.dataset import KINDS, SHARES
from .data import need_pairs, prepare

if TYPE_CHECKING:
    from .train import GeneratorTrainer

ROWS = 8
"""Pairs on a sheet."""


def strip(batch: Mapping[str, Tensor], made: Tensor, share: Tensor | None, k: int) -> np.ndarray:
    """(S, 5 S, 3) uint8 of pair k: source, warp, what was made, truth, and where (or how far from the truth)."""
    last = (made - batch["truth"]).abs().mean(1, keepdim=True) * 4 if share is None else share
    pictures = [batch["source"], batch["warped"], made, batch["truth"], last.expand(-1, 3, -1, -1)]
    row = torch.cat([p[k].cpu().float() for p in pictures], 2)  # (3, S, S) each -> (3, S, 5 S)
    return (row.clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).numpy()


def write_sheet(trainer: GeneratorTrainer, path: Path) -> None:
    """Write a sheet of held-out pairs as the averaged weights draw them; always the same pairs."""
    pairs = need_pairs(trainer.source.folder, "test") or need_pairs(trainer.source.folder, "train")
    if pairs is None:
        return
    shares = {kind: 1.0 if kind != "own" else 0.3 for kind in KINDS if SHARES[kind]}
    rows = []
    with torch.inference_mode():
        rng = np.random.default_rng(11)
        for _ in range(ROWS):
            batch: dict[str, Any] = prepare(pairs.batch(1, rng, shares))
            batch["style"] = trainer.style(batch)
            batch = {n: v.to(trainer.run.device) if isinstance(v, Tensor) else v for n, v in batch.items()}
            made, share = trainer.picture(batch)
            rows.append(strip(batch, made, share, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])
