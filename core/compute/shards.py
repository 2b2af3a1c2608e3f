"""Weights that are too large for one file: numbered shards, each with the configuration in its metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import SoliloquyError
from .weight_files import INSTALL_AGAIN, WeightFile, open_weights, write_weights

SHARD_BYTES = 149 * 2**20 // 10
"""Largest size of a shard's tensors. With the header a file stays below 15 MiB."""


@contextmanager
def open_shards(stem: str, what: str, folder: Path, device: str | torch.device = "cpu") -> Iterator[WeightFile]:
    """Read ``<stem>-00001-of-0000N.safetensors`` … from ``folder``; the rest is as `open_weights`.

    Raises SoliloquyError ``weights_missing`` also if a shard is absent.
    """
    shards = sorted(Path(folder).glob(f"{stem}-*.safetensors"))
    missing = SoliloquyError(
        "weights_missing", f"The weights of the {what} are not complete in {folder}.", INSTALL_AGAIN
    )
    if not shards:
        raise missing
    with open_weights(shards, what, device=device) as file:
        if len(shards) != int(file.facts["shards"]):
            raise missing
        yield file


def write_shards(
    stem: str,
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, Tensor],
    config: Mapping[str, Any],
    folder: Path,
    facts: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write ``tensors`` in float16 and ``numbers`` in float32 as shards; those of the same stem in ``folder`` go first.

    Returns the paths. Raises the errors of `write_weights`.
    """
    stored = {name: value.detach().half().contiguous() for name, value in tensors.items()}
    stored |= {name: value.float().contiguous() for name, value in numbers.items()}
    return save_shards(stem, stored, config, folder, facts)


def save_shards(
    stem: str,
    stored: Mapping[str, Tensor],
    config: Mapping[str, Any] | None,
    folder: Path,
    facts: Mapping[str, str] | None = None,
) -> list[Path]:
    """As `write_shards`, with every tensor in its own type."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in stored.items():
        if size + value.nbytes > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = value
        size += value.nbytes
    for old in folder.glob(f"{stem}-*.safetensors"):
        old.unlink()
    paths = [folder / f"{stem}-{i + 1:05d}-of-{len(shards):05d}.safetensors" for i in range(len(shards))]
    for path, shard in zip(paths, shards, strict=True):
        write_weights(path, shard, config, {**(facts or {}), "shards": str(len(shards))})
    return paths
