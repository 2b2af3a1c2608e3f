"""The folders of a file's takes: which ones wait to be moved, how they move, and how everything follows them.

A folder moves as a whole: a job with all of its takes, or an imported performance. All that the .blend says about it
changes with it: the list of takes, image strips, sounds, pictures, and the facts in Actions.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import SoliloquyError
from ...core.files import is_folder
from ...core.wire.protocol import FILMS
from .. import compat
from ..animation import nla
from ..animation.facts import FACTS
from ..properties import output, trusted
from ..properties.queue import queue_settings_of
from ..properties.scene import SoliloquyTake, settings_of
from ..steps import changed_steps
from ..storage import carrying, paths
from ..typed import preferences_of
from ..words import say
from . import take_list

_SUBFOLDERS = ("imported", "previews")
"""Folders in an output folder that hold folders of takes."""


def own_scenes() -> list[bpy.types.Scene]:
    """The scenes of this file; linked ones belong to another file."""
    return [scene for scene in bpy.data.scenes if scene.library is None]


def all_takes() -> list[SoliloquyTake]:
    """The takes in the lists of all scenes of this file."""
    return [take for scene in own_scenes() for take in settings_of(scene).takes]


def unit_of(take: SoliloquyTake) -> Path:
    """The folder that moves with the take: its job's, or its own if it doesn't lie in a job."""
    folder, job = take.path(), take.job_path()
    return job if take.job and paths.is_written_below(folder, job) else folder


def waiting() -> list[Path]:
    """Folders of takes in places where they don't stay (`output.passing_roots`), each once. The disk isn't touched."""
    roots = output.passing_roots()
    return list(dict.fromkeys(unit_of(take) for take in all_takes() if output.passing_root(take.path(), roots)))


def outside() -> list[Path]:
    """Folders of takes that are neither in the .blend's folder nor in their scene's output folder, each once."""
    found: dict[Path, None] = {}
    roots = output.passing_roots()
    own = [Path(bpy.data.filepath).parent] if bpy.data.filepath else []
    for scene in own_scenes():
        places = [*own, output.output_folder(settings_of(scene).output_dir)]
        for take in settings_of(scene).takes:
            if take.status not in ("MISSING", "UNSEEN"):
                unit = unit_of(take)
                kept = any(paths.is_written_below(unit, place) for place in places)
                if not kept or output.passing_root(unit, roots) is not None:
                    found[unit] = None
    return list(found)


def target_of(unit: Path, blend: str) -> Path:
    """Where a folder of takes belongs when the .blend is at ``blend``: in the output folder of the scene that lists it.

    An output folder that isn't allowed is not used; the takes then go beside the .blend.
    """
    listed = (settings_of(scene) for scene in own_scenes())
    chosen = next((one.output_dir for one in listed if any(unit_of(take) == unit for take in one.takes)), "")
    folder = output.output_folder(chosen, blend)
    beside = paths.is_below(folder, Path(blend).parent)
    if not beside and not (trusted.is_trusted(folder) and output.passing_root(folder) is None):
        folder = output.output_folder("", blend)
    return folder / unit.parent.name / unit.name if unit.parent.name in _SUBFOLDERS else folder / unit.name


# ------------------------------------------------------------------------------------------------- all that follows
def redirect(old: Path, new: Path) -> None:
    """Let all that this file says about the folder ``old`` say ``new``."""
    for take in all_takes():
        for name in ("folder", "job", "home"):
            moved = _moved(getattr(take, name), old, new)
            if moved is not None:
                setattr(take, name, str(moved) if name == "home" else take_list.stored_path(moved))
        take.refresh_status()
    for scene in own_scenes():
        for strip in compat.all_strips(scene):
            if strip.type in ("IMAGE", "MOVIE"):
                _redirect(strip, "directory" if strip.type == "IMAGE" else "filepath", old, new)
        for owner in (settings_of(scene), *queue_settings_of(scene).characters):
            _redirect(owner, "portrait_file", old, new)
        for name in FILMS:
            _redirect(settings_of(scene), name, old, new)
    for block in (*bpy.data.sounds, *bpy.data.images, *bpy.data.movieclips):
        if block.library is None:
            _redirect(block, "filepath", old, new)
    for action in bpy.data.actions:
        if action.library is None and action.get(FACTS) is not None:
            facts = nla.facts_of(action)
            changed = {name: _moved(facts.get(name, ""), old, new) for name in ("folder", "job")}
            if any(changed.values()):
                nla.set_facts(action, facts | {name: str(path) for name, path in changed.items() if path})


def note_in_actions(take: SoliloquyTake) -> None:
    """Store where the take and its job are in the take's Actions."""
    nla.annotate(take.key, folder=str(take.path()), job=str(take.job_path()))


def _redirect(owner: Any, name: str, old: Path, new: Path) -> None:
    stored = getattr(owner, name)
    moved = _moved(stored, old, new)
    if moved is None:
        return
    relative = stored.startswith("//") or preferences_of(bpy.context).filepaths.use_relative_paths
    setattr(owner, name, (take_list.stored_path(moved) if relative else str(moved)) + _tail(stored))


def _tail(stored: str) -> str:
    """The separator at the end of a folder's path, as Blender stores it."""
    return stored[-1] if stored.endswith(("/", "\\")) else ""


def _moved(stored: str, old: Path, new: Path) -> Path | None:
    """A stored path that leads into ``old`` as one that leads into ``new``; None for another path."""
    if not stored:
        return None
    path = os.path.normpath(bpy.path.abspath(stored))
    if paths.is_written_below(path, old):
        return new / os.path.relpath(path, os.path.normpath(old))
    if paths.is_network(path) or not paths.is_below(path, old):
        return None
    return new / os.path.relpath(paths.canonical(path), paths.canonical(old))


# ------------------------------------------------------------------------------------------------------------ moving
def carry(unit: Path, blend: str, *, link: bool) -> Generator[float, None, tuple[Path, bool]]:
    """Copy a folder of takes to where it belongs; yields the share that is done.

    Returns its place there, and whether it was made just now. Raises SoliloquyError ``take_busy`` if a worker works on
    it, and the errors of `carrying.copy`.
    """
    with carrying.locked(unit) as free:
        if not free:
            raise SoliloquyError(
                "take_busy", say("A worker is making takes in {folder}.", folder=unit), say("Wait until it has ended.")
            )
        target, there = carrying.free_target(unit, target_of(unit, blend))
        if not there:
            yield from carrying.copy(unit, target, link=link)
        return target, not there


def collect(units: Iterable[Path]) -> Generator[str, None, tuple[int, list[str]]]:
    """Bring folders of takes into the project, one after another; yields sentences about the progress.

    Those that wait for a place are moved. Others are copied, because another .blend may use them. Returns how many came
    and what prevented the others; each folder is either there with all that follows it, or unchanged.
    """
    came, problems = 0, []
    for unit in units:
        try:
            yield from _collect(unit)
        except SoliloquyError as error:
            problems.append(str(error))
        else:
            came += 1
    return came, problems


def _collect(unit: Path) -> Generator[str, None, None]:
    moves, blend = output.passing_root(unit) is not None, bpy.data.filepath
    link = moves and carrying.can_link(unit, target_of(unit, blend).parent)
    target, _ = yield from changed_steps(
        carry(unit, blend, link=link),
        lambda share: say("Collecting takes: {folder}, {share:.0%}", folder=unit.name, share=share),
    )
    redirect(unit, target)
    if moves:
        carrying.release(unit, target)


def heal() -> int:
    """Follow takes whose folder was moved by another file, or before an undo; returns how many folders were found."""
    found = 0
    for unit in waiting():
        new = output.now_at(unit)
        if new != unit and is_folder(new):
            redirect(unit, new)
            found += 1
    return found
