"""The worker: ``python -s -m core.worker`` reads requests as lines on stdin and writes events as lines on stdout.

See ``core.wire.protocol``. One job runs at a time in the main thread. Meanwhile a reader thread waits for ``cancel``
and for the end of stdin. Everything that libraries print goes to stderr, so that it can't mix with the messages.
"""

from __future__ import annotations

import os
import platform
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from .errors import EXIT_DONE, EXIT_FAILED, BadInputError, CancelledError, SoliloquyError
from .runtime.memory import memory_errors
from .runtime.processes import let_threads_sleep, step_back
from .wire.lines import decode_request, encode_event, identifier_in, read_lines
from .wire.progress import JobContext
from .wire.protocol import (
    PROTOCOL,
    Alive,
    Cancel,
    Done,
    Error,
    Event,
    Hello,
    Request,
    Shutdown,
    error_event,
    version,
)
from .wire.workload import Clock

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


def protect_stdin() -> IO[bytes]:
    """Return the real stdin, for requests only. Everything else that reads from stdin finds it empty."""
    requests = os.fdopen(os.dup(0), "rb")
    os.set_inheritable(requests.fileno(), False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests


class Worker:
    """Reads requests, runs jobs, writes events."""

    def __init__(self, requests: IO[bytes], events: IO[bytes]) -> None:
        self._requests = requests
        self._events = events
        self._writing = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[str, Request] | None] = queue.SimpleQueue()
        self._waiting: set[str] = set()
        self._cancelled: set[str] = set()
        self._withdrawn: set[str] = set()
        self._running: str | None = None
        self._changing = threading.Lock()
        self._ending = threading.Event()
        self._ended = threading.Event()

    def emit(self, event: Event) -> None:
        """Write one event. If the client is gone, end the worker. An answer that can't be sent becomes an error."""
        try:
            line = encode_event(event)
        except Exception as error:  # noqa: BLE001 - too long, or no values of JSON
            failure = _internal(error)
            if not isinstance(event, (Done, Error)):
                return
            line = encode_event(error_event(event.id, failure))
        try:
            with self._writing:
                self._events.write(line)
        except OSError:
            self._end()

    def run(self) -> None:
        """Say hello, then do jobs until shutdown or the end of stdin.

        Raises SoliloquyError ``out_of_memory`` if there is too little memory to start, ``worker_not_started`` if this
        Python lacks a package or has one that doesn't work. The client is told too.
        """
        try:
            with memory_errors():
                self._run()
        except Exception as error:  # a package that doesn't work may raise anything while it is imported
            told = error if isinstance(error, SoliloquyError) else _not_started(error)
            self.emit(error_event(None, told))
            if told is error:
                raise
            raise told from error

    def _run(self) -> None:
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
        with self._changing:
            if identifier in self._withdrawn:  # cancelled while it waited, and answered then
                self._withdrawn.discard(identifier)
                return
            self._running = identifier
        context = JobContext(identifier, self.emit, lambda: self._unwanted(identifier), clock)
        try:
            context.check()
            event: Event = Done(id=identifier, result=handle(request, context))
        except SoliloquyError as error:
            event = error_event(identifier, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a bug ends the job, not the worker
            event = error_event(identifier, _internal(error))
        with self._changing:
            self._running = None
            self._waiting.discard(identifier)
            self._cancelled.discard(identifier)
        self.emit(event)

    def _unwanted(self, identifier: str) -> bool:
        return self._ending.is_set() or identifier in self._cancelled

    def _listen(self) -> None:
        """Reader thread: hears every line until shutdown or the end of stdin. No line can end it earlier."""
        try:
            for line in read_lines(self._requests):
                try:
                    if not self._hear(line):
                        break
                except BadInputError as error:
                    self.emit(error_event(identifier_in(line), error))
                except Exception as error:  # noqa: BLE001 - a bug costs this line its answer's meaning, not the worker
                    self.emit(error_event(identifier_in(line), _internal(error)))
        finally:
            self._end()

    def _hear(self, line: bytes) -> bool:
        """Queue a job, or act on cancel and shutdown. Returns False on shutdown. Raises BadInputError."""
        identifier, request = decode_request(line)
        if isinstance(request, Shutdown):
            return False
        if isinstance(request, Cancel):
            self._cancel(identifier, request.job)
        elif identifier in self._waiting:
            raise BadInputError("bad_message", "A request with this id is not answered yet.", "Use every id once.")
        else:
            self._waiting.add(identifier)
            self._jobs.put((identifier, request))
        return True

    def _cancel(self, identifier: str, job: str) -> None:
        """Ask the running job to stop. A job that waits is answered at once, however long the running one takes."""
        with self._changing:
            found = job in self._waiting
            waits = found and job != self._running
            if waits:
                self._waiting.discard(job)
                self._withdrawn.add(job)
            elif found:
                self._cancelled.add(job)
        self.emit(Done(id=identifier, result={"found": found}))
        if waits:
            self.emit(error_event(job, CancelledError()))

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


def _not_started(error: Exception) -> SoliloquyError:
    """The error for a worker that could not start; in most cases its Python lacks a package."""
    with suppress(OSError, ValueError):
        traceback.print_exception(error)
    reason = " ".join(str(error).split()) or type(error).__name__
    return SoliloquyError(
        "worker_not_started",
        f"The worker could not start: {reason.rstrip('.')}.",
        f"Its Python is {sys.executable}. Choose another in the preferences, or install the runtime again.",
    )


def _internal(error: BaseException) -> SoliloquyError:
    """The error for a bug. Its traceback goes to the log, as far as there is one."""
    with suppress(OSError, ValueError):
        traceback.print_exception(error)
    reason = f"{type(error).__name__}: {error}"
    return SoliloquyError(
        "internal", f"Something went wrong inside Soliloquy ({reason}).", "Please report it with the log."
    )


def main() -> int:
    """Run until stdin closes. The exit status is 0 unless a job had to be cut off or the worker could not start."""
    requests, messages = protect_stdin(), protect_stdout()
    let_threads_sleep()
    step_back()
    try:
        Worker(requests, messages).run()
    except CancelledError:
        return EXIT_DONE
    except SoliloquyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not end by itself: see below
        traceback.print_exc()
        return EXIT_FAILED
    finally:
        sys.stderr.flush()
    return EXIT_DONE


if __name__ == "__main__":
    # At interpreter shutdown, Python aborts if the thread that reads requests holds its lock, and threads of the
    # libraries may still run. All our files are complete by now.
    os._exit(main())
