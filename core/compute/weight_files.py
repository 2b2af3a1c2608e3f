"""Weights of the networks: safetensors files with their configuration in the metadata, read and written."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import SoliloquyError
from ..files import file_digest, make_folder, written_beside
from ..places import SUMS
from ..runtime.memory import is_out_of_memory

INSTALL_AGAIN = "Install the extension again."


class WeightFile:
    """The contents of a network's file, or of all its shards; see :func:`open_weights`.

    Attributes
    ----------
    facts
        The metadata.
    tensors
        All tensors by name; floating-point tensors in float32.
    """

    def __init__(self, paths: Sequence[Path], device: str | torch.device) -> None:
        self.facts: dict[str, str] = {}
        self.tensors: dict[str, Tensor] = {}
        for path in paths:
            _compare_sum(Path(path))
            with safe_open(str(path), framework="pt", device=str(device)) as file:
                self.facts |= file.metadata() or {}
                for name in file.keys():  # noqa: SIM118 - safe_open has no iterator
                    value = file.get_tensor(name)
                    self.tensors[name] = value.float() if value.is_floating_point() else value

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, with tuples in place of lists at any depth. Raises KeyError if there is none."""
        return {name: _with_tuples(value) for name, value in json.loads(self.facts["config"]).items()}


def weight_digest(path: Path) -> str:
    """SHA-256 of a file of weights. It is computed again only if the file has changed. Raises OSError."""
    found = path.stat()
    return _digest(path, found.st_size, found.st_mtime_ns)


@functools.lru_cache(64)
def _digest(path: Path, _size: int, _changed: int) -> str:
    return file_digest(path)


def _compare_sum(path: Path) -> None:
    """Raise ValueError where the list of checksums next to the file has another one for it.

    Only the zip has such a list, so weights that somebody trains in a copy of the repository are not compared.
    """
    try:
        lines = path.with_name(SUMS).read_text(encoding="ascii").splitlines()
    except OSError:
        return
    wanted = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}.get(path.name)
    if wanted is not None and weight_digest(path) != wanted:
        raise ValueError("it is not the file that was packed")


def _with_tuples(value: Any) -> Any:
    """A JSON value with tuples in place of lists, at any depth."""
    if isinstance(value, dict):
        return {name: _with_tuples(item) for name, item in value.items()}
    return tuple(_with_tuples(item) for item in value) if isinstance(value, list) else value


@contextmanager
def open_weights(
    path: Path | Sequence[Path], what: str, hint: str = INSTALL_AGAIN, device: str | torch.device = "cpu"
) -> Iterator[WeightFile]:
    """Read a file of weights. Errors inside the ``with`` block also count as unusable weights.

    The block builds the network and loads its state, which fails if the file belongs to another version.

    Parameters
    ----------
    path
        The file, or all its shards.
    what
        The network's name in the error message, such as "lip model".
    hint
        Advice in the error message.
    device
        Where the tensors are loaded to.

    Raises
    ------
    SoliloquyError
        ``weights_missing``, or ``weights_damaged`` if the file is broken or belongs to another version.
    """
    paths = [path] if isinstance(path, (str, Path)) else list(path)
    name = Path(paths[0]).name
    try:
        yield WeightFile(paths, device)
    except FileNotFoundError as error:
        raise SoliloquyError("weights_missing", f"The weights of the {what}, {name}, are missing.", hint) from error
    except SoliloquyError:
        raise
    except Exception as error:  # damaged files raise errors of any type
        if is_out_of_memory(error):
            raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise SoliloquyError(
            "weights_damaged", f"The weights of the {what}, {name}, can't be used ({reason}).", hint
        ) from error


def write_weights(
    path: Path,
    tensors: Mapping[str, Tensor],
    config: Mapping[str, Any] | None = None,
    facts: Mapping[str, str] | None = None,
    half: bool = False,
) -> None:
    """Write one file that :func:`open_weights` reads, completely or not at all. Every user may read it.

    Parameters
    ----------
    path
        The ``.safetensors`` file. Its folder is created if it is missing.
    tensors
        All tensors by name, on any device.
    config
        The network's configuration (JSON values), which becomes ``WeightFile.config``.
    facts
        Other metadata.
    half
        Store floating-point tensors in float16.

    Raises the errors of ``core.files.written_beside``.
    """
    stored = {}
    for name, value in tensors.items():
        value = value.detach().cpu()
        stored[name] = (value.half() if half and value.is_floating_point() else value).contiguous()
    metadata = dict(facts or {})
    if config is not None:
        metadata["config"] = json.dumps(dict(config))
    make_folder(path.parent)
    # Readers find shards by the ending of their names, so an unfinished file must not have it.
    with written_beside(path, keep_ending=False) as beside:
        save_file(stored, str(beside), metadata)
        beside.chmod(0o644)  # safetensors makes files that only their owner can read
