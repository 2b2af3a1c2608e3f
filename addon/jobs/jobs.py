"""The add-on's side of the worker: one process, one job at a time, polled from Blender's main thread.

Nothing here waits, except `Job.wait` for scripts and the command line. The worker stays for a while after a job, with
its models loaded; it is ended when Blender quits, loads another file, or the add-on is disabled.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import bpy

from ...core.errors import EXIT_CANCELLED, SoliloquyError
from ...core.wire.client import WorkerClient
from ...core.wire.protocol import Error, Request
from ..properties import preferences
from ..redrawing import redraw, redraw_when_due
from ..sequencer.speech import Speech
from ..words import duration, say
from .following import Following

IDLE_SECONDS = 300.0
"""How long a worker without work keeps its models in memory."""


@dataclass
class Job(Following):
    """One request to the worker for a scene.

    ``scene`` is the session-wide identifier of the scene it works for, which outlives undo and renaming; ``note`` is
    what its takes get as their note in the list.
    """

    title: str
    scene: int
    spoken: Speech | None = None
    note: str = ""

    def poll(self) -> bool:
        """Take in what the worker has said since; True when something changed."""
        client = _state.client
        if self.finished or client is None:
            return False
        events = client.poll()
        for event in events:
            self.take_in(event)
        return bool(events)

    def cancel(self) -> None:
        """Ask the worker to stop; the answer comes as an error with the cancelled exit code."""
        self.cancelling = True
        if _state.client is not None and not self.finished:
            _state.client.cancel(self.identifier)

    def wait(self, on_change: Callable[[Job], None] | None = None) -> None:
        """Block until the next take has arrived or the job is finished (no timers run under ``-b``)."""
        while not self.finished and not self.arrived:
            if self.poll():
                if on_change is not None:
                    on_change(self)
            else:
                time.sleep(0.02)

    def outcome(self) -> tuple[str, bool]:
        """A sentence for the panel, and whether it is bad news."""
        kept = " " + say("Finished takes stay: {count}.", count=self.takes) if self.takes else ""
        if self.error is None:
            seconds = time.monotonic() - self.started
            told = say("{title}: done in {time}.", title=self.title, time=duration(seconds))
            return " ".join([told, *self.notices]), False
        if self.error.exit_code == EXIT_CANCELLED:
            return say("{title}: cancelled.", title=self.title) + kept, False
        return f"{self.error.message} {self.error.hint}".strip() + kept, True


@dataclass
class _State:
    client: WorkerClient | None = None
    job: Job | None = None
    message: str = ""
    bad: bool = False
    idle_since: float = 0.0
    held_by: str = ""


_state = _State()


def current() -> Job | None:
    """The job that runs, or None."""
    return _state.job


def why_busy() -> str:
    """Why no job can start now, for tooltips; empty when one can."""
    if _state.job is not None:
        return say("A job is running: wait for it or cancel it")
    return _state.held_by


def hold(reason: str) -> None:
    """Let no job start, for ``reason``, until `let_go`; an idle worker is ended, so that its memory is free."""
    if why_busy():
        raise SoliloquyError("busy", f"{why_busy()}.")
    release_worker()
    _state.held_by, _state.message = reason, ""


def let_go() -> None:
    """Let jobs start again."""
    _state.held_by = ""
    redraw()


def last_message() -> tuple[str, bool]:
    """What the panel has to say about the last job, and whether it is bad news."""
    return _state.message, _state.bad


def start(request: Request, title: str, scene: bpy.types.Scene, spoken: Speech | None = None, note: str = "") -> Job:
    """Send a request to the worker, starting it if there is none.

    Raises
    ------
    SoliloquyError
        If a job runs already, the runtime is not installed, or the worker can't be started.
    """
    if why_busy():
        raise SoliloquyError("busy", f"{why_busy()}.")
    if _state.client is None or not _state.client.alive:
        release_worker()
        _state.client = WorkerClient(preferences.require_worker_python())
    job = Job(request, title, scene.session_uid, spoken, note)
    job.identifier = _state.client.request(request)
    _state.job, _state.message = job, ""
    return job


def finish(job: Job) -> None:
    """The job's answer has been dealt with: say how it went and let the next one start."""
    _state.message, _state.bad = job.outcome()
    _state.job = None
    _state.idle_since = time.monotonic()
    if not bpy.app.background and not bpy.app.timers.is_registered(_release_when_idle):
        bpy.app.timers.register(_release_when_idle, first_interval=IDLE_SECONDS)
    redraw()


def tell(message: str, bad: bool = False) -> None:
    """Let the panel say something."""
    _state.message, _state.bad = message, bad
    redraw()


def tell_of_progress(message: str) -> None:
    """Let the panel say how far something is, which `tell` follows in the end."""
    changed, _state.message, _state.bad = message != _state.message, message, False
    redraw_when_due(changed)


def scene_of(job: Job) -> bpy.types.Scene | None:
    """The scene the job works for, or None when it was deleted meanwhile."""
    return next((scene for scene in bpy.data.scenes if scene.session_uid == job.scene), None)


def worker_pid() -> int | None:
    """Process id of the worker, if one runs."""
    return _state.client.pid if _state.client is not None and _state.client.alive else None


def release_worker() -> None:
    """End an idle worker in the background; it frees its memory."""
    client, _state.client = _state.client, None
    if client is not None:
        threading.Thread(target=client.close, daemon=True).start()


def kill_worker(message: str = "") -> None:
    """End the worker at once, whatever it does; a running job counts as cancelled."""
    client, _state.client = _state.client, None
    job, _state.job = _state.job, None
    if client is not None:
        client.kill()
        client.close(timeout=1.0)
    if job is not None:
        if not job.finished:
            job.error = Error(id=job.identifier, code="cancelled", message=message, exit_code=EXIT_CANCELLED)
        _state.message, _state.bad = message, True


def _release_when_idle() -> float | None:
    idle = time.monotonic() - _state.idle_since
    if _state.job is None and idle >= IDLE_SECONDS:
        release_worker()
        return None
    return max(1.0, IDLE_SECONDS - idle)


@bpy.app.handlers.persistent
def _before_load(*_: object) -> None:
    _state.message, _state.bad = "", False  # it was about the file that goes
    kill_worker(say("The job was stopped because another file was opened. Finished takes stay on disk."))


def register() -> None:
    """Watch for the ends of file and session."""
    atexit.register(kill_worker)
    bpy.app.handlers.load_pre.append(_before_load)


def unregister() -> None:
    """End the worker and stop watching."""
    if bpy.app.timers.is_registered(_release_when_idle):
        bpy.app.timers.unregister(_release_when_idle)
    bpy.app.handlers.load_pre.remove(_before_load)
    atexit.unregister(kill_worker)
    kill_worker(say("The job was stopped because the add-on was disabled."))
