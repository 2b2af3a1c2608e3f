"""Everything that is loaded once and used for many jobs: networks, head model, portraits, renderers."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from . import memory
from .errors import BadInputError, SoliloquyError
from .take import file_digest
from .threads import processors

if TYPE_CHECKING:
    from .head_model import HeadModel
    from .lips import LipModel
    from .portrait import Portrait
    from .prior.model import NonlipPrior
    from .renderer import Renderer

WEIGHTS = Path(__file__).resolve().parent / "weights"
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


@functools.cache
def weight_digests() -> dict[str, str]:
    """SHA-256 of every weights file, by file name."""
    return {path.name: file_digest(path) for path in sorted(WEIGHTS.glob("*.safetensors"))}


def cache_folder() -> Path | None:
    """Where fits of portraits are kept between jobs (``SOLILOQUY_CACHE`` overrides); None where nothing can be kept."""
    if named := os.environ.get("SOLILOQUY_CACHE"):
        folder = Path(named)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "Soliloquy" / "cache"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "soliloquy"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "soliloquy"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


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


class Models:
    """The networks of one device, each loaded when first asked for."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._renderer: tuple[tuple[str, int, str, str], Renderer] | None = None

    @functools.cached_property
    def head(self) -> HeadModel:
        """The head model."""
        from .head_model import HeadModel

        return HeadModel.load(self.device)

    @property
    def ready(self) -> bool:
        """Whether the networks that make motion are loaded."""
        return "lips" in self.__dict__ and "prior" in self.__dict__

    def load(self) -> None:
        """Load the networks that make motion now rather than when they are first used."""
        self.lips, self.prior  # noqa: B018 - a cached property loads when it is read

    @functools.cached_property
    def lips(self) -> LipModel:
        """Lips from speech."""
        from .lips import LipModel

        return LipModel.load(self.device)

    @functools.cached_property
    def prior(self) -> NonlipPrior:
        """Everything else from speech."""
        from .prior.model import NonlipPrior

        return NonlipPrior.load(self.device)

    def portrait(self, path: str | Path) -> Portrait:
        """The fitted portrait, from the cache where its content is known. Raises the portrait's BadInputErrors."""
        from .portrait import load_portrait

        return load_portrait(path, cache_folder())

    def renderer(self, portrait: Portrait, size: int, framing: str, kind: str) -> Renderer:
        """A renderer for the portrait; the last one is kept, because analysing the picture takes seconds.

        ``kind`` is "gan" (G corrects the warp, where this build has its weights) or "warp".
        """
        from .renderer import Renderer

        key = (portrait.digest, size, framing, kind)
        if self._renderer is None or self._renderer[0] != key:
            self._renderer = None  # free the old one's memory first
            painter: Literal["shipped"] | None = "shipped" if kind == "gan" else None
            renderer = Renderer(self.head, portrait, size, self.device, framing, painter)
            self._renderer = (key, renderer)
        return self._renderer[1]
