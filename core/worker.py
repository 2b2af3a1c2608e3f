"""The worker: ``python -s -m core.worker`` reads requests as lines on stdin and writes events as lines on stdout.

See ``core.wire.protocol``. One job runs at a time in the main thread. Meanwhile a reader thread waits for ``cancel``
and for the end of stdin. Everything that libraries print goes to stderr, so that it can't mix with the messages.
"""

from __future__ import annotations

import json
import os
import platform
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any

from .errors import BadInputError, CancelledError, SoliloquyError
from .runtime.processes import let_threads_sleep, step_back
from .wire.lines import MAX_LINE, decode_request, encode_event
from .wire.progress import Clock, JobContext
from .wire.protocol import PROTOCOL, Alive, Cancel, Done, Event, Hello, Request, Shutdown, error_event, version

_ALIVE_EVERY = 5.0
"""Seconds between signs of life while a job runs."""
_LAST_SECONDS = 5.0
"""Seconds in which a job must notice that stdin has closed. After that the process ends without waiting for it."""

Handle = Callable[[Request, JobContext], dict[str, Any]]
"""Does a request and returns the result of its ``done`` event."""


def protect_stdout() -> IO[bytes]:
    """Return the real stdout, for messages only. Everything printed from now on, also by C code, goes to stderr."""
    messages = os.fdopen(os.dup(1), "wb", buffering=0)
    os.set_inheritable(messages.fileno(), False)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return messages


class Worker:
    """Reads requests, runs jobs, writes events."""

    def __init__(self, requests: IO[bytes], events: IO[bytes]) -> None:
        self._requests = requests
        self._events = events
        self._writing = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[str, Request] | None] = queue.SimpleQueue()
        self._waiting: set[str] = set()
        self._cancelled: set[str] = set()
        self._running: str | None = None
        self._ending = threading.Event()
        self._ended = threading.Event()

    def emit(self, event: Event) -> None:
        """Write one event. If the client is gone, end the worker."""
        line = encode_event(event)
        try:
            with self._writing:
                self._events.write(line)
        except OSError:
            self._end()

    def run(self) -> None:
        """Say hello, then do jobs until shutdown or the end of stdin."""
        # The threads start first, because torch takes seconds to import.
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        threading.Thread(target=self._live, name="live", daemon=True).start()
        import torch

        from .compute.devices import be_deterministic, device_name, devices
        from .takes.studio import Studio

        be_deterministic()
        device = devices()[0]
        self.emit(
            Hello(
                protocol=PROTOCOL,
                version=version(),
                device=device,
                device_name=device_name(device),
                python=platform.python_version(),
                torch=torch.__version__,
                pid=os.getpid(),
            )
        )
        studio, clock = Studio(), Clock()
        while (job := self._jobs.get()) is not None and not self._ending.is_set():
            self._do(*job, studio.handle, clock)
        self._ended.set()

    def _do(self, identifier: str, request: Request, handle: Handle, clock: Clock) -> None:
        self._running = identifier
        context = JobContext(identifier, self.emit, lambda: self._unwanted(identifier), clock)
        try:
            context.check()
            event: Event = Done(id=identifier, result=handle(request, context))
        except SoliloquyError as error:
            event = error_event(identifier, error)
        except Exception as error:  # noqa: BLE001 - a bug ends the job, not the worker; its traceback goes to the log
            traceback.print_exc()
            reason = f"{type(error).__name__}: {error}"
            failure = SoliloquyError(
                "internal", f"Something went wrong inside Soliloquy ({reason}).", "Please report it with the log."
            )
            event = error_event(identifier, failure)
        self._running = None
        self._waiting.discard(identifier)
        self._cancelled.discard(identifier)
        self.emit(event)

    def _unwanted(self, identifier: str) -> bool:
        return self._ending.is_set() or identifier in self._cancelled

    def _listen(self) -> None:
        """Reader thread: queue jobs, and act on cancel and shutdown at once."""
        while line := self._requests.readline(MAX_LINE + 1):
            try:
                identifier, request = decode_request(line)
            except BadInputError as error:
                self.emit(error_event(_identifier_in(line), error))
                continue
            if isinstance(request, Shutdown):
                break
            if isinstance(request, Cancel):
                found = request.job in self._waiting
                if found:
                    self._cancelled.add(request.job)
                self.emit(Done(id=identifier, result={"found": found}))
            else:
                self._waiting.add(identifier)
                self._jobs.put((identifier, request))
        self._end()

    def _end(self) -> None:
        """Ask the running job to stop, then end the process. A job that doesn't notice ends with the process."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._jobs.put(None)
        threading.Thread(target=self._end_anyway, name="end", daemon=True).start()

    def _end_anyway(self) -> None:
        if not self._ended.wait(_LAST_SECONDS):
            # Without a job only the imports still run, and nothing is lost with them.
            os._exit(0 if self._running is None else 1)

    def _live(self) -> None:
        while not self._ended.wait(_ALIVE_EVERY):
            identifier = self._running
            if identifier is not None:
                self.emit(Alive(id=identifier))


def _identifier_in(line: bytes) -> str | None:
    """The id of a request whose settings were refused, so that its sender gets the answer."""
    try:
        identifier = json.loads(line).get("id")
    except (ValueError, AttributeError, RecursionError):
        return None
    return identifier if isinstance(identifier, str) else None


def main() -> int:
    """Run until stdin closes. The exit status is 0 unless a job had to be cut off."""
    messages = protect_stdout()
    let_threads_sleep()
    step_back()
    try:
        Worker(sys.stdin.buffer, messages).run()
    except CancelledError:
        return 0
    finally:
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    # Threads of the libraries may still run at interpreter shutdown. All our files are complete by now.
    os._exit(main())
