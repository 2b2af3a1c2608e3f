"""From a run to shipped weights of G, and what they are worth on held-out pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.renderer.generator import Generator, PaperGenerator
from core.renderer.generator.weights import save_generator, weights_path

from .checkpoint import load_module
from .engine import CHECKPOINT

if TYPE_CHECKING:
    from .generator import Recipe


def export(run: Path, recipe: Recipe, path: Path | None = None) -> Path:
    """Write the averaged weights of a run as the product reads them (float16); returns where."""
    from .generator import build

    network = load_module(run / CHECKPOINT, "G", build(recipe))
    assert isinstance(network, (Generator, PaperGenerator))
    path = path or weights_path(recipe.model)
    save_generator(path, network)
    return path
