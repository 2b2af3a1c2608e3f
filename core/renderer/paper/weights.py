"""Weights of the paper's generator on disk."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from ... import places
from ...compute.weight_files import open_weights, write_weights
from ..generator.layers import settle
from .network import PaperGenerator, PaperGeneratorConfig

WEIGHTS = places.WEIGHTS / "paper_generator.safetensors"
"""The shipped weights."""
MODEL = "paper"
"""The kind of generator that the file names in its metadata."""


def save_paper_generator(path: Path, network: PaperGenerator) -> None:
    """Write weights (float16), kind and configuration; see :func:`core.compute.weight_files.write_weights`."""
    write_weights(path, network.state_dict(), asdict(network.config), {"model": MODEL}, half=True)


def load_paper_generator(
    path: Path = WEIGHTS, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> PaperGenerator:
    """A trained generator, ready for use, with its convolutions in ``dtype``.

    Raises SoliloquyError ``weights_missing`` or ``weights_damaged``.
    """
    with open_weights(path, "paper's generator") as file:
        if file.facts["model"] != MODEL:
            raise ValueError(f"it is a generator of the kind {file.facts['model']!r}")
        network = PaperGenerator(PaperGeneratorConfig(**file.config))
        network.load_state_dict(file.tensors)
    settle(network.to(device), dtype)
    return network
