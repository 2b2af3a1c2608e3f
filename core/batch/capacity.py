"""Decide how many workers run at the same time, and on what: GPUs, or processor cores and memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..wire.client import WorkerClient
from ..words import say
from .following import Following
from .job_list import Entry

if TYPE_CHECKING:
    from ..wire.worker_facts import GpuFacts, WorkerFacts

CORES_EACH = 4
"""Processor cores for each worker of an automatic crew; with fewer, one worker is as fast as several."""
AUTO = 0
"""Number of workers that means: as many as suit this computer."""


@dataclass
class Seat:
    """A place for one worker: its environment variables, the worker, and what it is doing."""

    name: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    client: WorkerClient | None = None
    entry: Entry | None = None
    following: Following | None = None
    begun: float = 0.0


@dataclass(frozen=True)
class Room:
    """What one worker needs, and what the computer has.

    ``memory`` and ``gpu_memory`` are the bytes that a worker needs. ``available`` is the free main memory in bytes, or
    None if the system doesn't report it. ``cores`` is the number of processor cores.
    """

    memory: float
    gpu_memory: float
    available: int | None
    cores: int


def plan(wanted: int, jobs: int, device: str, worker: WorkerFacts, room: Room) -> tuple[list[Seat], str]:
    """Seats for up to ``jobs`` workers at the same time, and a sentence if they are fewer than ``wanted``.

    Parameters
    ----------
    wanted
        Number of workers, which share GPUs as far as these have memory; `AUTO`: one for each GPU with enough memory,
        else by cores and memory.
    device
        The setting of the requests.
    worker
        The first worker's answer to ``probe``.
    """
    chosen = worker.device if device == "auto" else device
    gpus: list[GpuFacts] = []
    by_memory = None if room.available is None else max(1, int(room.available // room.memory))
    if chosen == "cuda":
        gpus = _gpu_places(worker, room)
        each = len(dict.fromkeys(gpus))
        most, why = len(gpus) if wanted else each, say("the GPUs have room for {count}", count=len(gpus))
    elif chosen == "mps":
        most, why = 1, say("this GPU serves one worker")
    else:
        most, why = jobs if wanted else max(1, room.cores // CORES_EACH), ""
    if by_memory is not None and by_memory < most:
        most, why = by_memory, say("memory has room for {count}", count=by_memory)
    count = max(1, min(wanted or most, most, jobs))
    short = ""
    if wanted > count and count < jobs:
        short = say("{count} of {wanted} workers: {why}.", count=count, wanted=wanted, why=why)
    if gpus:
        seats = [Seat(gpu.name, {"CUDA_VISIBLE_DEVICES": gpu.id}) for gpu in gpus[:count]]
        if gpus[0] == worker.gpus[0]:
            seats[0].environment = {}  # a worker that sees all of them uses the first
    elif count > 1:
        threads = str(max(1, room.cores // count))
        seats = [Seat(f"worker {k + 1}", {"OMP_NUM_THREADS": threads}) for k in range(count)]
    else:
        seats = [Seat()]
    return seats, short


def _gpu_places(worker: WorkerFacts, room: Room) -> list[GpuFacts]:
    """The GPU of each worker that has room, one on every GPU before a second on any; at least one place."""
    slots = [int(gpu.free // room.gpu_memory) for gpu in worker.gpus]
    turns = range(max(slots, default=0))
    places = [gpu for turn in turns for gpu, count in zip(worker.gpus, slots, strict=True) if turn < count]
    return places or list(worker.gpus[:1])
