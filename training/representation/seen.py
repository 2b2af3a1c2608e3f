"""Compute f_v of all views of the sets once, because E_v is fixed in the stage *disentangle*.

f_v of each view is computed with several random changes (``training.representation.augment``); all views of a clip have
the same crop and shape, as that stage would change them in each step. This takes 86,000 evaluations of E_v for all
variants of the stage. 2,000 steps of each of six variants would take 1.5 million.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..common.arrays import save_npy
from .augment import AugmentConfig, disguised
from .data import Faces, Mixture, as_input

DISGUISES = 4
"""Number of random changes of every view."""


def look(
    data: Mixture, encoder: nn.Module, config: AugmentConfig, folder: Path, after: Path | None, bfloat16: bool = False
) -> None:
    """Set ``f_v``, (disguises, N, d_v) float16, of every set with sound in the mixture.

    The arrays are kept in ``folder`` and read from there, unless they are older than the file ``after``, from which
    ``encoder`` (E_v in evaluation mode) was loaded.
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
        save_npy(kept, faces.f_v)


@torch.no_grad()
def _look_once(
    faces: Faces, encoder: nn.Module, config: AugmentConfig, side: int, seed: int, bfloat16: bool
) -> np.ndarray:
    """(N, d_v) float16 of the views of a set, with the random changes of one seed."""
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
