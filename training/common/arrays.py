"""Write arrays to files. A file is either complete or absent; while it is written, its name does not end like it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from core.files import make_folder, written_beside


def save_npz(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays as a compressed ``.npz``; raises as ``core.files.written_beside``."""
    make_folder(path.parent)
    with written_beside(path, keep_ending=False) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **arrays)


def save_npy(path: Path, array: np.ndarray) -> None:
    """Write one array as ``.npy``; raises as ``core.files.written_beside``."""
    make_folder(path.parent)
    with written_beside(path, keep_ending=False) as beside, beside.open("wb") as file:
        np.save(file, array)


def save_tensors(path: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, str] | None = None) -> None:
    """Write arrays as ``.safetensors`` with ``facts`` as metadata; raises as ``core.files.written_beside``."""
    make_folder(path.parent)
    # safetensors writes memory in its stored order, which must be row order.
    stored = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with written_beside(path, keep_ending=False) as beside:
        save_file(stored, str(beside), dict(facts or {}) or None)


def save_folder(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as ``<name>.npy`` into a new folder, which is either complete or absent."""
    make_folder(folder.parent)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        unfinished = Path(beside) / folder.name
        unfinished.mkdir()
        for name, array in arrays.items():
            np.save(unfinished / f"{name}.npy", array)
        unfinished.rename(folder)
