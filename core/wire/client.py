"""Starts a worker and talks to it. Standard library only. Only ``wait`` and ``close`` block.

In a Blender timer: call ``client.request(Generate(...))`` once, then ``client.poll()`` until it returns a ``Done`` or
``Error`` with that id. In a script: ``client.wait(identifier)``. If the worker process dies or is killed, every request
that is open then gets exactly one ``Error`` event.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from ..errors import EXIT_CANCELLED, BadInputError, SoliloquyError
from ..places import CORE, ROOT
from ..plurals import counted
from ..runtime.processes import clean_environment, end_group, large_pages, own_group
from .endings import last_words, why_it_ended
from .lines import MAX_LINE, decode_event, encode_request, read_lines
from .protocol import PROTOCOL, Alive, Cancel, Done, Error, Event, Hello, Request, Shutdown

_STDERR_LINES = 200
_GRACE = 1.0
"""Seconds that a dead worker's pipes may stay open before the worker counts as gone. Its children may hold them."""


class WorkerClient:
    """A running worker.

    Parameters
    ----------
    python
        Interpreter of the worker's environment (``core.runtime.environment``).
    root
        Folder that holds ``core/``.
    command
        Another command line instead of ``python -s -m core.worker`` (tests).
    environment
        Variables for the worker in addition to those of this process, for example which GPU it sees.
    start_timeout, cancel_timeout, silence_timeout
        Seconds from start to ``hello``, from ``cancel`` to the job's answer, and between two lines of a busy worker.
        A worker that takes longer is killed, and its requests get an ``Error``.

    Raises SoliloquyError ``worker_not_started`` when the process can't be started at all.
    """

    def __init__(
        self,
        python: str | Path,
        *,
        root: str | Path = ROOT,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        start_timeout: float = 180.0,
        cancel_timeout: float = 8.0,
        silence_timeout: float = 120.0,
    ) -> None:
        self.hello: Hello | None = None
        self._cancel_timeout = cancel_timeout
        self._silence_timeout = silence_timeout
        self._start_deadline = time.monotonic() + start_timeout
        self._identifiers = itertools.count(1)
        self._open: dict[str, Request] = {}
        self._cancelled: dict[str, float] = {}
        self._last_line = time.monotonic()
        self._died: float | None = None
        self._ended = False
        self._failure: Error | None = None
        self._group_gone = False
        self._incoming: queue.SimpleQueue[Event | BadInputError | None] = queue.SimpleQueue()
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        try:
            self._process = subprocess.Popen(
                list(command or [str(python), "-s", "-m", f"{CORE.name}.worker"]),
                cwd=root,
                env=clean_environment() | large_pages() | dict(environment or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **own_group(),
            )
        except OSError as error:
            raise SoliloquyError(
                "worker_not_started",
                f"The worker could not be started with {python}: {error}.",
                "Install Soliloquy's environment again in the add-on's preferences.",
            ) from error
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._logging = threading.Thread(target=self._read_log, args=(self._process.stderr,), daemon=True)
        self._threads = [
            threading.Thread(target=self._write, args=(self._process.stdin,), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True),
            self._logging,
        ]
        for thread in self._threads:
            thread.start()

    # The pipes, each in its own thread --------------------------------------------------------------------------------

    def _write(self, stream: IO[bytes]) -> None:
        # A dead worker's pipe breaks. poll() notices the dead process itself.
        with contextlib.suppress(OSError, ValueError), stream:
            while (line := self._outgoing.get()) is not None:
                stream.write(line)
                stream.flush()

    def _read(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError), stream:
            for line in read_lines(stream):
                try:
                    self._incoming.put(decode_event(line))
                except BadInputError as error:
                    self._incoming.put(error)
        self._incoming.put(None)

    def _read_log(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError), stream:
            while line := stream.readline(MAX_LINE):
                self._stderr.append(line.decode("utf-8", "replace").rstrip())

    # For the caller ---------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the worker still takes requests."""
        return self._failure is None and self._process.poll() is None

    @property
    def busy(self) -> bool:
        """Whether any request waits for its answer."""
        return bool(self._open)

    @property
    def log(self) -> str:
        """The last lines that the worker wrote to stderr, for a report."""
        return "\n".join(self._stderr)

    def request(self, request: Request) -> str:
        """Send a request and return its id. Raises BadInputError ``bad_setting``, SoliloquyError ``worker_gone``."""
        identifier = str(next(self._identifiers))
        line = encode_request(identifier, request)
        # A worker that has died before its first word: `poll` gives the reason as the answer.
        if not self.alive and (self._failure is not None or self.hello is not None):
            raise SoliloquyError("worker_gone", "The worker is not running any more.", "Start it again.")
        if not self._open:
            self._last_line = time.monotonic()
        if not isinstance(request, Shutdown):
            self._open[identifier] = request
        self._outgoing.put(line)
        return identifier

    def cancel(self, identifier: str) -> None:
        """Ask to stop a request. Its answer is ``cancelled``. A worker that doesn't react is killed."""
        if identifier in self._open and identifier not in self._cancelled:
            self._cancelled[identifier] = time.monotonic() + self._cancel_timeout
            if self.alive:
                self.request(Cancel(job=identifier))

    def poll(self) -> list[Event]:
        """All events since the last call except ``Alive``, without waiting."""
        events: list[Event] = []
        ended = False
        while True:
            try:
                item = self._incoming.get_nowait()
            except queue.Empty:
                break
            if item is None:
                ended = True
            elif isinstance(item, BadInputError):
                self._fail("worker_garbled", f"The worker wrote something that is no message: {item.message}")
            else:
                self._last_line = time.monotonic()
                events += self._accept(item)
        self._check_deadlines()
        self._check_process(ended)
        if self._failure is not None:
            events += self._answer_all(self._failure)
        return events

    def wait(
        self, identifier: str, timeout: float | None = None, on_event: Callable[[Event], None] | None = None
    ) -> Done | Error:
        """Block until request ``identifier`` is answered. Every event until then goes to ``on_event``.

        After ``timeout`` seconds the worker is killed, and the answer is the error ``worker_timeout``.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            for event in self.poll():
                if on_event is not None:
                    on_event(event)
                if isinstance(event, (Done, Error)) and event.id == identifier:
                    return event
            if identifier not in self._open:
                raise ValueError(f"no request {identifier} is open")
            if timeout is not None and deadline is not None and time.monotonic() > deadline:
                self._fail("worker_timeout", f"The worker gave no answer within {counted(timeout, 'second')}.")
                deadline = None
            time.sleep(0.02)

    def close(self, timeout: float = 5.0) -> int | None:
        """End the worker: ask it, then terminate it, then kill its whole process group. May be called again.

        Each step waits up to ``timeout`` seconds. Returns the exit status.
        """
        if self._process.poll() is None:
            with contextlib.suppress(SoliloquyError):
                self.request(Shutdown())
            self._outgoing.put(None)
            for force in (False, True):
                if self._waited(timeout):
                    break
                self._end(force=force)
        self._outgoing.put(None)
        self._waited(timeout)
        self._end(force=True)  # also ends processes that the worker has started
        for thread in self._threads:
            thread.join(timeout=1.0)
        return self._process.poll()

    def kill(self) -> None:
        """Kill the worker and its children at once, without waiting."""
        self._end(force=True)
        self._outgoing.put(None)

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The state --------------------------------------------------------------------------------------------------------

    def _end(self, *, force: bool) -> None:
        # Once the leader is reaped and its group was killed, another process may get the same number.
        if not self._group_gone:
            self._group_gone = force and self._process.poll() is not None
            end_group(self._process, force=force)

    def _waited(self, timeout: float) -> bool:
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _accept(self, event: Event) -> list[Event]:
        if isinstance(event, Alive):
            return []
        if isinstance(event, Hello):
            self.hello = event
            if event.protocol != PROTOCOL:
                self._fail(
                    "worker_version",
                    f"The worker speaks protocol {event.protocol}, Blender's side {PROTOCOL}.",
                    "Restart Blender so that both sides come from the same version.",
                )
        if isinstance(event, Error) and event.id is None and self.hello is None:
            self._fail(event.code, event.message, event.hint)  # the worker could not start
        if isinstance(event, (Done, Error)) and event.id is not None:
            request = self._open.pop(event.id, None)
            self._cancelled.pop(event.id, None)
            if request is None or isinstance(request, Cancel):
                return []  # already answered by a deadline, or the answer to a cancel
        return [event]

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        if self._failure is not None:
            return
        if self.hello is None and now > self._start_deadline:
            self._fail("worker_silent", "The worker did not start in time.")
        elif any(now > deadline for deadline in self._cancelled.values()):
            self._fail("cancelled", "Cancelled; the worker did not stop by itself and was ended.")
        elif self._open and self.hello is not None and now > self._last_line + self._silence_timeout:
            self._fail("worker_silent", f"The worker has said nothing for {counted(self._silence_timeout, 'second')}.")

    def _check_process(self, ended: bool) -> None:
        if self._failure is not None or self._process.poll() is None:
            return
        now = time.monotonic()
        self._died = self._died or now
        self._ended |= ended
        if (self._ended and not self._logging.is_alive()) or now > self._died + _GRACE:
            status = self._process.returncode
            self._fail("worker_died", f"The worker stopped unexpectedly ({why_it_ended(status)}).")

    def _fail(self, code: str, message: str, hint: str = "") -> None:
        """End the worker for a reason. It becomes the answer to all open requests."""
        if self._failure is None:
            last = last_words(list(self._stderr))
            if not hint and code != "cancelled":
                hint = f"Its last words: {last[:300]}" if last else "Try again; if it happens again, report it."
            exit_code = EXIT_CANCELLED if code == "cancelled" else 1
            self._failure = Error(id=None, code=code, message=message, hint=hint, exit_code=exit_code)
            self.kill()

    def _answer_all(self, failure: Error) -> list[Event]:
        answers: list[Event] = []
        for identifier, request in list(self._open.items()):
            del self._open[identifier]
            if isinstance(request, Cancel):
                continue
            code, exit_code = failure.code, failure.exit_code
            if identifier in self._cancelled:  # the user asked for this, however the worker ended
                code, exit_code = "cancelled", EXIT_CANCELLED
            answers.append(
                Error(id=identifier, code=code, message=failure.message, hint=failure.hint, exit_code=exit_code)
            )
        self._cancelled.clear()
        return answers
