"""Workers that run a job list. They are polled and never waited for, so that a window stays usable meanwhile.

Entries start in the list's order, each on the first free seat. A failed job is tried again unless its input is bad;
the failure of one job stops no other. The summary is written after every change, so that even a killed run has one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EXIT_BAD_INPUT, EXIT_CANCELLED, EXIT_DONE, EXIT_TRY_AGAIN, BadInputError, SoliloquyError
from ..schema import read
from ..wire.client import WorkerClient
from ..wire.protocol import Done, Error, Probe, TakeReady, error_event
from ..wire.workload import TimeLeft
from ..words import say
from . import capacity, summary
from .capacity import Room, Seat
from .following import Following, wait_until
from .job_list import BUSY, CANCELLED, DONE, FAILED, RUNNING, WAITING, Entry

if TYPE_CHECKING:
    from ..wire.worker_facts import WorkerFacts

Start = Callable[[dict[str, str]], WorkerClient]
"""Starts a worker with these variables in its environment; raises SoliloquyError."""
_BUSY = "job_busy"
_LASTING = {"disk_full"}
"""Failures that would happen again at the next attempt."""
_PASSING = {"disk_full", "out_of_memory"}
"""Failures that may not happen later, or on another computer."""


class Crew:
    """A run of a job list.

    Parameters
    ----------
    entries
        The list; entries that wait are run. More can be appended meanwhile.
    start
        Starts one worker.
    summary_file
        File for the outcome of the jobs. If it can't be written, ``unsaved`` is True and ``notices`` says why.
    workers
        Number at the same time, `capacity.AUTO` for a number that suits the computer; ``room`` limits it.
    retries
        Number of further attempts after a failure of the worker.
    changed, arrived
        Called when an entry's status has changed, and for each finished take; never after `kill`.
    others
        Entries that another program has added to the list's file; the summary has them, too.
    partial
        Whether the entries are a part of a list, so that the summary has more jobs than these.
    restorer
        Command of the restorer that every job gets (``core.wire.restorer``); no list names one.
    """

    def __init__(
        self,
        entries: list[Entry],
        start: Start,
        summary_file: Path,
        *,
        workers: int = 1,
        room: Room | None = None,
        retries: int = 1,
        changed: Callable[[Entry], None] = lambda entry: None,
        arrived: Callable[[Entry, TakeReady], None] = lambda entry, take: None,
        others: Callable[[], list[Entry]] = list,
        partial: bool = False,
        restorer: tuple[str, ...] = (),
    ) -> None:
        self.entries = entries
        self.notices: list[str] = []
        self.unsaved = False
        self.seats: list[Seat] = [Seat()]
        self._start, self._summary, self._retries = start, summary_file, retries
        self._wanted, self._room, self._restorer = workers, room, restorer
        self._changed, self._arrived, self._others, self._partial = changed, arrived, others, partial
        self._held: set[str] = set()
        self._own: set[str] = set()
        self._stopping = False
        self._left = TimeLeft()
        self._unplanned = room is not None and workers != 1 and self._waiting() > 1

    @property
    def finished(self) -> bool:
        """Whether no entry runs and none will start."""
        return all(seat.entry is None for seat in self.seats) and (self._stopping or not self._waiting())

    @property
    def running(self) -> list[Entry]:
        """Entries that run now."""
        return [seat.entry for seat in self.seats if seat.entry is not None]

    def is_stopping(self, entry: Entry) -> bool:
        """Whether a running entry was asked to stop."""
        return any(s.entry is entry and s.following is not None and s.following.cancelling for s in self.seats)

    def seconds_left(self, rest: float) -> float | None:
        """Seconds to the end, as they are shown, if the waiting entries need ``rest``; None if they are not known.

        They are unknown while an entry begins or stops.
        """
        left = [entry.left for entry in self.running if entry.left is not None]
        if self._stopping or not left or len(left) < len(self.running):
            return None
        return self._left.update(max(left) + rest, time.monotonic())

    def poll(self) -> bool:
        """Process the workers' events, or start the next entry if there are none; True when something changed.

        Never waits and does little per call, because it runs in a turn of Blender's window.
        """
        if self._unplanned and self._room is not None:
            return self._plan(self._room)
        heard = [self._listen(seat) for seat in self.seats]
        return any(heard) or any(self._give(seat) for seat in self.seats if seat.entry is None)

    def cancel(self, entry: Entry) -> None:
        """Stop a running entry, or take a waiting entry out of the run."""
        if entry.status == WAITING:
            self._own.add(entry.key)
            self._end(entry, CANCELLED, EXIT_CANCELLED, say("Cancelled."))
        for seat in self.seats:
            if seat.entry is entry and seat.following is not None and not seat.following.cancelling:
                seat.following.stop()
                if seat.client is not None:
                    seat.client.cancel(seat.following.identifier)

    def stop(self) -> None:
        """Cancel the running entries and start no others; waiting entries keep waiting."""
        self._stopping, self._unplanned = True, False
        for entry in self.running:
            self.cancel(entry)

    def close(self) -> None:
        """End the idle workers in the background."""
        for client in self._let_go():
            threading.Thread(target=client.close, daemon=True).start()

    def kill(self) -> None:
        """End everything at once; running entries count as cancelled, their finished takes stay."""
        self._stopping, self._unplanned = True, False
        ran = self.running
        for client in self._let_go():
            client.kill()
            client.close(timeout=1.0)
        for entry in ran:
            entry.status, entry.error, entry.code = CANCELLED, say("Cancelled."), EXIT_CANCELLED
        if ran:
            self._save()

    # The workers ------------------------------------------------------------------------------------------------------

    def _plan(self, room: Room) -> bool:
        """Ask a first worker what it can use, then make the other seats; True when something changed."""
        first = self.seats[0]
        if first.client is None or first.following is None:
            try:
                first.client = first.client or self._start({})
                first.following = Following(Probe())
                first.following.identifier = first.client.request(first.following.request)
            except SoliloquyError:
                self._unplanned = False  # the first entry meets the same error and reports it
            return True
        for event in first.client.poll():
            first.following.take_in(event)
        if not first.following.finished:
            return False
        done, first.following = first.following.done, None
        if done is not None:
            from ..wire.worker_facts import WorkerFacts  # Blender starts without it

            with contextlib.suppress(BadInputError):  # an answer that can't be read: this worker does everything
                self._seat(first.client, read(WorkerFacts, done.result), room)
        self._unplanned = False
        return True

    def _seat(self, first: WorkerClient, worker: WorkerFacts, room: Room) -> None:
        device = next((entry.request.device for entry in self.entries if entry.status == WAITING), None)
        if device is None:  # all of them were cancelled meanwhile
            return
        self.seats, short = capacity.plan(self._wanted, self._waiting(), device, worker, room)
        if short:
            self.notices.append(short)
        if not self.seats[0].environment:
            self.seats[0].client = first
        else:  # this worker sees every GPU, or takes every core
            threading.Thread(target=first.close, daemon=True).start()

    def _let_go(self) -> list[WorkerClient]:
        clients = [seat.client for seat in self.seats if seat.client is not None]
        for seat in self.seats:
            seat.client = seat.entry = seat.following = None
        return clients

    def _give(self, seat: Seat) -> bool:
        """Start the next entry on a free seat; False if there is none."""
        entry = next((e for e in self.entries if e.status == WAITING and e.key not in self._held), None)
        if entry is None or self._stopping:
            return False
        self._own.add(entry.key)
        seat.entry, seat.following = entry, Following(entry.request, stage=say("Starting the worker"))
        entry.attempts += 1
        entry.made_from = entry.fingerprint()
        entry.status, entry.error, entry.takes, entry.left = RUNNING, "", [], None
        if entry.attempts == 1:  # another attempt goes on where the last one ended
            entry.share = 0.0
        entry.stage = seat.following.stage
        seat.begun = time.monotonic()
        try:
            request = replace(entry.wanted(), restorer=self._restorer)
            if seat.client is None or not seat.client.alive:
                seat.client = self._start(seat.environment)
            seat.following.identifier = seat.client.request(request)
        except SoliloquyError as error:
            seat.following.error = error_event("", error)
        self._tell(entry)
        return True

    def _listen(self, seat: Seat) -> bool:
        """Process the events of a seat's worker; True when something changed."""
        entry, following = seat.entry, seat.following
        if entry is None or following is None:
            return False
        events = seat.client.poll() if seat.client is not None else []
        for event in events:
            following.take_in(event)
        while following.arrived:
            entry.takes.append(following.arrived.popleft())
            self._arrived(entry, entry.takes[-1])
        entry.stage, entry.left = following.stage, following.left
        entry.share = max(entry.share, following.share)
        if following.finished:
            self._conclude(seat, entry, following)
            return True
        return bool(events)

    def _conclude(self, seat: Seat, entry: Entry, following: Following) -> None:
        entry.seconds = round(entry.seconds + time.monotonic() - seat.begun, 1)
        seat.entry = seat.following = None
        self.notices += [f"{entry.name}: {notice}" for notice in following.notices]
        if seat.client is not None and not seat.client.alive:
            threading.Thread(target=seat.client.close, daemon=True).start()
            seat.client = None
        others = bool(self.running)
        error: Error | Done | None = following.error
        if not isinstance(error, Error):
            self._end(entry, DONE, EXIT_DONE, "")
        elif error.exit_code == EXIT_CANCELLED:
            self._end(entry, CANCELLED, EXIT_CANCELLED, error.message)
        elif error.code == _BUSY:
            entry.attempts -= 1
            self._own.discard(entry.key)
            # With others running here, one of them probably makes the same takes.
            reason = "" if others else say("Another program is working on it.")
            if (others or self._another_waits(entry)) and not self._stopping:
                self._held.add(entry.key)
                self._end(entry, WAITING, EXIT_DONE, reason)
                return
            self._end(entry, BUSY, EXIT_TRY_AGAIN, reason)
        elif self._worth_retrying(error, entry):
            self._end(entry, WAITING, error.exit_code, f"{error.message} {error.hint}".strip())
        else:
            code = EXIT_TRY_AGAIN if error.code in _PASSING else error.exit_code
            self._end(entry, FAILED, code, f"{error.message} {error.hint}".strip())
        self._held.clear()

    def _another_waits(self, entry: Entry) -> bool:
        """Whether an entry other than this waits that isn't held."""
        return any(e is not entry and e.status == WAITING and e.key not in self._held for e in self.entries)

    def _worth_retrying(self, error: Error, entry: Entry) -> bool:
        passing = error.exit_code != EXIT_BAD_INPUT and error.code not in _LASTING
        return passing and entry.attempts <= self._retries and not self._stopping

    # The list ---------------------------------------------------------------------------------------------------------

    def _waiting(self) -> int:
        return sum(entry.status == WAITING for entry in self.entries)

    def _end(self, entry: Entry, status: str, code: int, error: str) -> None:
        entry.status, entry.code, entry.error = status, code, error
        entry.stage, entry.left = "", None
        self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        self._save()
        self._changed(entry)

    def _save(self) -> None:
        """Write the summary; a failure to write it stops no job."""
        try:
            listed = [*self.entries, *self._others()]
            summary.write_summary(listed, self._summary, self._own, partial=self._partial)
            self.unsaved = False
        except SoliloquyError as error:
            self.unsaved = True
            if str(error) not in self.notices:
                self.notices.append(str(error))


def run(crew: Crew, going_on: Callable[[], None] = lambda: None) -> None:
    """Wait until a crew has finished, for scripts; whatever ends the wait early, no worker stays behind.

    ``going_on`` is called again and again meanwhile, many times a second.
    """

    def ended() -> bool:
        crew.poll()
        going_on()
        return crew.finished

    try:
        wait_until(ended)
    finally:
        if crew.finished:
            crew.close()
        else:
            crew.kill()
