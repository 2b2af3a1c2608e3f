"""Devices that torch computes on: which exist, what they support, and how much memory is used."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import BadInputError
from ..plurals import counted
from ..runtime import memory
from ..runtime.allowance import processors
from .threads import OPERATION_THREADS

CUDA_CONTEXT = 600 << 20
"""Upper limit, in bytes, for the GPU memory of CUDA's own context, kernels and libraries, besides torch's tensors."""


@dataclass(frozen=True)
class Gpu:
    """A CUDA device.

    Attributes
    ----------
    id
        Its name in CUDA_VISIBLE_DEVICES if that is set, else its index.
    name
        Name of the product.
    memory, free
        Bytes in all, and bytes that are free now.
    """

    id: str
    name: str
    memory: int
    free: int


def devices() -> list[str]:
    """Names of the devices that networks can run on here, the preferred one first: "cuda", "mps", "cpu"."""
    found = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def choose_device(wanted: str) -> str:
    """``wanted`` itself, or the preferred device for "auto". Raises BadInputError ``device_missing``."""
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
    """Whether a device computes faster in bfloat16: GPUs that support it, and processors with AVX512_BF16."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported()
    flags = Path("/proc/cpuinfo")
    return kind == "cpu" and flags.exists() and "avx512_bf16" in flags.read_text(encoding="utf-8")


def device_name(device: str) -> str:
    """A device's name for the user: the name of the GPU, or the number of processor threads."""
    if device == "cuda":
        return str(torch.cuda.get_device_name())
    return "Apple GPU" if device == "mps" else f"processor, {counted(processors(), 'thread')}"


def gpus() -> list[Gpu]:
    """The CUDA devices that this process may use, in torch's order."""
    if not torch.cuda.is_available():
        return []
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    found = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = visible[index] if index < len(visible) else str(index)
        found.append(Gpu(name, torch.cuda.get_device_name(index), total, free))
    return found


def peak_memory(device: str) -> dict[str, int | None]:
    """Peak memory of this process in bytes: ``process`` is main memory, ``gpu`` is GPU memory (None without CUDA).

    ``gpu`` includes CUDA's own context.
    """
    gpu = None
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        reserved = torch.cuda.memory_reserved()
        # CUDA doesn't report the size of its context. This difference also contains the memory of other programs, so
        # it is limited.
        context = min(max(total - free - reserved, 0), CUDA_CONTEXT)
        gpu = torch.cuda.max_memory_reserved() + context
    return {"process": memory.peak(), "gpu": gpu}


def be_deterministic() -> None:
    """Make torch use reproducible kernels wherever it has them, so that equal inputs give bit-identical results.

    Sums of floating-point numbers depend on how an operation is divided between threads, so their number is fixed too,
    whatever the machine or OMP_NUM_THREADS says. Call it in the thread that computes, and before anything runs on a
    GPU: cuBLAS reads its variable when it starts.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may sum in any order
    torch.use_deterministic_algorithms(True, warn_only=True)  # a few operations have no such kernel: no error for those
    torch.backends.cudnn.benchmark = False
    torch.get_num_threads()  # without this call, the first operation would set the number again
    torch.set_num_threads(OPERATION_THREADS)
