"""Threading policy: each worker thread computes whole items (frames, for example); torch's own threads are disabled.

torch divides single operations between threads. The operations of a frame or of a sampling step are so small that these
threads mostly wait. If they sleep while they wait, waking them takes longer than the work: a frame took 137 ms with two
threads and 95 ms with one. If they spin, they take the processor away from other programs, such as Blender while it
draws (850 ms).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

import torch

from ..runtime.allowance import processors
from ..stopping import check_cancelled

OPERATION_THREADS = 2
"""Number of threads between which torch divides one operation, outside of `single_thread` and `side_by_side`. Results
depend on it in their last bits, so it is the same on every machine, also on one with a single processor."""
MOST = 4
"""Maximum number of worker threads. Python runs one thread at a time, so more of them would only wait for their turn
to start operations."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def single_thread() -> Iterator[None]:
    """Inside this context, torch's operations of this thread run in this thread only."""
    before = torch.get_num_threads()  # this call also keeps torch's first operation from setting the number again
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in the order of the items, computed in parallel threads.

    The number of threads is the number of processors, at most ``MOST``. At most twice as many items are started before
    the oldest result is taken. An error of ``work`` is raised in place of its result. ``work`` must not depend on the
    order of its calls.
    """
    count = min(processors(), MOST)
    before = torch.get_num_threads()
    with ThreadPoolExecutor(count, thread_name_prefix="draw") as pool:
        _start_single(pool, count)
        torch.set_num_threads(before)  # for threads started later; those of the pool keep their one thread
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                check_cancelled()
                waiting.append(pool.submit(work, item))
                if len(waiting) == 2 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _start_single(pool: ThreadPoolExecutor, count: int) -> None:
    """Start all threads of the pool, and make torch's operations stay within each of them."""
    started = Barrier(count)

    def start() -> None:
        torch.get_num_threads()  # without this call, the first operation would set the process's number again
        torch.set_num_threads(1)
        started.wait()

    for begun in [pool.submit(start) for _ in range(count)]:
        begun.result()
