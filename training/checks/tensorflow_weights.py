"""Weights of tensorflow.js: a manifest and a file of numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name, for a path without the endings of the manifest and of the numbers. Raises OSError if they are
    missing.

    A tensor of bytes is byte · scale + minimum.
    """
    manifest = json.loads(path.with_name(f"{path.name}-weights_manifest.json").read_text())
    numbers = path.with_name(f"{path.name}.bin").read_bytes()
    found, start = {}, 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        count, scaling = int(np.prod(entry["shape"])), entry.get("quantization")
        kind = np.dtype(np.uint8 if scaling else "<f4")
        values = np.frombuffer(numbers, kind, count, start).astype(np.float32).reshape(entry["shape"])
        found[entry["name"]] = torch.from_numpy(values * scaling["scale"] + scaling["min"] if scaling else values)
        start += count * kind.itemsize
    return found
