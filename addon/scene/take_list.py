"""The list of takes in a scene: its entries, their names and numbers, and which take is chosen."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import bpy

from ...core.errors import BadInputError
from ...core.motion.channels import LIP_GROUPS
from ...core.wire.protocol import Generate, Request, Resample, TakeReady, UpdateLips
from ..animation import nla
from ..properties import trusted
from ..properties.scene import SoliloquyTake, settings_of
from ..sequencer import strips
from ..sequencer.speech import Speech
from ..storage import identity, paths
from ..words import say

FACTS = (
    *("index", "number", "seed", "frame_count", "fps", "has_frames", "audio_start", "audio_strip", "origin", "channel"),
    *("imported", "character", "preview", "star", "note", "job_id", "articulation", "transcript", "temperament"),
)
"""Fields of a take that its Actions store too, so that the list can be rebuilt from a rig (`from_rigs`)."""
_NUMBERED = re.compile(r"Take (\d{1,6})\b")


def stored_path(path: str | Path, blend: str | None = None) -> str:
    """``path`` as the .blend stores it: relative if it is in the folder of the saved file or below.

    ``blend`` is the path of the .blend, by default that of the open one; empty if it isn't saved.
    """
    blend = bpy.data.filepath if blend is None else blend
    if blend and Path(path).is_relative_to(Path(blend).parent):
        return bpy.path.relpath(str(path), start=str(Path(blend).parent))
    return str(path)


def new_key() -> str:
    """A key that no other take has."""
    return secrets.token_hex(8)


def complete(take: SoliloquyTake) -> None:
    """Add what entries in files of version 0.1 lack: a key, and the job's identifier if its folder is there."""
    take.key = take.key or new_key()
    if take.job and not take.job_id and not why_gone(take) and trusted.may_look(take.job_path()):
        take.job_id = identity.job_of(take.job_path())


def index_of(scene: bpy.types.Scene, key: str) -> int:
    """Position of the take with that key, −1 if there is none."""
    return next((i for i, take in enumerate(settings_of(scene).takes) if take.key == key), -1) if key else -1


def active_take(scene: bpy.types.Scene) -> SoliloquyTake | None:
    """The take chosen in the list, or None."""
    settings = settings_of(scene)
    if 0 <= settings.active_take < len(settings.takes):
        return settings.takes[settings.active_take]
    return None


def chosen_take(scene: bpy.types.Scene) -> SoliloquyTake:
    """The take chosen in the list. Raises BadInputError ``no_take`` if there is none."""
    take = active_take(scene)
    if take is None:
        raise BadInputError("no_take", say("No take is chosen in the list") + ".")
    return take


def why_gone(take: SoliloquyTake) -> str:
    """Why the take's files can't be used, for tooltips and the panel; empty when they can."""
    if take.status == "UNSEEN":
        return say("The chosen take is on another computer: allow its folder first")
    return say("The chosen take's folder is gone from the disk") if take.status == "MISSING" else ""


def other_take(scene: bpy.types.Scene) -> SoliloquyTake | None:
    """The take that A/B would switch to."""
    settings = settings_of(scene)
    index = index_of(scene, settings.other_take)
    return settings.takes[index] if index not in (-1, settings.active_take) else None


def add_take(scene: bpy.types.Scene, ready: TakeReady, spoken: Speech) -> SoliloquyTake:
    """Add a finished take to the list, or update the entry of the same take.

    The same speech on another strip is the same take on disk, but has an entry of its own.
    """
    settings = settings_of(scene)
    folder = Path(ready.folder)
    same = [take for take in settings.takes if paths.same(take.path(), folder)]
    take = next((take for take in same if take.audio_strip == spoken.strip), None)
    if take is None:  # an entry whose strip is gone
        take = next((take for take in same if strips.find_strip(scene, take.audio_strip) is None), None)
    if take is None:
        take = settings.takes.add()
        take.key = new_key()
        take.number = next_number(scene, spoken.strip, spoken.character)
        take.name = f"Take {take.number}"
    take.index, take.seed, take.temperament = ready.index, ready.seed, ready.temperament or ""
    take.folder, take.job, take.home = stored_path(folder), stored_path(ready.job), str(folder)
    take.job_id = identity.job_of(Path(ready.job))
    take.frame_count, take.fps = ready.frame_count, ready.fps
    take.has_frames = ready.frames is not None
    take.audio_start, take.audio_strip = ready.start, spoken.strip
    take.origin, take.channel, take.character = float(spoken.origin), spoken.channel, spoken.character
    take.refresh_status()
    return take


def mouth_of(scene: bpy.types.Scene, request: Request, job: Path) -> tuple[float, str]:
    """The articulation and the words that the takes of a request are made with, in the folder of a job.

    They are those of the request, or else of the take that it starts from. Where the lips are sampled again they are
    those of the job's first take.
    """
    if isinstance(request, Generate):
        return request.articulation, request.transcript
    of_job = [take for take in settings_of(scene).takes if paths.same(take.job_path(), job)]
    of_job.sort(key=lambda take: take.index)
    whole = isinstance(request, Resample) and (request.take is None or bool({*request.renew} & {*LIP_GROUPS}))
    number = None if whole else getattr(request, "take", None)
    source = next((take for take in of_job if number in (None, take.index)), None)
    articulation, words = (1.0, "") if source is None else (source.articulation, source.transcript)
    if isinstance(request, UpdateLips):
        articulation = articulation if request.articulation is None else request.articulation
        words = words if request.transcript is None else request.transcript
    return articulation, words


def next_number(scene: bpy.types.Scene, strip: str, character: str) -> int:
    """The number of a new take of a strip and a character: one more than the largest of those that they have.

    Takes in files of version 0.1 have no number. There the number is in the name, or it is that within the job.
    """
    spoken = speech_of(scene, strip, character)
    known = [0]
    for take in settings_of(scene).takes:
        if not take.preview and not take.imported and speech_of(scene, take.audio_strip, take.character) == spoken:
            named = _NUMBERED.match(take.name)
            known.append(take.number or (int(named[1]) if named else take.index))
    return max(known) + 1


def speech_of(scene: bpy.types.Scene, strip: str, character: str) -> tuple[str, str]:
    """What tells one speech from another: the name of its sound strip, whatever links to it, and who speaks."""
    found = strips.find_strip(scene, strip)
    return (strip if found is None else found.name), character


def free_name(scene: bpy.types.Scene, name: str) -> str:
    """``Take 2`` → ``Take 2 copy``, ``Take 2 copy 2``, …"""
    taken = {take.name for take in settings_of(scene).takes}
    stem = name.partition(" copy")[0]
    names = (f"{stem} copy" + (f" {k}" if k > 1 else "") for k in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def from_rigs(scene: bpy.types.Scene) -> int:
    """Add takes that are on rigs of the file but not in the list (the rig was appended); returns their number."""
    settings = settings_of(scene)
    known = {take.key for take in settings.takes}
    found = [(track, nla.facts_of(track.action)) for block in nla.blocks() for track in nla.tracks_on(block)]
    added = 0
    for track, facts in sorted(found, key=lambda one: one[1].get("index", 0)):
        if track.key in known or not facts:
            continue
        take = settings.takes.add()
        take.key, take.name = track.key, track.track.name
        for name in FACTS:
            if name in facts:
                setattr(take, name, facts[name])
        take.home = str(facts.get("folder", ""))
        take.folder, take.job = stored_path(take.home), stored_path(facts.get("job", ""))
        take.shown = not track.track.mute
        take.refresh_status()
        known.add(track.key)
        added += 1
    return added
