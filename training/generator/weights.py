"""Weights of both generators on disk: the product's own, with flow, and the paper's."""

from __future__ import annotations

from pathlib import Path

import torch

from core.compute.weight_files import open_weights
from core.renderer.generator import Generator
from core.renderer.generator.weights import WEIGHTS, load_generator, save_generator
from core.renderer.paper.network import PaperGenerator
from core.renderer.paper.weights import MODEL as PAPER
from core.renderer.paper.weights import WEIGHTS as PAPER_WEIGHTS
from core.renderer.paper.weights import load_paper_generator, save_paper_generator


def weights_path(model: str) -> Path:
    """Place of the weights of a model, "flow" or "paper"."""
    return {"flow": WEIGHTS, PAPER: PAPER_WEIGHTS}[model]


def save(path: Path, network: Generator | PaperGenerator) -> None:
    """Write weights (float16), kind and configuration of a generator."""
    if isinstance(network, Generator):
        save_generator(path, network)
    else:
        save_paper_generator(path, network)


def load(path: Path, dtype: torch.dtype = torch.float32) -> Generator | PaperGenerator:
    """A trained generator of either kind, ready for use, with its convolutions in ``dtype``.

    Raises SoliloquyError ``weights_missing`` or ``weights_damaged``.
    """
    with open_weights(path, "generator") as file:
        paper = file.facts["model"] == PAPER
    return load_paper_generator(path, dtype=dtype) if paper else load_generator(path, dtype=dtype)
