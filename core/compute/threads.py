"""Which threads of a processor do the work: one for each frame, none that only wait for one another.

torch shares single operations out between threads. Those of a frame or of a sampling step are so small that the threads
wait more than they work: asleep, waking them takes longer than the work (a frame took 137 ms with two threads and 95
with one); awake, they keep whatever else runs on the machine from its processor, Blender's drawing say (850 ms).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

import torch

MOST = 4
"""Threads at most: Python lets one of them at a time give out operations, so more would only wait for their turn."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def processors() -> int:
    """How many processors this process may use: those it is allowed, or fewer by ``OMP_NUM_THREADS``, which torch too
    goes by and which workers that share a machine are started with."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(allowed, int(wanted)) if wanted.isdecimal() and int(wanted) else allowed


@contextmanager
def single_thread() -> Iterator[None]:
    """Within it torch's operations of this thread stay in this thread."""
    before = torch.get_num_threads()  # asking also keeps the first operation from setting the number anew
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """``work`` of each item, in their order, as many at once as there are processors; at most twice as many wait.

    An error of ``work`` is raised where its result would be. ``work`` must not depend on the order of its calls.
    """
    count = min(processors(), MOST)
    before = torch.get_num_threads()
    with ThreadPoolExecutor(count, thread_name_prefix="draw") as pool:
        _start_single(pool, count)
        torch.set_num_threads(before)  # what threads begun later are given; those of the pool keep their one
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) == 2 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _start_single(pool: ThreadPoolExecutor, count: int) -> None:
    """Start all threads of the pool and have torch's operations stay within each of them."""
    started = Barrier(count)

    def start() -> None:
        torch.get_num_threads()  # whoever hasn't asked yet is given the process's number at the first operation
        torch.set_num_threads(1)
        started.wait()

    for begun in [pool.submit(start) for _ in range(count)]:
        begun.result()
