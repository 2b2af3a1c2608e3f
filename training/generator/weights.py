"""Weights of both generators on disk: the product's own, with flow, and the paper's."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from core.compute.weight_files import open_weights, write_weights
from core.renderer.generator import Generator
from core.renderer.generator.layers import settle
from core.renderer.generator.weights import WEIGHTS, load_generator, save_generator

from ..common import folders
from .paper import PaperGenerator, PaperGeneratorConfig

PAPER_WEIGHTS = folders.WEIGHTS / "generator-paper.safetensors"


def weights_path(model: str) -> Path:
    """Place of the weights of a model, "flow" or "paper"."""
    return {"flow": WEIGHTS, "paper": PAPER_WEIGHTS}[model]


def save(path: Path, network: Generator | PaperGenerator) -> None:
    """Write weights (float16), kind and configuration of a generator."""
    if isinstance(network, Generator):
        save_generator(path, network)
    else:
        write_weights(path, network.state_dict(), asdict(network.config), {"model": "paper"}, half=True)


def load(path: Path, dtype: torch.dtype = torch.float32) -> Generator | PaperGenerator:
    """A trained generator of either kind, ready for use, with its convolutions in ``dtype``.

    Raises SoliloquyError ``weights_missing`` or ``weights_damaged``.
    """
    with open_weights(path, "generator") as file:
        if file.facts["model"] != "paper":
            return load_generator(path, dtype=dtype)
        network = PaperGenerator(PaperGeneratorConfig(**file.config))
        network.load_state_dict(file.tensors)
    settle(network, dtype)
    return network
