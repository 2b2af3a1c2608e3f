"""Find the folders of takes that have moved, by what is written in them, and let the list and the strips follow."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import bpy

from ..properties.scene import SoliloquyTake, settings_of
from ..sequencer import strips
from ..storage import identity
from ..words import say
from . import take_folders, take_list


def missing() -> list[tuple[bpy.types.Scene, SoliloquyTake]]:
    """Takes whose folder is not where the list says."""
    return [
        (scene, take)
        for scene in take_folders.own_scenes()
        for take in settings_of(scene).takes
        if take.status in ("MISSING", "UNSEEN")
    ]


def relink(folder: Path) -> Generator[str, None, tuple[int, int]]:
    """Look in ``folder`` and below for the missing takes; yields sentences about the progress.

    Returns how many takes were found, and how many are still missing.
    """
    known: list[identity.Found] = []
    for looked, found in enumerate(identity.search(folder), 1):
        if found is not None:
            known.append(found)
        yield say("Looking for takes: folder {count}", count=looked)
    moved = 0
    for scene, take in missing():  # no step in between, because an undo would end these references
        match = next((found for found in known if is_take(found, take)), None)
        if match is not None:
            _follow(scene, take, match.folder)
            moved += 1
    return moved, len(missing())


def is_take(found: identity.Found, take: SoliloquyTake) -> bool:
    """Whether a folder on the disk holds the take of the list.

    A job is known by its identifier. An entry of an older file may lack it; then the name of the job's folder says it.
    """
    old = take.path()
    if take.imported and not found.job:
        return found.folder.name == old.name
    if found.index != take.index or found.seed != take.seed:
        return False
    job = take.job_id or identity.job_of(take.job_path())
    return found.job == job if job and found.job else found.folder.parent.name == old.parent.name


def _follow(scene: bpy.types.Scene, take: SoliloquyTake, folder: Path) -> None:
    """Let a take, its strip and its Actions lead to another folder."""
    key, old, old_job = take.key, take.path(), take.job_path() if take.job else None
    was_in_job = take_folders.unit_of(take) == old_job
    strip = strips.find_strip(scene, take.image_strip)
    take_folders.redirect(old, folder)
    take = settings_of(scene).takes[take_list.index_of(scene, key)]
    take.folder, take.home = take_list.stored_path(folder), str(folder)
    if was_in_job and old_job is not None:
        take.job = take_list.stored_path(folder.parent)
        take_folders.note_in_actions(take)
    if strip is not None and strip.type == "IMAGE":  # Blender may have changed its path when the file was saved
        strip.directory = take_list.stored_path(folder / "frames")
    take.refresh_status()
