"""Weights of the generator on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from ... import places
from ...compute.weight_files import open_weights, write_weights
from .config import GeneratorConfig
from .generator import Generator
from .layers import settle

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Network = TypeVar("Network", bound=nn.Module)
WEIGHTS = places.WEIGHTS / "generator.safetensors"
"""The shipped weights."""
MODEL = "flow"
"""The kind of generator that the file names in its metadata."""


def save_generator(path: Path, network: Generator) -> None:
    """Write weights (float16), kind and configuration; see :func:`core.compute.weight_files.write_weights`."""
    write_kind(path, network, network.config, MODEL)


def load_generator(
    path: Path = WEIGHTS, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Generator:
    """A trained generator, ready for use, with its convolutions in ``dtype``.

    Raises SoliloquyError ``weights_missing`` or ``weights_damaged``.
    """
    return read_kind(path, "generator", MODEL, lambda config: Generator(GeneratorConfig(**config)), device, dtype)


def write_kind(path: Path, network: nn.Module, config: DataclassInstance, kind: str) -> None:
    """Write a network's weights (float16), its configuration, and the kind of generator that it is."""
    write_weights(path, network.state_dict(), asdict(config), {"model": kind}, half=True)


def read_kind(
    path: Path,
    what: str,
    kind: str,
    new: Callable[[dict[str, Any]], Network],
    device: str | torch.device,
    dtype: torch.dtype,
) -> Network:
    """A trained generator of one kind, ready for use.

    Parameters
    ----------
    what
        What error messages call it.
    new
        Makes an untrained network of a configuration.
    dtype
        Of its convolutions.

    Raises SoliloquyError ``weights_missing``, or ``weights_damaged`` also for a file of another kind.
    """
    with open_weights(path, what) as file:
        if file.facts["model"] != kind:
            raise ValueError(f"it is a generator of the kind {file.facts['model']!r}")
        network = new(file.config)
        network.load_state_dict(file.tensors)
    settle(network.to(device), dtype)
    return network
