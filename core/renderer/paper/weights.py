"""Weights of the paper's generator on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ... import places
from ..generator.weights import read_kind, write_kind
from .network import PaperGenerator, PaperGeneratorConfig

WEIGHTS = places.WEIGHTS / "paper_generator.safetensors"
"""The shipped weights."""
MODEL = "paper"
"""The kind of generator that the file names in its metadata."""


def save_paper_generator(path: Path, network: PaperGenerator) -> None:
    """As :func:`core.renderer.generator.weights.save_generator`."""
    write_kind(path, network, network.config, MODEL)


def load_paper_generator(
    path: Path = WEIGHTS, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> PaperGenerator:
    """As :func:`core.renderer.generator.weights.load_generator`."""

    def new(config: dict[str, Any]) -> PaperGenerator:
        return PaperGenerator(PaperGeneratorConfig(**config))

    return read_kind(path, "paper's generator", MODEL, new, device, dtype)
