"""Takes in the scene: list new takes, put them into the sequencer and on the targets, show one at a time."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import BadInputError, SoliloquyError
from ...core.wire.protocol import TakeReady
from .. import compat
from ..animation import bake, nla, styles
from ..animation.motion_file import load_motion
from ..jobs import estimate
from ..jobs.jobs import Job
from ..properties.scene import SoliloquyTake, settings_of
from ..properties.targets import SoliloquyTarget
from ..sequencer import speech, strips
from ..sequencer.speech import Speech
from ..typed import owning_scene, there
from ..words import say

_FACTS = (
    "index",
    "seed",
    "frame_count",
    "fps",
    "has_frames",
    "audio_start",
    "audio_strip",
    "origin",
    "channel",
    "imported",
    "character",
    "preview",
    "star",
    "note",
)
"""Fields of a take that its Actions store too, so that the list can be rebuilt from a rig (`from_rigs`)."""


def stored_path(path: str | Path) -> str:
    """``path`` as the .blend stores it: relative if it is in the folder of the saved file or below."""
    if bpy.data.filepath:
        home = Path(bpy.data.filepath).parent
        if Path(path).is_relative_to(home):
            return bpy.path.relpath(str(path))
    return str(path)


def new_key() -> str:
    """A key that no other take has."""
    return secrets.token_hex(8)


def index_of(scene: bpy.types.Scene, key: str) -> int:
    """Position of the take with that key, −1 if there is none."""
    return next((i for i, take in enumerate(settings_of(scene).takes) if take.key == key), -1) if key else -1


def add_take(scene: bpy.types.Scene, ready: TakeReady, spoken: Speech) -> SoliloquyTake:
    """Add a finished take to the list, or update the entry of the same take.

    The same speech on another strip is the same take on disk, but has an entry of its own.
    """
    settings = settings_of(scene)
    folder = Path(ready.folder)
    same = [take for take in settings.takes if take.path() == folder]
    take = next((take for take in same if take.audio_strip == spoken.strip), None)
    if take is None:  # an entry whose strip is gone
        take = next((take for take in same if strips.find_strip(scene, take.audio_strip) is None), None)
    if take is None:
        take = settings.takes.add()
        take.key = new_key()
        take.name = f"Take {ready.index}"
    take.index, take.seed = ready.index, ready.seed
    take.folder, take.job, take.home = stored_path(folder), stored_path(ready.job), str(folder)
    take.frame_count, take.fps = ready.frame_count, ready.fps
    take.has_frames = ready.frames is not None
    take.audio_start, take.audio_strip = ready.start, spoken.strip
    take.origin, take.channel, take.character = float(spoken.origin), spoken.channel, spoken.character
    take.refresh_status()
    return take


def arrive(scene: bpy.types.Scene, job: Job, ready: TakeReady) -> Iterator[object]:
    """Add a finished take to the list, put its frames into the sequencer and bake it, in steps.

    If a target can't be keyed, the take is kept, and the job's notices say what is wrong.
    """
    take = add_take(scene, ready, there(job.spoken, "speech for the take"))
    key = take.key
    take.note = take.note or job.note
    if getattr(job.request, "preview", None) is not None:
        take.preview, take.name = True, "Preview"
    estimate.learn(Path(ready.folder))
    drop_previews(scene, key)
    yield None
    if ready.frames is not None:
        yield from place_take(scene, index_of(scene, key))
    settings_of(scene).active_take = index_of(scene, key)
    if settings_of(scene).bake_on_arrival:
        try:
            yield from bake_take(scene, index_of(scene, key))
        except SoliloquyError as error:
            job.notices.append(say("Not baked: {error}", error=error))


def drop_previews(scene: bpy.types.Scene, key: str) -> None:
    """Remove the previews of a take's speech from the list, the sequencer and the targets: the take replaces them."""
    listed = settings_of(scene).takes
    take = listed[index_of(scene, key)]
    same = (take.audio_strip, take.audio_start, take.character, take.origin)
    for other in [other.key for other in listed if other.preview and other.key != key]:
        index = index_of(scene, other)
        preview = listed[index]
        if (preview.audio_strip, preview.audio_start, preview.character, preview.origin) == same:
            remove_take(scene, index)


def targets_for(scene: bpy.types.Scene, take: SoliloquyTake) -> list[SoliloquyTarget]:
    """Targets in use on which the take is baked: those of its character, and those without a character."""
    return [
        target
        for target in settings_of(scene).targets
        if target.use and target.thing is not None and target.character in ("", take.character)
    ]


def place_take(scene: bpy.types.Scene, index: int) -> Iterator[object]:
    """Put the take's frames into the sequencer, in sync with its sound, in steps; replaces its earlier strip."""
    take = settings_of(scene).takes[index]
    if take.status != "READY":
        raise BadInputError(
            "take_missing", say("{take} has no frames on disk.", take=take.name), say("Render it again.")
        )
    strips.remove_strip(scene, take.image_strip)
    strip = None
    for strip in strips.image_strip(
        scene,
        strip_name(take),
        take.path() / "frames",
        take.frame_count,
        timing_of(scene, take),
        take.channel + 1,
    ):
        yield strip
    take.image_strip = strips.link(scene, strip)
    apply_shown(scene, take)


def strip_name(take: SoliloquyTake) -> str:
    """Name of the take's image strip."""
    return f"{take.name} (seed {take.seed})"


def rename(take: SoliloquyTake) -> None:
    """Rename strip and NLA tracks like the take."""
    nla.rename(take.key, take.name)
    strip = strips.find_strip(owning_scene(take), take.image_strip)
    if strip is not None:
        strip.name = strip_name(take)


def bake_take(scene: bpy.types.Scene, index: int) -> Generator[None, None, list[tuple[str, bake.Baked]]]:
    """Key the take on every target in use, in steps; returns the targets' names with what was baked."""
    settings = settings_of(scene)
    take = settings.takes[index]
    done = []
    motion = None
    for target in targets_for(scene, take):
        motion = motion or load_motion(take.path() / "motion.npz")
        timing = timing_of(scene, take)
        baked = yield from bake.bake(
            target.thing,
            target.wanted_rules(),
            motion,
            timing,
            take.key,
            take.name,
            settings.tolerance,
            about(take),
        )
        done.append((target.thing.name, baked))
    styles.apply(settings.takes[index], speech.rate_of(scene))
    apply_shown(scene, settings.takes[index])
    return done


def about(take: SoliloquyTake) -> dict[str, Any]:
    """What a take's Actions store about it."""
    facts = {name: getattr(take, name) for name in _FACTS}
    return facts | {"name": take.name, "folder": str(take.path()), "job": str(take.job_path())}


def timing_of(scene: bpy.types.Scene, take: SoliloquyTake) -> speech.Timing:
    """The take's current place on the timeline."""
    return speech.take_timing(scene, take.audio_strip, take.audio_start, take.origin)


def follow_sound(scene: bpy.types.Scene, take: SoliloquyTake) -> None:
    """Move the take's baked keys to the current place of its sound."""
    origin = timing_of(scene, take).origin
    for track in nla.tracks_of(take.key)[:1]:
        facts = nla.facts_of(track.action)
        if "origin" in facts:
            nla.move(take.key, origin - facts["origin"] - facts.get("placed", 0.0))


# ------------------------------------------------------------------------------------------------- showing, comparing


def apply_shown(scene: bpy.types.Scene, take: SoliloquyTake) -> None:
    """Mute or unmute the take's image strip and NLA tracks."""
    strip = strips.find_strip(scene, take.image_strip)
    if strip is not None and strip.mute == take.shown:
        strip.mute = not take.shown
    nla.set_shown(take.key, take.shown)


def choose(scene: bpy.types.Scene) -> None:
    """Show the active take and hide the others of its speech; the take shown before becomes the other one of A/B."""
    settings = settings_of(scene)
    take = active_take(scene)
    if take is None:
        return
    if take.key != settings.shown_take:
        settings.other_take, settings.shown_take = settings.shown_take, take.key
    for other in settings.takes:
        wanted = other == take
        if other.job == take.job and other.shown != wanted:
            other.shown = wanted


def other_take(scene: bpy.types.Scene) -> SoliloquyTake | None:
    """The take that A/B would switch to."""
    settings = settings_of(scene)
    index = index_of(scene, settings.other_take)
    return settings.takes[index] if index not in (-1, settings.active_take) else None


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


# ---------------------------------------------------------------------------------------------------- the list itself


def duplicate_take(scene: bpy.types.Scene, index: int) -> Iterator[object]:
    """Add a second entry for the take with its own Actions and strip, to edit it without losing the first."""
    settings = settings_of(scene)
    old = settings.takes[index]
    old_key, has_strip = old.key, strips.find_strip(scene, old.image_strip) is not None
    fields = {p.identifier: getattr(old, p.identifier) for p in old.bl_rna.properties if not p.is_readonly}
    style = {p.identifier: getattr(old.style, p.identifier) for p in old.style.bl_rna.properties if not p.is_readonly}
    take = settings.takes.add()
    take.key = key = new_key()
    for name, value in (fields | {"key": key, "name": free_name(scene, old.name), "image_strip": ""}).items():
        setattr(take, name, value)
    for name, value in style.items():
        setattr(take.style, name, value)
    settings.takes.move(len(settings.takes) - 1, index + 1)
    nla.copy(old_key, key, settings.takes[index + 1].name)
    yield None
    if has_strip:
        yield from place_take(scene, index + 1)
    settings.active_take = index + 1


def free_name(scene: bpy.types.Scene, name: str) -> str:
    """``Take 2`` → ``Take 2 copy``, ``Take 2 copy 2``, …"""
    taken = {take.name for take in settings_of(scene).takes}
    stem = name.partition(" copy")[0]
    names = (f"{stem} copy" + (f" {k}" if k > 1 else "") for k in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def remove_take(scene: bpy.types.Scene, index: int) -> None:
    """Remove the take from the list, the sequencer and every target; its files stay on disk."""
    settings = settings_of(scene)
    take = settings.takes[index]
    strips.remove_strip(scene, take.image_strip)
    unbake(take.key)
    settings.takes.remove(index)
    settings.active_take = min(settings.active_take, len(settings.takes) - 1)


def unbake(key: str) -> int:
    """Remove the baked keys of a take; returns from how many data-blocks."""
    found = nla.tracks_of(key)
    for track in found:
        nla.remove(track)
    return len(found)


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
        for name in _FACTS:
            if name in facts:
                setattr(take, name, facts[name])
        take.home = str(facts.get("folder", ""))
        take.folder, take.job = stored_path(take.home), stored_path(facts.get("job", ""))
        take.shown = not track.track.mute
        take.refresh_status()
        known.add(track.key)
        added += 1
    return added


def fit_frame_range(scene: bpy.types.Scene) -> None:
    """End the scene's frame range with its last strip."""
    ends = [compat.right_handle(strip) for strip in compat.all_strips(scene)]
    scene.frame_end = max([scene.frame_start, *(end - 1 for end in ends)])
