"""From a run to shipped weights of G, and what they are worth on held-out pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from core.renderer.generator import Generator, PaperGenerator
from core.renderer.generator.weights import save_generator, weights_path

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT

if TYPE_CHECKING:
    from .train import Recipe


def export(run: Path, recipe: Recipe, path: Path | None = None, blend: Path | None = None, share: float = 0.0) -> Path:
    """Write the averaged weights of a run as the product reads them (float16); returns where.

    ``blend`` is a file of exported weights, of which ``share`` (0..1) is mixed in: between the weights that a run began
    with and those it ended with lie some that do better on strangers than both (Wortsman et al. 2022, "Robust
    fine-tuning of zero-shot models"). Raises BadInputError where they are of another kind or size.
    """
    from .train import build, start_from

    network = load_module(run / CHECKPOINT, "G", build(recipe))
    assert isinstance(network, (Generator, PaperGenerator))
    if blend is not None:
        other = build(recipe)
        start_from(other, recipe, blend)
        with torch.no_grad():
            for own, mixed_in in zip(network.parameters(), other.parameters(), strict=True):
                own.lerp_(mixed_in, share)
    path = path or weights_path(recipe.model)
    save_generator(path, network)
    return path
