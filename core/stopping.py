"""Ask in the middle of long work whether the job that it belongs to was cancelled.

Steps that take seconds (studying a portrait, fitting a head, sampling a window) lie many calls below the job, some in
threads of their own. They call :func:`check_cancelled`. A process does one job at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: list[Callable[[], None]] = []


@contextmanager
def hearing(check: Callable[[], None]) -> Iterator[None]:
    """Inside this context, :func:`check_cancelled` calls ``check``, which raises CancelledError if the job must end."""
    _listeners.append(check)
    try:
        yield
    finally:
        _listeners.pop()


def check_cancelled() -> None:
    """Raise CancelledError if the job that is running was cancelled. Cheap; does nothing outside of jobs."""
    if _listeners:
        _listeners[-1]()
