"""PSNR on people who were never trained on: the face render, the product's warp, and the source left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from core.renderer.fields import resize

from ...corpus.pairs.pair import collate
from ...corpus.pairs.sets import TEST, VALIDATION
from ...generator.picture_quality import psnr
from .data import FaceMaker
from .sheet import Draw

SETS = {
    "s32": VALIDATION["s32, never seen"],
    "s33 and s34": TEST["s33 and s34, never seen"],
    "portraits": TEST["portraits held out"],
}
"""Sets of held-out people."""


def evaluate(draw: Draw, maker: FaceMaker, folder: Path, limit: int) -> Mapping[str, Mapping[str, float]]:
    """Mean PSNR by set, of "render", "warp" and "still", over at most ``limit`` pairs each; and the number of pairs."""
    results = {}
    for name, chosen in SETS.items():
        values = []
        for pair in chosen.pairs(folder, limit):
            batch = collate([pair])
            faces = maker.faces(batch)
            with torch.inference_mode():
                made = draw(faces)[0].cpu().clamp(0, 1)
            truth, warp, valid = (resize(v, maker.side, maker.side) for v in (batch.truth, batch.warped, batch.valid))
            values.append([float(psnr(picture, truth, valid)) for picture in (made, warp, faces.source)])
        if values:
            mean = np.mean(values, 0).round(2).tolist()
            results[name] = dict(zip(("render", "warp", "still"), mean, strict=True)) | {"pairs": len(values)}
    return results
