"""Export the weights of G from a training run to the file that ships."""

from __future__ import annotations

from pathlib import Path

import torch

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT
from .recipe import Recipe, build, start_from
from .weights import save, weights_path


def export(run: Path, recipe: Recipe, path: Path | None = None, blend: Path | None = None, share: float = 0.0) -> Path:
    """Write the averaged weights of a run as the product reads them (float16); returns the path of the file.

    ``blend`` is a file of exported weights, and ``share`` (0..1) of them is mixed in. Some weights between those that a
    run began with and those that it ended with are better on strangers than both (Wortsman et al. 2022, "Robust
    fine-tuning of zero-shot models"). Raises BadInputError if ``blend`` has another kind or size.
    """
    network = load_module(run / CHECKPOINT, "G", build(recipe))
    if blend is not None:
        other = build(recipe)
        start_from(other, recipe, blend)
        with torch.no_grad():
            for own, mixed_in in zip(network.parameters(), other.parameters(), strict=True):
                own.lerp_(mixed_in, share)
    path = path or weights_path(recipe.model)
    save(path, network)
    return path
