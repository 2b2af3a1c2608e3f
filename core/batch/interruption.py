"""Ctrl-C and SIGTERM end a command with code 130, after it has stopped its workers."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import CancelledError
from ..stopping import hearing


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside this context, the two signals raise CancelledError; Blender itself ignores Ctrl-C.

    Python ignores exceptions in some places, a finaliser for example. So the signal is also remembered, and who waits
    asks for it.
    """
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        asked = True
        raise CancelledError

    def check() -> None:
        if asked:
            raise CancelledError

    signals = [signal.SIGINT, signal.SIGTERM]
    previous = [signal.signal(number, stop) for number in signals]
    try:
        with hearing(check):
            yield
        check()
    finally:
        for number, handler in zip(signals, previous, strict=True):
            # None means that Blender set the handler from C, which Python can't restore.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
