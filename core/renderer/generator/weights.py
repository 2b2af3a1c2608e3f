"""Weights of the generators on disk."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from ... import places
from ...compute.weight_files import open_weights, write_weights
from .config import GeneratorConfig, PaperGeneratorConfig
from .generator import Generator
from .layers import settled
from .paper import PaperGenerator

FOLDER = places.WEIGHTS
FILES = {"flow": "generator.safetensors", "paper": "generator-paper.safetensors"}
CONFIGS = {"flow": GeneratorConfig, "paper": PaperGeneratorConfig}
MODELS = {"flow": Generator, "paper": PaperGenerator}


def weights_path(model: str = "flow") -> Path:
    """Where the weights of a model ("flow" or "paper") belong."""
    return FOLDER / FILES[model]


def save_generator(path: Path, network: Generator | PaperGenerator) -> None:
    """Write weights (float16) and configuration beside ``path`` and rename them there."""
    model = "flow" if isinstance(network, Generator) else "paper"
    write_weights(path, network.state_dict(), asdict(network.config), {"model": model}, half=True)


def load_generator(
    path: Path | None = None, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Generator | PaperGenerator:
    """A trained generator for use, its convolutions in ``dtype``; the shipped one with flow where no path is given.

    Raises SoliloquyError ``weights_missing`` or ``weights_damaged``.
    """
    path = path or weights_path()
    with open_weights(path, "generator") as file:
        model = file.facts["model"]
        network: nn.Module = MODELS[model](CONFIGS[model](**file.config))
        network.load_state_dict(file.tensors)
    network = settled(network.to(device), dtype)
    assert isinstance(network, (Generator, PaperGenerator))
    return network
