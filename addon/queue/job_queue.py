"""The panel's queue: the open job list, its file, and the crew that runs it.

Every change is written to the list's file at once, and the outcome of the jobs to the summary next to it (`batch`).
``--command soliloquy batch`` runs the same file. Ctrl-Z undoes none of it.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ...core.errors import SoliloquyError
from ...core.runtime import memory
from ...core.wire.client import WorkerClient
from ...core.wire.protocol import TakeReady
from ..jobs import estimate, jobs
from ..properties import preferences
from ..properties.queue import queue_lines_of, queue_settings_of
from ..properties.scene import settings_of
from ..redrawing import redraw
from ..scene import takes
from ..session import session
from ..typed import manager_of, there
from ..words import later, say
from . import batch
from .batch import CANCELLED, DONE, FAILED, RUNNING, WAITING, Entry
from .crew import Crew
from .seats import Room

HELD = later("The queue is running: wait for it or stop it")
FILE_NAME = "queue.json"


@dataclass
class QueueState:
    """The open list, the file it is kept in, the crew that runs it, and finished takes that aren't in the scene yet."""

    path: Path | None = None
    entries: list[Entry] = field(default_factory=list)
    crew: Crew | None = None
    arrivals: deque[tuple[Entry, TakeReady]] = field(default_factory=deque)


def _state() -> QueueState:
    return session().part(QueueState)


# ------------------------------------------------------------------------------------------------------- what is in it
def entries() -> list[Entry]:
    """The open list."""
    return _state().entries


def path() -> Path | None:
    """The queue's file; None while there is no queue."""
    return _state().path


def crew() -> Crew | None:
    """The crew that runs the queue; None while it is not running."""
    return _state().crew


def entry_of(key: str) -> Entry | None:
    """The entry with that key."""
    return next((entry for entry in _state().entries if entry.key == key), None)


def active() -> Entry | None:
    """The entry chosen in the panel's list."""
    lines = queue_lines_of(manager_of(bpy.context))
    return entry_of(lines.items[lines.active].key) if 0 <= lines.active < len(lines.items) else None


def room(waiting: list[Entry]) -> Room:
    """What one worker needs for the most demanding of these entries, and what this computer has."""
    needs = [estimate.memory_of(entry.request) for entry in waiting]
    most = max((need[0] for need in needs), default=1.0)
    gpu = max((need[1] or 0.0 for need in needs), default=0.0)
    return Room(most, gpu, memory.available(), os.cpu_count() or 1)


def expected(listed: list[Entry], workers: int) -> tuple[estimate.Cost, int]:
    """What the waiting entries will need, and the number of entries left out because their sound can't be measured."""
    waiting = [entry.request for entry in listed if entry.status == WAITING]
    lengths = [(request, estimate.seconds_of(request)) for request in waiting]
    known = [(request, seconds) for request, seconds in lengths if seconds is not None]
    return estimate.total(known, workers), len(lengths) - len(known)


# --------------------------------------------------------------------------------------------------------- the list
def open_list(file: Path) -> None:
    """Open a list with the state of its jobs.

    Raises BadInputError if it can't be read, SoliloquyError while the queue runs.
    """
    _refuse_while_running()
    found = batch.load(file, {"out": ".", "device": preferences.device()}, may_be_empty=True)
    batch.adopt(found, batch.summary_path(file))
    state = _state()
    state.path, state.entries = file, found
    mirror()


def open_default(scene: bpy.types.Scene) -> None:
    """If no list is open, open the scene's own queue, or start a new one. Raises as `open_list`."""
    if _state().path is not None:
        return
    settings = queue_settings_of(scene)
    if not settings.file:
        folder = preferences.output_folder(settings_of(scene).output_dir)
        settings.file = takes.stored_path(folder / FILE_NAME)
    file = Path(bpy.path.abspath(settings.file)).absolute()
    if file.is_file():
        open_list(file)
    else:
        _state().path = file


def save_as(file: Path) -> None:
    """Save the queue in another file and use that from now on. Raises SoliloquyError if it can't be written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    batch.save(_state().entries, file)
    batch.write_summary(_state().entries, batch.summary_path(file))
    _state().path = file


def add(found: list[Entry]) -> None:
    """Append entries and write the list."""
    _state().entries.extend(found)
    _written()


def add_new(found: list[Entry]) -> int:
    """Append the entries that are not in the list yet with the same settings; returns their number."""
    known = {(entry.fingerprint(), entry.scene, entry.strip) for entry in _state().entries}
    new = [entry for entry in found if (entry.made_from, entry.scene, entry.strip) not in known]
    add(new)
    return len(new)


def remove(entry: Entry) -> None:
    """Remove an entry from the list; a running entry must be cancelled first."""
    _state().entries.remove(entry)
    _written()


def clear(done_only: bool) -> int:
    """Remove all entries that don't run, or only those that are done; returns their number."""
    gone = [e for e in _state().entries if (e.status == DONE if done_only else e.status != RUNNING)]
    for entry in gone:
        _state().entries.remove(entry)
    _written()
    return len(gone)


def retry() -> int:
    """Let all failed and cancelled entries wait again; returns their number."""
    again = [entry for entry in _state().entries if entry.status in (FAILED, CANCELLED)]
    for entry in again:
        entry.reset()
    _written()
    return len(again)


def _written() -> None:
    """Write the list and its summary, and redraw."""
    mirror()
    state = _state()
    if state.path is not None:
        state.path.parent.mkdir(parents=True, exist_ok=True)
        batch.save(state.entries, state.path)
        batch.write_summary(state.entries, batch.summary_path(state.path))
    redraw()


def mirror() -> None:
    """Update the lines of Blender's list widget."""
    manager = bpy.context.window_manager
    if manager is None:
        return
    lines = queue_lines_of(manager)
    lines.items.clear()
    for entry in _state().entries:
        line = lines.items.add()
        line.name, line.key = entry.name, entry.key
    lines.active = max(0, min(lines.active, len(lines.items) - 1))


# ------------------------------------------------------------------------------------------------------------- running
def start_worker(environment: dict[str, str]) -> WorkerClient:
    """Start a worker for a crew."""
    return WorkerClient(preferences.require_worker_python(), environment=environment)


def start(workers: int) -> Crew:
    """Run the waiting entries. Raises SoliloquyError if a job is running or the runtime is missing."""
    preferences.require_worker_python()
    jobs.hold(say(HELD))
    state = _state()
    waiting = [entry for entry in state.entries if entry.status == WAITING]
    state.arrivals.clear()
    state.crew = crew = Crew(
        state.entries,
        start_worker,
        batch.summary_path(there(state.path, "queue file")),
        workers=workers,
        room=room(waiting),
        arrived=lambda entry, take: state.arrivals.append((entry, take)),
    )
    return crew


def next_arrival() -> tuple[Entry, TakeReady] | None:
    """The next finished take that is not in the scene yet."""
    arrivals = _state().arrivals
    return arrivals.popleft() if arrivals else None


def finish() -> tuple[str, bool]:
    """End a finished run; returns what the panel says about it, and whether that is bad news."""
    state = _state()
    ended, state.crew = there(state.crew, "crew"), None
    ended.close()
    jobs.let_go()
    number = batch.counts(state.entries)
    bad = FAILED in number or bool(ended.notices)
    told = ", ".join(f"{count} {say(status)}" for status, count in number.items())
    message = " ".join([say("Queue: {told}.", told=told), *dict.fromkeys(ended.notices)])
    jobs.tell(message, bad)
    return message, bad


def kill(message: str = "") -> None:
    """End the run at once; finished takes stay, and the next run continues from there."""
    state = _state()
    ended, state.crew = state.crew, None
    if ended is not None:
        ended.kill()
        jobs.let_go()
        jobs.tell(message, bad=True)


def _at_exit() -> None:
    """End the workers only: Blender's data may be gone already."""
    crew = _state().crew
    if crew is not None:
        crew.kill()


def _refuse_while_running() -> None:
    if _state().crew is not None:
        raise SoliloquyError("busy", f"{say(HELD)}.")


def _forget() -> None:
    """Close the list."""
    state = _state()
    state.path, state.entries = None, []
    state.arrivals.clear()


@bpy.app.handlers.persistent
def _before_load(*_: object) -> None:
    kill(say("The queue was stopped because another file was opened. Finished takes stay on disk."))
    _forget()


@bpy.app.handlers.persistent
def _after_load(*_: object) -> None:
    """Open the file's own queue if it has one."""
    scene = bpy.context.scene
    mirror()
    if scene is not None and queue_settings_of(scene).file:
        try:
            open_default(scene)
        except SoliloquyError as error:
            jobs.tell(str(error), bad=True)


def register() -> None:
    """Watch for the end of the file and of Blender."""
    atexit.register(_at_exit)
    bpy.app.handlers.load_pre.append(_before_load)
    bpy.app.handlers.load_post.append(_after_load)


def unregister() -> None:
    """End the run and stop watching."""
    bpy.app.handlers.load_post.remove(_after_load)
    bpy.app.handlers.load_pre.remove(_before_load)
    atexit.unregister(_at_exit)
    kill(say("The queue was stopped because the add-on was disabled."))
