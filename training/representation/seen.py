"""f_v of all views of the sets, worked out once: in the stage *disentangle* E_v stands still.

Each view is looked at in several disguises (``representation_augment``), a clip's views in the same crop and shape, as
that stage would disguise them step by step. That is 86,000 looks for all variants of the stage, where
2,000 steps of each of six would take 1.5 million.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .augment import AugmentConfig, disguised
from .data import Faces, Mixture, as_input

DISGUISES = 4
"""How often every view is looked at."""


def look(
    data: Mixture, encoder: nn.Module, config: AugmentConfig, folder: Path, after: Path | None, bfloat16: bool = False
) -> None:
    """Give every set with sound of the mixture ``f_v``, (disguises, N, d_v) float16.

    They are kept in ``folder`` and read again unless they are older than the file ``after``, from which ``encoder``
    (E_v, in evaluation) was read.
    """
    for faces in data.sets:
        if faces.f_a is None:
            continue
        kept = folder / f"seen-{faces.name}.npy"
        if kept.exists() and (after is None or kept.stat().st_mtime > after.stat().st_mtime):
            faces.f_v = np.load(kept)
            continue
        rounds = [_look_once(faces, encoder, config, data.side, seed, bfloat16) for seed in range(DISGUISES)]
        faces.f_v = np.stack(rounds)
        folder.mkdir(parents=True, exist_ok=True)
        beside = kept.with_suffix(f".{os.getpid()}.part")  # several processes of a run each look for themselves
        with beside.open("wb") as file:
            np.save(file, faces.f_v)
        beside.replace(kept)


@torch.no_grad()
def _look_once(
    faces: Faces, encoder: nn.Module, config: AugmentConfig, side: int, seed: int, bfloat16: bool
) -> np.ndarray:
    """(N, d_v) float16 of one disguise."""
    device = next(encoder.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    found: np.ndarray | None = None
    for rows in faces.rows:
        views = as_input(faces.views[rows], side).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            f_v = encoder(disguised(views, config, generator, len(views))).float().cpu().numpy()
        if found is None:
            found = np.empty((len(faces.clip), f_v.shape[1]), np.float16)
        found[rows] = f_v
    assert found is not None
    return found
