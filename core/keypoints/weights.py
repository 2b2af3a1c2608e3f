"""Weights of the face render on disk."""

from __future__ import annotations

import functools
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from .. import places
from ..compute.devices import fast_bfloat16
from ..compute.weight_files import open_weights, write_weights
from ..renderer.generator.layers import settle
from .config import KeypointsConfig
from .mapping import MappingNet
from .network import FaceRender

WEIGHTS = places.WEIGHTS / "keypoints.safetensors"
"""The shipped weights."""


class KeypointNetworks(nn.Module):
    """The face render and MappingNet, as they are stored."""

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        self.config = config
        self.render = FaceRender(config)
        self.mapping = MappingNet(config)


def save_networks(path: Path, networks: KeypointNetworks) -> None:
    """Write weights (float16) and configuration; see :func:`core.compute.weight_files.write_weights`."""
    write_weights(path, networks.state_dict(), asdict(networks.config), half=True)


def load_networks(
    path: Path = WEIGHTS, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> KeypointNetworks:
    """Trained networks, ready for use, with the face render's convolutions in ``dtype``.

    Raises SoliloquyError ``weights_missing`` or ``weights_damaged``.
    """
    with open_weights(path, "face render") as file:
        networks = KeypointNetworks(KeypointsConfig(**file.config))
        networks.load_state_dict(file.tensors)
    settle(networks.to(device), dtype)
    return networks


@functools.lru_cache(maxsize=1)
def shipped_networks(device: str) -> KeypointNetworks:
    """The shipped networks, loaded once. Raises as :func:`load_networks`."""
    return load_networks(device=device, dtype=torch.bfloat16 if fast_bfloat16(device) else torch.float32)
