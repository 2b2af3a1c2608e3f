"""Devices that torch computes on: which there are, what they are good at, how much memory they have used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..errors import BadInputError, SoliloquyError
from ..runtime import memory
from .threads import processors

CUDA_CONTEXT = 600 << 20
"""Most bytes that CUDA's own context, kernels and libraries count for on a GPU, beside torch's tensors."""


def devices() -> list[str]:
    """Devices that the networks can run on here, the best first."""
    found = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def choose_device(wanted: str) -> str:
    """``wanted``, or the best there is for "auto". Raises BadInputError ``device_missing``."""
    found = devices()
    if wanted == "auto":
        return found[0]
    if wanted not in found:
        raise BadInputError(
            "device_missing",
            f"This computer has no usable device “{wanted}”.",
            f"Choose from: auto, {', '.join(found)}.",
        )
    return wanted


def fast_bfloat16(device: torch.device | str) -> bool:
    """Whether bfloat16 pays on a device: GPUs that have it, and processors with AVX512_BF16."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported()
    flags = Path("/proc/cpuinfo")
    return kind == "cpu" and flags.exists() and "avx512_bf16" in flags.read_text(encoding="utf-8")


def device_name(device: str) -> str:
    """Words for a device: the GPU's name, or the number of processor threads."""
    if device == "cuda":
        return str(torch.cuda.get_device_name())
    return "Apple GPU" if device == "mps" else f"processor, {processors()} threads"


def gpus() -> list[dict[str, Any]]:
    """CUDA devices: ``id`` (as CUDA_VISIBLE_DEVICES has it), ``name``, ``memory`` and ``free`` in bytes."""
    if not torch.cuda.is_available():
        return []
    seen = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    found = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = seen[index] if index < len(seen) else str(index)
        found.append({"id": name, "name": torch.cuda.get_device_name(index), "memory": total, "free": free})
    return found


def peak_memory(device: str) -> dict[str, int | None]:
    """The most bytes this process has held at once: ``process`` of main memory, ``gpu`` of CUDA's, its context too."""
    held = None
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        reserved = torch.cuda.memory_reserved()
        # What CUDA itself holds can't be asked for; others' use of the GPU is in there, so it is bounded.
        context = min(max(total - free - reserved, 0), CUDA_CONTEXT)
        held = torch.cuda.max_memory_reserved() + context
    return {"process": memory.peak(), "gpu": held}


def be_deterministic() -> None:
    """Same inputs, same bits: ask torch for reproducible kernels wherever it has them."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn a lack of memory, however it shows, into SoliloquyError ``out_of_memory``."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise SoliloquyError(
            "out_of_memory", "There is not enough memory.", "Choose a smaller size, or close other programs."
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that main or GPU memory ran out."""
    text = str(error)
    return (
        isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError))
        or "DefaultCPUAllocator" in text
        or "out of memory" in text
    )
