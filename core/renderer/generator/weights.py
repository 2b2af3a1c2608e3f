"""Weights of the generator on disk."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from ... import places
from ...compute.weight_files import open_weights, write_weights
from .config import GeneratorConfig
from .generator import Generator
from .layers import settle

WEIGHTS = places.WEIGHTS / "generator.safetensors"
"""The shipped weights."""
MODEL = "flow"
"""The kind of generator that the file names in its metadata."""


def save_generator(path: Path, network: Generator) -> None:
    """Write weights (float16), kind and configuration; see :func:`core.compute.weight_files.write_weights`."""
    write_weights(path, network.state_dict(), asdict(network.config), {"model": MODEL}, half=True)


def load_generator(
    path: Path = WEIGHTS, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Generator:
    """A trained generator, ready for use, with its convolutions in ``dtype``.

    Raises SoliloquyError ``weights_missing`` or ``weights_damaged``.
    """
    with open_weights(path, "generator") as file:
        if file.facts["model"] != MODEL:
            raise ValueError(f"it is a generator of the kind {file.facts['model']!r}")
        network = Generator(GeneratorConfig(**file.config))
        network.load_state_dict(file.tensors)
    settle(network.to(device), dtype)
    return network
