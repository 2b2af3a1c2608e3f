"""Checkpoints of a training run as safetensors: networks, their averages, and the states of the optimisers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from core.errors import SoliloquyError
from core.files import written_beside

from .networks import Network


def save_checkpoint(
    path: Path,
    modules: Mapping[str, nn.Module],
    averages: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
    facts: Mapping[str, Any],
) -> None:
    """Write a checkpoint to ``path``, whole or not at all; ``facts`` (JSON values) go into the metadata."""
    tensors: dict[str, Tensor] = {}
    for kind, group in (("module", modules), ("average", averages)):
        for name, module in group.items():
            tensors |= {f"{kind}/{name}/{key}": value for key, value in module.state_dict().items()}
    for name, optimiser in optimisers.items():
        for index, memory in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{name}/{index}/{key}": value for key, value in memory.items()}
    # Clones, because a file may not hold one tensor under two names.
    copies = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    with written_beside(path, keep_ending=False) as beside:
        save_file(copies, str(beside), {"facts": json.dumps(dict(facts))})


def load_checkpoint(
    path: Path,
    modules: Mapping[str, nn.Module],
    averages: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
) -> dict[str, Any]:
    """Load a file of :func:`save_checkpoint` into the given objects, in place; returns the facts.

    Raises SoliloquyError ``run_damaged`` if it is not a readable checkpoint, and ``run_other_config`` if it belongs to
    other networks.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            facts: dict[str, Any] = json.loads(file.metadata()["facts"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise SoliloquyError(
            "run_damaged", f"The checkpoint {path} can't be read ({error}).", "Delete it to start the run again."
        ) from error
    try:
        for kind, group in (("module", modules), ("average", averages)):
            for name, module in group.items():
                module.load_state_dict(_below(tensors, f"{kind}/{name}/"))
        for name, optimiser in optimisers.items():
            memory: dict[int, dict[str, Tensor]] = {}
            for key, value in _below(tensors, f"optimiser/{name}/").items():
                index, entry = key.split("/", 1)
                memory.setdefault(int(index), {})[entry] = value
            optimiser.load_state_dict({"state": memory, "param_groups": optimiser.state_dict()["param_groups"]})
    except (RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise SoliloquyError(
            "run_other_config",
            f"The checkpoint {path} was made with another configuration ({first}).",
            "Choose another folder with --run.",
        ) from error
    return facts


def module_weights(path: Path, name: str, kind: str = "average") -> dict[str, Tensor]:
    """The state of one network in a checkpoint (``kind`` "average" or "module"), on the processor."""
    prefix = f"{kind}/{name}/"
    with safe_open(str(path), framework="pt") as file:
        return {key.removeprefix(prefix): file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118


def load_module(path: Path, name: str, module: Network, kind: str = "average") -> Network:
    """Load one network of a checkpoint into ``module``; returns it in evaluation mode."""
    module.load_state_dict(module_weights(path, name, kind))
    return module.eval()


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
