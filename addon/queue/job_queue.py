"""The panel's queue: the job list that is open, what it is kept in, and the crew that runs it.

The list's file is the queue: every change is written to it at once, how the jobs went stands in the summary beside it
(`batch`), and ``--command soliloquy batch`` runs the same file. Nothing of it is undone by Ctrl-Z.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ...core.errors import BadInputError, SoliloquyError
from ...core.runtime import memory
from ...core.wire.client import WorkerClient
from ...core.wire.protocol import TakeReady
from .. import compat
from ..jobs import estimate, jobs
from ..properties import preferences
from ..redrawing import redraw
from ..scene import characters, portrait, takes
from ..scene.request import request_for, speaker_of
from ..sequencer import speech, strips
from ..words import later, say
from . import batch
from .batch import CANCELLED, DONE, FAILED, RUNNING, WAITING, Entry
from .crew import Crew
from .seats import Room

HELD = later("The queue is running: wait for it or stop it")
FILE_NAME = "queue.json"


@dataclass
class _State:
    path: Path | None = None
    entries: list[Entry] = field(default_factory=list)
    crew: Crew | None = None
    arrivals: deque[tuple[Entry, TakeReady]] = field(default_factory=deque)


_state = _State()


# ------------------------------------------------------------------------------------------------------- what is in it
def entries() -> list[Entry]:
    """The open list."""
    return _state.entries


def path() -> Path | None:
    """The file that the queue is kept in; None while there is no queue."""
    return _state.path


def crew() -> Crew | None:
    """Who runs the queue; None while nobody does."""
    return _state.crew


def entry_of(key: str) -> Entry | None:
    """The entry with that key."""
    return next((entry for entry in _state.entries if entry.key == key), None)


def active() -> Entry | None:
    """The entry chosen in the panel's list."""
    lines = bpy.context.window_manager.soliloquy_queue
    return entry_of(lines.items[lines.active].key) if 0 <= lines.active < len(lines.items) else None


def room(waiting: list[Entry]) -> Room:
    """What one worker needs for the most demanding of these, and what this computer has."""
    needs = [estimate.memory_of(entry.request) for entry in waiting]
    most = max((need[0] for need in needs), default=1.0)
    gpu = max((need[1] or 0.0 for need in needs), default=0.0)
    return Room(most, gpu, memory.available(), os.cpu_count() or 1)


def expected(listed: list[Entry], workers: int) -> tuple[estimate.Cost, int]:
    """What the entries that wait will need, and how many of them can't be told, their sound being unreadable here."""
    waiting = [entry.request for entry in listed if entry.status == WAITING]
    lengths = [(request, estimate.seconds_of(request)) for request in waiting]
    known = [(request, seconds) for request, seconds in lengths if seconds is not None]
    return estimate.total(known, workers), len(lengths) - len(known)


# --------------------------------------------------------------------------------------------------------- the list
def open_list(file: Path) -> None:
    """Read a list and how its jobs went; raises BadInputError where it can't be read, SoliloquyError while it runs."""
    _refuse_while_running()
    found = batch.load(file, {"out": ".", "device": preferences.device()}, may_be_empty=True)
    batch.adopt(found, batch.summary_path(file))
    _state.path, _state.entries = file, found
    mirror()


def open_default(scene: bpy.types.Scene) -> None:
    """Open the scene's own queue where none is open, or begin it; raises as `open_list`."""
    if _state.path is not None:
        return
    settings = scene.soliloquy_queue
    if not settings.file:
        folder = preferences.output_folder(scene.soliloquy.output_dir)
        settings.file = takes.stored_path(folder / FILE_NAME)
    file = Path(bpy.path.abspath(settings.file)).absolute()
    if file.is_file():
        open_list(file)
    else:
        _state.path = file


def save_as(file: Path) -> None:
    """Keep the queue in another file from now on; raises SoliloquyError where it can't be written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    batch.save(_state.entries, file)
    batch.write_summary(_state.entries, batch.summary_path(file))
    _state.path = file


def add(found: list[Entry]) -> None:
    """Append entries and write the list."""
    _state.entries.extend(found)
    _written()


def add_new(found: list[Entry]) -> int:
    """Append those that aren't on the list already, as they would be made now; says how many."""
    known = {(entry.fingerprint(), entry.scene, entry.strip) for entry in _state.entries}
    new = [entry for entry in found if (entry.made_from, entry.scene, entry.strip) not in known]
    add(new)
    return len(new)


def remove(entry: Entry) -> None:
    """Take an entry off the list; one that runs has to be cancelled first."""
    _state.entries.remove(entry)
    _written()


def clear(done_only: bool) -> int:
    """Take all entries off the list that don't run, or those that are done; says how many."""
    gone = [e for e in _state.entries if (e.status == DONE if done_only else e.status != RUNNING)]
    for entry in gone:
        _state.entries.remove(entry)
    _written()
    return len(gone)


def retry() -> int:
    """Let all that failed or was cancelled wait again; says how many."""
    again = [entry for entry in _state.entries if entry.status in (FAILED, CANCELLED)]
    for entry in again:
        entry.reset()
    _written()
    return len(again)


def _written() -> None:
    """The list and its summary as they are now."""
    mirror()
    if _state.path is not None:
        _state.path.parent.mkdir(parents=True, exist_ok=True)
        batch.save(_state.entries, _state.path)
        batch.write_summary(_state.entries, batch.summary_path(_state.path))
    redraw()


def mirror() -> None:
    """The lines of Blender's list widget."""
    manager = bpy.context.window_manager
    lines = manager.soliloquy_queue if manager else None
    if lines is None:
        return
    lines.items.clear()
    for entry in _state.entries:
        line = lines.items.add()
        line.name, line.key = entry.name, entry.key
    lines.active = max(0, min(lines.active, len(lines.items) - 1))


# ------------------------------------------------------------------------------------------------ from and to the scene
def entry_of_strip(scene: bpy.types.Scene, strip: object) -> Entry:
    """A job for a sound strip: its character's portrait, the scene's other settings; raises BadInputError."""
    inputs = preferences.output_folder(scene.soliloquy.output_dir) / "inputs"
    spoken = speech.speech_from_strip(scene, strip, inputs)
    request, who = request_for(scene, spoken), spoken.character
    entry = Entry(f"{strip.name} – {who}" if who else strip.name, request, scene.name, strips.link(scene, strip), who)
    entry.made_from = entry.fingerprint()
    return entry


def entries_of_scene(scene: bpy.types.Scene) -> Iterator[Entry]:
    """A job for every strip that is heard and whose character has a portrait; raises BadInputError where none is."""
    found = characters.assigned_strips(scene)
    if not found:
        raise BadInputError(
            "no_strip",
            say("No sound strip has a character with a portrait."),
            say("Add characters in the panel and assign strips to them."),
        )
    for strip in found:
        yield entry_of_strip(scene, strip)


def scene_of(entry: Entry, otherwise: bpy.types.Scene) -> bpy.types.Scene:
    """The scene that an entry's takes go to."""
    return bpy.data.scenes.get(entry.scene) or otherwise


def arrive(entry: Entry, take: TakeReady, otherwise: bpy.types.Scene, notices: list[str]) -> Iterator[object]:
    """Put a finished take above its strip and on its character's targets, in steps.

    Where the open file has no such strip the take stays on disk alone, and the first one's absence is noticed.
    """
    scene = scene_of(entry, otherwise)
    strip = strips.find_strip(scene, entry.strip)
    if strip is None or strip.type != "SOUND":
        if entry.strip and take == entry.takes[0]:
            notices.append(
                say(
                    "{job}: there is no strip “{strip}” here, so its takes are on disk only.",
                    job=entry.name,
                    strip=entry.strip,
                )
            )
        return
    request = entry.request
    follows = "" if compat.is_retimed(scene, strip) else strips.link(scene, strip)
    place = compat.left_handle(strip), follows, strip.channel, entry.character
    spoken = speech.Speech(Path(request.audio), request.start, request.duration, *place)
    job = jobs.Job(request, entry.name, scene.session_uid, spoken)
    yield from takes.arrive(scene, job, take)
    notices += job.notices


def unplaced(scene: bpy.types.Scene) -> list[tuple[Entry, TakeReady]]:
    """Takes of the queue that belong to a strip of the open file and aren't in its list of takes."""
    found = []
    for entry in _state.entries:
        home = scene_of(entry, scene)
        if entry.strip and strips.find_strip(home, entry.strip) is not None:
            listed = {take.path() for take in home.soliloquy.takes if take.audio_strip in ("", entry.strip)}
            found += [(entry, take) for take in entry.takes if Path(take.folder) not in listed]
    return found


# ------------------------------------------------------------------------------------------------------------- running
def start_worker(environment: dict[str, str]) -> WorkerClient:
    """A worker for a crew."""
    return WorkerClient(preferences.require_worker_python(), environment=environment)


def start(workers: int) -> Crew:
    """Run what waits; raises SoliloquyError where a job runs or the runtime is missing."""
    preferences.require_worker_python()
    jobs.hold(say(HELD))
    waiting = [entry for entry in _state.entries if entry.status == WAITING]
    _state.arrivals.clear()
    _state.crew = Crew(
        _state.entries,
        start_worker,
        batch.summary_path(_state.path),
        workers=workers,
        room=room(waiting),
        arrived=lambda entry, take: _state.arrivals.append((entry, take)),
    )
    return _state.crew


def next_arrival() -> tuple[Entry, TakeReady] | None:
    """The next finished take that is not in the scene yet."""
    return _state.arrivals.popleft() if _state.arrivals else None


def finish() -> tuple[str, bool]:
    """The run has ended: what the panel says of it, and whether that is bad news."""
    ended, _state.crew = _state.crew, None
    ended.close()
    jobs.let_go()
    number = batch.counts(_state.entries)
    bad = FAILED in number or bool(ended.notices)
    told = ", ".join(f"{count} {say(status)}" for status, count in number.items())
    message = " ".join([say("Queue: {told}.", told=told), *dict.fromkeys(ended.notices)])
    jobs.tell(message, bad)
    return message, bad


def kill(message: str = "") -> None:
    """End the run at once; finished takes stay, and running again goes on from there."""
    ended, _state.crew = _state.crew, None
    if ended is not None:
        ended.kill()
        jobs.let_go()
        jobs.tell(message, bad=True)


def _at_exit() -> None:
    """Blender's data may be gone by now: end the workers and touch nothing else."""
    if _state.crew is not None:
        _state.crew.kill()


def _refuse_while_running() -> None:
    if _state.crew is not None:
        raise SoliloquyError("busy", f"{say(HELD)}.")


def why_no_portrait(scene: bpy.types.Scene) -> str:
    """Why the active strip can't be queued, for a tooltip; empty when it can."""
    strip = speech.sound_strip(scene)
    if strip is None:
        return say("No sound strip is active: select one in the sequencer")
    owner = characters.portrait_owner(scene, speaker_of(scene))
    return "" if portrait.has_portrait(owner) else say("No portrait is chosen")


@bpy.app.handlers.persistent
def _before_load(*_: object) -> None:
    kill(say("The queue was stopped because another file was opened. Finished takes stay on disk."))
    _state.path, _state.entries = None, []
    _state.arrivals.clear()


@bpy.app.handlers.persistent
def _after_load(*_: object) -> None:
    """The file's own queue, where it has one; a list that can't be read is told when it is opened by hand."""
    scene = bpy.context.scene
    mirror()
    if scene is not None and scene.soliloquy_queue.file:
        try:
            open_default(scene)
        except SoliloquyError as error:
            jobs.tell(str(error), bad=True)


def register() -> None:
    """Watch for the ends of file and session."""
    atexit.register(_at_exit)
    bpy.app.handlers.load_pre.append(_before_load)
    bpy.app.handlers.load_post.append(_after_load)


def unregister() -> None:
    """End the run and stop watching."""
    bpy.app.handlers.load_post.remove(_after_load)
    bpy.app.handlers.load_pre.remove(_before_load)
    atexit.unregister(_at_exit)
    kill(say("The queue was stopped because the add-on was disabled."))
    _state.path, _state.entries = None, []
