"""Whether the user's own Python can run the worker: examined in a thread when it is chosen or has changed.

Nothing here waits. A Python named by ``SOLILOQUY_PYTHON`` isn't examined: whoever sets the variable is no newcomer, and
the worker says itself what it lacks.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...core.runtime.examination import OLDEST, Examination, examine
from ..redrawing import redraw
from ..session import session
from ..words import say

_LOOK_EVERY = 0.3
"""Seconds between two looks whether the thread has ended."""
_MOST_NAMED = 3
"""Packages that a sentence names."""


@dataclass
class OwnPython:
    """The Python that is or was examined, the time of its last change, and what was found; None while nothing was."""

    python: Path | None = None
    changed: int = 0
    found: Examination | None = None


def _state() -> OwnPython:
    return session().part(OwnPython)


def _time_of(python: Path) -> int:
    try:
        return python.stat().st_mtime_ns
    except OSError:
        return 0


def known(python: Path) -> Examination | None:
    """What was found out about this Python as it is now; None if it wasn't examined or still is."""
    state = _state()
    return state.found if (state.python, state.changed) == (python, _time_of(python)) else None


def look(python: Path) -> Examination | None:
    """`known`; starts an examination if there was none. For panels, which call it whenever they are drawn."""
    state = _state()
    if (state.python, state.changed) == (python, _time_of(python)):
        return state.found
    forget()
    begun = _state()
    begun.python, begun.changed = python, _time_of(python)

    def work() -> None:
        begun.found = examine(python)

    threading.Thread(target=work, name="own python", daemon=True).start()

    def wait() -> float | None:
        if begun is not _state():
            return None  # another Python was chosen meanwhile, or the add-on was registered again
        if begun.found is None:
            return _LOOK_EVERY
        redraw()
        return None

    bpy.app.timers.register(wait, first_interval=_LOOK_EVERY)
    return None


def forget() -> None:
    """Let it be examined again, because something about it may have changed."""
    session().replace(OwnPython())


def problem(found: Examination) -> tuple[str, str]:
    """A sentence about why the worker can't run in a Python, and one about what to do; both empty if it can."""
    clear = say("Choose another, or clear the field to use the installed runtime.")
    if found.reason:
        return say("Your own Python can't be used: {reason}.", reason=found.reason.rstrip(".")), clear
    if found.unfit:
        oldest = ".".join(map(str, OLDEST))
        text = say("Your own Python is {version}; Soliloquy needs a 64-bit CPython from {oldest} on.",
                   version=found.python, oldest=oldest)  # fmt: skip
        return text, clear
    if found.failed:
        names = ", ".join(list(found.failed)[:_MOST_NAMED]) + (", …" if len(found.failed) > _MOST_NAMED else "")
        why = next(iter(found.failed.values()))
        text = say("Your own Python can't load {names} ({why}).", names=names, why=why)
        fix = say("Install the packages in core/requirements/worker.txt into it, or clear the field.")
        return text, fix
    return "", ""


def remark(found: Examination) -> str:
    """What is worth knowing about a Python that can be used: packages of versions that weren't tested."""
    if not found.other:
        return ""
    names = ", ".join(found.other[:_MOST_NAMED]) + (", …" if len(found.other) > _MOST_NAMED else "")
    return say("Not tested with these versions (tested ones in brackets): {names}", names=names)
