"""The worker's answer to ``probe``: what it is, what it runs on, and how a take that it made turned out.

Standard library only. Read the answer with ``core.schema.read``. It drops unknown keys, so that a worker of another
version can be understood, at least as far as its version.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class GpuFacts:
    """A CUDA device: its ``id`` as in CUDA_VISIBLE_DEVICES, its name, its ``memory`` and its ``free`` memory, bytes."""

    id: str
    name: str
    memory: int
    free: int


@dataclass(frozen=True, kw_only=True)
class SelfTestFacts:
    """Result of the self-test: a sentence about what is wrong (empty if all is well), seconds, and the take's folder.

    ``seconds`` includes the time to load the models. ``take`` is empty if none was made.
    """

    problem: str
    seconds: float
    take: str


@dataclass(frozen=True, kw_only=True)
class WorkerFacts:
    """What a worker is and has.

    Attributes
    ----------
    version, python, torch
        Versions of Soliloquy, Python and PyTorch.
    device, device_name, devices
        Where networks run if the choice is left to the worker, words for that, and all that can be chosen.
    processors
        Number of processor threads.
    gpus
        CUDA devices.
    weights
        SHA-256 of each file of weights, by file name.
    gpu_note
        Why a GPU of this computer isn't used; empty if none is left unused.
    self_test
        Result of the self-test; None if it wasn't asked for.
    """

    version: str
    device: str
    devices: tuple[str, ...]
    device_name: str
    python: str
    torch: str
    processors: int = 0
    gpus: tuple[GpuFacts, ...] = ()
    weights: dict[str, str] = field(default_factory=dict)
    gpu_note: str = ""
    self_test: SelfTestFacts | None = None
