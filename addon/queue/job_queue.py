"""The panel's queue: the open job list, its file, and the crew that runs it.

Every change is written to the list's file at once, and the outcome of the jobs to the `summary` next to it. Other
programs may use the same file: their changes are taken over before ours are written.
``--command soliloquy batch`` runs the same file. Ctrl-Z undoes none of it.
"""

from __future__ import annotations

import atexit
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ...core.batch import summary
from ...core.batch.capacity import Room
from ...core.batch.crew import Crew
from ...core.batch.job_list import BUSY, CANCELLED, DONE, FAILED, RUNNING, WAITING, Entry
from ...core.errors import BadInputError, SoliloquyError
from ...core.files import is_file
from ...core.runtime import memory
from ...core.runtime.allowance import processors
from ...core.wire.client import WorkerClient
from ...core.wire.protocol import TakeReady
from ..jobs import estimate, jobs
from ..jobs.portrait_file import look
from ..properties import output, preferences, trusted
from ..properties.queue import queue_lines_of, queue_settings_of
from ..properties.scene import settings_of
from ..redrawing import redraw
from ..scene import take_list
from ..session import session
from ..typed import manager_of, there
from ..words import later, say
from .shared_list import SharedList

HELD = later("The queue is running: wait for it or stop it")
FILE_NAME = "queue.json"


@dataclass
class QueueState:
    """The open list with its file, the crew that runs it, and finished takes that aren't in the scene yet.

    ``allowed`` are files that the user has chosen or allowed in this session.
    """

    shared: SharedList = field(default_factory=SharedList)
    crew: Crew | None = None
    arrivals: deque[tuple[Entry, TakeReady]] = field(default_factory=deque)
    allowed: set[Path] = field(default_factory=set)


def _state() -> QueueState:
    return session().part(QueueState)


# ------------------------------------------------------------------------------------------------------- what is in it
def entries() -> list[Entry]:
    """The open list."""
    return _state().shared.entries


def path() -> Path | None:
    """The queue's file; None while there is no queue."""
    return _state().shared.path


def crew() -> Crew | None:
    """The crew that runs the queue; None while it is not running."""
    return _state().crew


def entry_of(key: str) -> Entry | None:
    """The entry with that key."""
    return next((entry for entry in _state().shared.entries if entry.key == key), None)


def active() -> Entry | None:
    """The entry chosen in the panel's list."""
    lines = queue_lines_of(manager_of(bpy.context))
    return entry_of(lines.items[lines.active].key) if 0 <= lines.active < len(lines.items) else None


def room(waiting: list[Entry]) -> Room:
    """What one worker needs for the most demanding of these entries, and what this computer has."""
    needs = [estimate.memory_of(entry.request, look(Path(entry.request.portrait))) for entry in waiting]
    most = max((need[0] for need in needs), default=1.0)
    gpu = max((need[1] or 0.0 for need in needs), default=0.0)
    return Room(most, gpu, memory.available(), processors())


def expected(listed: list[Entry], workers: int) -> tuple[estimate.Cost, int]:
    """What the waiting entries will need, and the number of entries left out because their sound can't be measured."""
    waiting = [entry.request for entry in listed if entry.status == WAITING]
    lengths = [(request, estimate.seconds_of(request)) for request in waiting]
    known = [(request, seconds) for request, seconds in lengths if seconds is not None]
    return estimate.total(known, workers), len(lengths) - len(known)


# --------------------------------------------------------------------------------------------------------- the list
def open_list(file: Path) -> None:
    """Open a list that the user has chosen, with the state of its jobs.

    Raises BadInputError if it can't be read, SoliloquyError while the queue runs.
    """
    _refuse_while_running()
    state = _state()
    state.shared.defaults = {"out": ".", "device": preferences.device()}
    told = state.shared.open(file)
    state.allowed.add(file)
    mirror()
    if told:
        jobs.tell(told, bad=True)


def open_default(scene: bpy.types.Scene) -> None:
    """If no list is open, open the scene's own queue, or start a new one. Raises as `open_list`.

    Raises BadInputError ``queue_elsewhere``, without touching the file, if the .blend names one outside its own folders
    that the user has not allowed.
    """
    if _state().shared.path is not None:
        return
    settings = queue_settings_of(scene)
    if not settings.file:
        folder = output.output_folder(settings_of(scene).output_dir)
        settings.file = take_list.stored_path(folder / FILE_NAME)
    asked = unasked_file(scene)
    if asked is not None:
        raise BadInputError(
            "queue_elsewhere",
            say("This .blend keeps its queue outside its own folders: {path}", path=asked),
            say("Allow the file in the Queue panel, or save the list elsewhere."),
        )
    file = queue_settings_of(scene).path()
    if is_file(file):
        open_list(file)
    else:
        _state().shared.begin(file)


def unasked_file(scene: bpy.types.Scene) -> Path | None:
    """The queue's file if the user must allow it before it is read or written; None if there is nothing to ask."""
    if _state().shared.path is not None or not queue_settings_of(scene).file:
        return None
    file = queue_settings_of(scene).path()
    return None if file in _state().allowed or trusted.is_trusted(file) else file


def allow(scene: bpy.types.Scene) -> None:
    """Open the queue's file wherever it is, because the user wants it. Raises as `open_list`."""
    _state().allowed.add(queue_settings_of(scene).path())
    open_default(scene)


def save_as(file: Path) -> None:
    """Save the queue in another file that the user has chosen, and use that from now on.

    Raises SoliloquyError if it can't be written, BadInputError ``not_a_list`` if another file would be overwritten.
    """
    _state().shared.save_as(file)
    _state().allowed.add(file)


def add_new(found: list[Entry]) -> int:
    """Append the entries that are not in the list yet with the same settings; returns their number."""
    new: list[Entry] = []

    def change() -> Collection[str]:
        listed = _state().shared.entries
        known = {(entry.fingerprint(), entry.place) for entry in listed}
        new.extend(entry for entry in found if (entry.made_from, entry.place) not in known)
        listed.extend(new)
        return ()

    _write_with(change)
    return len(new)


def remove(entry: Entry) -> None:
    """Remove an entry from the list; a running entry must be cancelled first."""
    _drop(lambda other: other.key == entry.key)


def clear(done_only: bool) -> int:
    """Remove all entries that don't run, or only those that are done; returns their number."""
    return _drop(lambda entry: entry.status == DONE if done_only else entry.status != RUNNING)


def _drop(goes: Callable[[Entry], bool]) -> int:
    gone: list[Entry] = []

    def change() -> Collection[str]:
        listed = _state().shared.entries
        gone.extend(entry for entry in listed if goes(entry))
        listed[:] = [entry for entry in listed if not goes(entry)]
        return ()

    _write_with(change)
    return len(gone)


def retry() -> int:
    """Let all entries that failed, were cancelled or were busy wait again; returns their number."""
    again: list[Entry] = []

    def change() -> Collection[str]:
        again.extend(entry for entry in _state().shared.entries if entry.status in (FAILED, CANCELLED, BUSY))
        for entry in again:
            entry.reset()
        return {entry.key for entry in again}

    _write_with(change)
    return len(again)


def _write_with(change: Callable[[], Collection[str]]) -> None:
    """Change the list as `SharedList.change` does, and redraw."""
    _state().shared.change(change)
    mirror()
    redraw()


def mirror() -> None:
    """Update the lines of Blender's list widget."""
    manager = bpy.context.window_manager
    if manager is None:
        return
    lines = queue_lines_of(manager)
    lines.items.clear()
    for entry in _state().shared.entries:
        line = lines.items.add()
        line.name, line.key = entry.name, entry.key
    lines.active = max(0, min(lines.active, len(lines.items) - 1))


# ------------------------------------------------------------------------------------------------------------- running
def start_worker(environment: dict[str, str]) -> WorkerClient:
    """Start a worker for a crew."""
    return WorkerClient(preferences.require_worker_python(), environment=environment)


def start(workers: int, restorer: tuple[str, ...] = ()) -> Crew:
    """Run the waiting entries. Raises SoliloquyError if a job is running or the runtime is missing."""
    preferences.require_worker_python()
    jobs.hold(say(HELD))
    state = _state()
    waiting = [entry for entry in state.shared.entries if entry.status == WAITING]
    state.arrivals.clear()
    state.crew = crew = Crew(
        state.shared.entries,
        start_worker,
        summary.summary_path(there(state.shared.path, "queue file")),
        workers=workers,
        room=room(waiting),
        arrived=lambda entry, take: state.arrivals.append((entry, take)),
        others=state.shared.others,
        restorer=restorer,
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
    if state.shared.path is not None:
        summary.catch_up(state.shared.entries, summary.summary_path(state.shared.path), output.now_at)
    number = summary.counts(state.shared.entries)
    bad = FAILED in number or BUSY in number or bool(ended.notices)
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
    state.shared = SharedList()
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
        except (SoliloquyError, OSError, ValueError) as error:  # ValueError: no valid path
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
