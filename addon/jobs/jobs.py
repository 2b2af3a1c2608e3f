"""The add-on's worker: one process that runs one job at a time, polled from Blender's main thread.

Nothing here waits, except `follow` for scripts and the command line. After a job the worker stays for a while with its
models loaded. It ends when Blender quits or loads another file, or when the add-on is disabled.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...core.batch.following import Following, wait_until
from ...core.errors import EXIT_CANCELLED, SoliloquyError
from ...core.wire.client import WorkerClient
from ...core.wire.protocol import Error, Request, TakeReady
from ..properties import own_python, preferences
from ..redrawing import redraw, redraw_when_due
from ..sequencer.speech import Speech
from ..session import session
from ..steps import Outcome, Step, changed_steps
from ..words import duration, say
from . import estimate

IDLE_SECONDS = 300.0
"""Seconds that an idle worker keeps its models in memory."""
_NOT_STARTED = ("worker_not_started", "worker_died", "worker_silent")
"""Errors after which the user's own Python is examined again."""


@dataclass
class Job(Following):
    """One request to the worker for a scene.

    ``scene`` is the scene's identifier in this Blender session, which survives undo and renaming. ``note`` becomes the
    note of its takes in the list.
    """

    title: str
    scene: int
    spoken: Speech | None = None
    note: str = ""

    def poll(self) -> bool:
        """Process the worker's events since the last call; True when there were any."""
        client = _state().client
        if self.finished or client is None:
            return False
        events = client.poll()
        for event in events:
            self.take_in(event)
        return bool(events)

    def cancel(self) -> None:
        """Ask the worker to stop; the answer comes as an error with the cancelled exit code."""
        self.stop()
        client = _state().client
        if client is not None and not self.finished:
            client.cancel(self.identifier)

    def outcome(self) -> tuple[str, bool]:
        """A sentence for the panel about how the job ended, and whether it is bad news."""
        kept = " " + say("Finished takes stay: {count}.", count=self.takes) if self.takes else ""
        if self.error is None:
            seconds = time.monotonic() - self.started
            told = say("{title}: done in {time}.", title=self.title, time=duration(seconds))
            return " ".join([told, *self.notices]), False
        if self.error.exit_code == EXIT_CANCELLED:
            return say("{title}: cancelled.", title=self.title) + kept, False
        return f"{self.error.message} {self.error.hint}".strip() + kept, True


@dataclass
class WorkerState:
    """The worker, the Python that it runs in, and its job.

    ``message`` is what the panel says about the last job and ``bad`` whether that is bad news. ``idle_since`` is the
    time (``time.monotonic``) at which the last job ended. ``held_by`` is the reason why no job may start, or empty.
    """

    client: WorkerClient | None = None
    python: Path | None = None
    job: Job | None = None
    message: str = ""
    bad: bool = False
    idle_since: float = 0.0
    held_by: str = ""


def _state() -> WorkerState:
    return session().part(WorkerState)


def current() -> Job | None:
    """The job that runs, or None."""
    return _state().job


def why_busy() -> str:
    """Why no job can start now, for tooltips; empty when one can."""
    state = _state()
    if state.job is None:
        return state.held_by
    return say("Stopping…") if state.job.cancelling else say("A job is running: wait for it or cancel it")


def hold(reason: str) -> None:
    """Let no job start until `let_go`, and give ``reason`` for it. An idle worker ends, which frees its memory."""
    if why_busy():
        raise SoliloquyError("busy", f"{why_busy()}.")
    release_worker()
    state = _state()
    state.held_by, state.message = reason, ""


def let_go() -> None:
    """Let jobs start again."""
    _state().held_by = ""
    redraw()


def last_message() -> tuple[str, bool]:
    """What the panel says about the last job, and whether it is bad news."""
    state = _state()
    return state.message, state.bad


def start(request: Request, title: str, scene: bpy.types.Scene, spoken: Speech | None = None, note: str = "") -> Job:
    """Send a request to the worker, starting it if there is none.

    Raises
    ------
    SoliloquyError
        If a job is already running, the runtime is not installed, or the worker can't be started.
    """
    if why_busy():
        raise SoliloquyError("busy", f"{why_busy()}.")
    state = _state()
    python = preferences.require_worker_python()
    if state.client is None or not state.client.alive or python != state.python:
        release_worker()
        state.client, state.python = WorkerClient(python), python
    client = state.client
    job = Job(request, title, scene.session_uid, spoken, note)
    job.identifier = client.request(request)
    state.job, state.message = job, ""
    return job


def finish(job: Job) -> None:
    """Report how the job ended and let the next one start, after its answer was processed."""
    state = _state()
    state.message, state.bad = job.outcome()
    if job.error is not None and job.error.code in _NOT_STARTED:
        own_python.forget()  # something about it has changed
    estimate.remember_end(job.request, job.share, finished=job.error is None)
    state.job, state.idle_since = None, time.monotonic()
    if not bpy.app.background and not bpy.app.timers.is_registered(_release_when_idle):
        bpy.app.timers.register(_release_when_idle, first_interval=IDLE_SECONDS)
    redraw()


def follow(
    job: Job,
    on_take: Callable[[TakeReady], None] = lambda ready: None,
    on_change: Callable[[Job], None] = lambda job: None,
) -> dict[str, Any]:
    """Wait until a job has ended and return its result; raises its error as a SoliloquyError.

    ``on_take`` is called with each finished take, ``on_change`` whenever the worker has said something.
    """

    def ended() -> bool:
        if job.poll():
            on_change(job)
        while job.arrived:
            on_take(job.arrived.popleft())
        return job.finished

    wait_until(ended)
    finish(job)
    return job.result()


def tell(message: str, bad: bool = False) -> None:
    """Show a message in the panel."""
    state = _state()
    state.message, state.bad = message, bad
    redraw()


def tell_of_progress(message: str) -> None:
    """Show progress in the panel; `tell` shows the result at the end."""
    state = _state()
    changed, state.message, state.bad = message != state.message, message, False
    redraw_when_due(changed)


def with_progress(
    work: Generator[Step, None, Outcome], words: Callable[[Step], str] = str
) -> Generator[None, None, Outcome]:
    """Do ``work`` step by step and show its progress; ``words`` makes a sentence of what a step yields.

    Returns what the work returns.
    """
    return changed_steps(work, lambda step: tell_of_progress(words(step)))


def scene_of(job: Job) -> bpy.types.Scene | None:
    """The scene that the job works for, or None if it was deleted meanwhile."""
    return next((scene for scene in bpy.data.scenes if scene.session_uid == job.scene), None)


def worker_pid() -> int | None:
    """Process id of the worker, if one runs."""
    client = _state().client
    return client.pid if client is not None and client.alive else None


def release_worker() -> None:
    """End an idle worker in the background, which frees its memory."""
    state = _state()
    client, state.client = state.client, None
    if client is not None:
        threading.Thread(target=client.close, daemon=True).start()


def kill_worker(message: str = "") -> None:
    """End the worker at once, even if it is busy; a running job counts as cancelled."""
    state = _state()
    client, state.client = state.client, None
    job, state.job = state.job, None
    if client is not None:
        client.kill()
        client.close(timeout=1.0)
    if job is not None:
        if not job.finished:
            job.error = Error(id=job.identifier, code="cancelled", message=message, exit_code=EXIT_CANCELLED)
        state.message, state.bad = message, True


def _release_when_idle() -> float | None:
    state = _state()
    idle = time.monotonic() - state.idle_since
    if state.job is None and idle >= IDLE_SECONDS:
        release_worker()
        return None
    return max(1.0, IDLE_SECONDS - idle)


@bpy.app.handlers.persistent
def _before_load(*_: object) -> None:
    state = _state()
    state.message, state.bad = "", False  # it was about the file that is being closed
    kill_worker(say("The job was stopped because another file was opened. Finished takes stay on disk."))


def register() -> None:
    """Watch for the end of the file and of Blender."""
    atexit.register(kill_worker)
    bpy.app.handlers.load_pre.append(_before_load)


def unregister() -> None:
    """End the worker and stop watching."""
    if bpy.app.timers.is_registered(_release_when_idle):
        bpy.app.timers.unregister(_release_when_idle)
    bpy.app.handlers.load_pre.remove(_before_load)
    atexit.unregister(kill_worker)
    kill_worker(say("The job was stopped because the add-on was disabled."))
