"""Takes follow the .blend when it is saved: those of an unsaved file move beside it, and stored paths stay right.

Before a file is written, the takes that wait for a place (`take_folders.waiting`) get a second name beside the .blend,
and the file is written with the new paths. Once it is on the disk, the old names go. If it wasn't written, the new
names go, and nothing has changed. A copy (Save Copy) gets takes of its own, and the open file keeps those that it has.

Where a second name is impossible, because the .blend is on another disk, copying takes long. So it begins after saving,
in steps (`soliloquy.collect_into_project`). The same happens after a job, because nothing moves while a worker works.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ...core.errors import SoliloquyError
from ...core.files import is_folder
from ..jobs import jobs
from ..properties import output
from ..properties.scene import SoliloquyTake
from ..session import session
from ..steps import at_once
from ..storage import carrying, paths
from ..typed import manager_of, operators
from ..words import say
from . import take_folders, take_list

_SOON = 0.2
"""Seconds after saving or after a job until takes that still wait are moved."""


@dataclass
class Saving:
    """What was done before the file was written, to complete it or to take it back.

    ``carried`` holds old and new folder, and whether the new one was made just now. ``stored`` holds each take with the
    absolute paths of its folder and its job.
    """

    carried: list[tuple[Path, Path, bool]] = field(default_factory=list)
    stored: list[tuple[SoliloquyTake, Path, str]] = field(default_factory=list)


def why_waiting() -> str:
    """Why takes that wait for a place can't be moved now, for tooltips; empty when they can."""
    if not bpy.data.filepath:
        return say("Save the .blend first: the takes move beside it")
    return jobs.why_busy()


def move_soon() -> None:
    """Move takes that still wait for a place in a moment, if the file is saved. Does nothing without a window."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_move):
        bpy.app.timers.register(_move, first_interval=_SOON)


def _move() -> None:
    window = next(iter(manager_of(bpy.context).windows), None)
    if window is not None and not why_waiting() and take_folders.waiting():
        with bpy.context.temp_override(window=window):
            operators.soliloquy.collect_into_project("INVOKE_DEFAULT", waiting=True)


def _carry(blend: str) -> list[tuple[Path, Path, bool]]:
    """Give the folders that wait a second name beside the .blend; the problems of others are told."""
    carried = []
    for unit in take_folders.waiting():
        if not is_folder(unit):
            continue
        link = carrying.can_link(unit, take_folders.target_of(unit, blend).parent)
        if not link and not bpy.app.background:
            continue
        try:
            target, new = at_once(take_folders.carry(unit, blend, link=link))
        except SoliloquyError as error:
            jobs.tell(str(error), bad=True)
            continue
        take_folders.redirect(unit, target)
        carried.append((unit, target, new))
    return carried


def _path(of: tuple[object, ...]) -> str:
    return of[0] if of and isinstance(of[0], str) else ""


@bpy.app.handlers.persistent
def _before_save(*arguments: object) -> None:
    """Move takes beside the file that is going to be written, and store their paths as seen from there."""
    state, blend = session().part(Saving), _path(arguments)
    state.carried, state.stored = [], []
    if not blend or not is_folder(Path(blend).parent):  # the startup file, or a file that can't be written
        return
    if not jobs.why_busy():
        state.carried = _carry(blend)
    here = Path(bpy.data.filepath).parent if bpy.data.filepath else None
    if here is not None and paths.same(here, Path(blend).parent):
        return
    for take in take_folders.all_takes():
        state.stored.append((take, take.path(), str(take.job_path()) if take.job else ""))
    for take, folder, job in state.stored:
        take.folder = take_list.stored_path(folder, blend)
        take.job = take_list.stored_path(job, blend) if job else ""


def _store_again(state: Saving) -> None:
    """Store the paths of takes as seen from the file that is open now."""
    for take, folder, job in state.stored:
        take.folder, take.job = take_list.stored_path(folder), take_list.stored_path(job) if job else ""
    state.stored = []


@bpy.app.handlers.persistent
def _after_save(*arguments: object) -> None:
    """Let the old places of moved takes go; or keep them, if what was written is only a copy of the open file."""
    state, blend = session().part(Saving), _path(arguments)
    _store_again(state)
    is_open = bool(bpy.data.filepath) and paths.same(bpy.data.filepath, blend)
    for old, new, _ in state.carried:
        if is_open:
            carrying.release(old, new)
        else:
            take_folders.redirect(new, old)
    state.carried = []
    if is_open:
        output.forget_unsaved()
        move_soon()


@bpy.app.handlers.persistent
def _after_failure(*_: object) -> None:
    """The file was not written: everything is as it was."""
    state = session().part(Saving)
    _store_again(state)
    for old, new, made in state.carried:
        take_folders.redirect(new, old)
        if made:
            carrying.take_back(new)
    state.carried = []


@bpy.app.handlers.persistent
def _after_change(*_: object) -> None:
    """A file was opened, or an undo brought old paths back: follow the takes that were moved."""
    take_folders.heal()


_HANDLERS = (
    ("save_pre", _before_save),
    ("save_post", _after_save),
    ("save_post_fail", _after_failure),
    ("load_post", _after_change),
    ("undo_post", _after_change),
    ("redo_post", _after_change),
)


def register() -> None:
    """Watch for saving, opening, undo and redo."""
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Stop watching."""
    if bpy.app.timers.is_registered(_move):
        bpy.app.timers.unregister(_move)
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
