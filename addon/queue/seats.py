"""How many workers run side by side, and on what: one for each GPU, or as many as processor and memory carry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...core.wire.client import WorkerClient
from ..jobs.following import Following
from ..words import say
from .batch import Entry

CORES_EACH = 4
"""Processor cores that a worker of an automatic crew gets; with fewer one worker alone is as fast."""
AUTO = 0
"""Number of workers that stands for “as many as make sense here”."""


@dataclass
class Seat:
    """A place for one worker: what sets it apart, the worker, and what that is doing."""

    name: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    client: WorkerClient | None = None
    entry: Entry | None = None
    following: Following | None = None
    begun: float = 0.0


@dataclass(frozen=True)
class Room:
    """What one worker needs and what there is: bytes of main memory and of a GPU's, processor cores.

    ``available`` is None where the system doesn't tell.
    """

    memory: float
    gpu_memory: float
    available: int | None
    cores: int


def plan(wanted: int, jobs: int, device: str, probed: dict[str, Any], room: Room) -> tuple[list[Seat], str]:
    """Seats for up to ``jobs`` workers at once, and a sentence where they are fewer than ``wanted`` asked for.

    Parameters
    ----------
    wanted
        Number of workers; `AUTO`: one for each GPU with room for one, else by cores and memory.
    device
        The setting of the requests; ``probed`` is the first worker's answer to ``probe``.
    """
    chosen = probed["device"] if device == "auto" else device
    by_memory = None if room.available is None else max(1, int(room.available // room.memory))
    if chosen == "cuda":
        gpus = [gpu for gpu in probed.get("gpus", []) if gpu["free"] >= room.gpu_memory] or probed.get("gpus", [])[:1]
        most, why = max(1, len(gpus)), say("GPUs with room for one worker each: {count}", count=len(gpus))
    elif chosen == "mps":
        gpus, most, why = [], 1, say("this GPU serves one worker")
    else:
        gpus, most, why = [], jobs if wanted else max(1, room.cores // CORES_EACH), ""
    if by_memory is not None and by_memory < most:
        most, why = by_memory, say("memory has room for {count}", count=by_memory)
    count = max(1, min(wanted or most, most, jobs))
    short = ""
    if wanted > count and count < jobs:
        short = say("{count} of {wanted} workers: {why}.", count=count, wanted=wanted, why=why)
    if gpus:
        seats = [Seat(gpu["name"], {"CUDA_VISIBLE_DEVICES": str(gpu["id"])}) for gpu in gpus[:count]]
        if gpus[0] == probed["gpus"][0]:
            seats[0].environment = {}  # a worker that sees all of them uses the first
    elif count > 1:
        threads = str(max(1, room.cores // count))
        seats = [Seat(f"worker {k + 1}", {"OMP_NUM_THREADS": threads}) for k in range(count)]
    else:
        seats = [Seat()]
    return seats, short
