"""Takes in the scene: put them into the sequencer and on the targets, duplicate and remove them."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
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
from ..rig import targets
from ..sequencer import phone_lane, speech, strips
from ..typed import owning_scene, preferences_of, there
from ..words import say
from . import showing, take_list


def arrive(scene: bpy.types.Scene, job: Job, ready: TakeReady) -> Iterator[object]:
    """Add a finished take to the list, put its frames into the sequencer and bake it, in steps.

    If a target can't be keyed, the take is kept, and the job's notices say what is wrong.
    """
    take = take_list.add_take(scene, ready, there(job.spoken, "speech for the take"))
    key = take.key
    take.note = take.note or job.note
    take.articulation, take.transcript = take_list.mouth_of(scene, job.request, Path(ready.job))
    if getattr(job.request, "preview", None) is not None:
        take.preview, take.number, take.name = True, 0, "Preview"
    estimate.learn(Path(ready.folder))
    drop_previews(scene, key)
    yield None
    if ready.frames is not None:
        yield from place_take(scene, take_list.index_of(scene, key))
    settings_of(scene).active_take = take_list.index_of(scene, key)
    if settings_of(scene).bake_on_arrival:
        try:
            yield from bake_take(scene, take_list.index_of(scene, key))
        except SoliloquyError as error:
            job.notices.append(say("Not baked: {error}", error=error))


def drop_previews(scene: bpy.types.Scene, key: str) -> None:
    """Remove the previews of a take's speech from the list, the sequencer and the targets: the take replaces them."""
    listed = settings_of(scene).takes
    take = listed[take_list.index_of(scene, key)]
    same = (take.audio_strip, take.audio_start, take.character, take.origin)
    for other in [other.key for other in listed if other.preview and other.key != key]:
        index = take_list.index_of(scene, other)
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
    if preferences_of(bpy.context).filepaths.use_relative_paths:
        there(strip, "image strip").directory = take_list.stored_path(take.path() / "frames") + "/"
    compat.draw_again(strip)
    showing.apply_shown(scene, take)


def strip_name(take: SoliloquyTake) -> str:
    """Name of the take's image strip."""
    return f"{take.name} (seed {take.seed})"


def rename(take: SoliloquyTake) -> None:
    """Rename strip and NLA tracks like the take."""
    nla.rename(take.key, take.name)
    strip = strips.find_strip(owning_scene(take), take.image_strip)
    if strip is not None:
        strip.name = strip_name(take)


def unbaked(scene: bpy.types.Scene) -> dict[str, list[SoliloquyTarget]]:
    """The targets in use that lack a take which belongs on them, by the take's key; only takes that lack on one."""
    have = {
        target.thing: {
            track.key
            for block in (target.thing, *targets.shape_keys_on(target.thing))
            for track in nla.tracks_on(block)
        }
        for target in settings_of(scene).targets
        if target.use and target.thing is not None and not targets.why_not(target.thing)
    }
    found = {}
    for take in settings_of(scene).takes:
        usable = not take.preview and not take_list.why_gone(take)
        lacking = [target for target in targets_for(scene, take) if take.key not in have.get(target.thing, {take.key})]
        if usable and lacking:
            found[take.key] = lacking
    return found


def bake_take(
    scene: bpy.types.Scene, index: int, only: Collection[bpy.types.Object] | None = None
) -> Generator[None, None, list[tuple[str, bake.Baked]]]:
    """Key the take on every target in use, in steps; returns the targets' names with what was baked.

    ``only`` names the objects of the targets on which it is baked; the others stay as they are.
    """
    settings = settings_of(scene)
    take = settings.takes[index]
    done = []
    motion = None
    for target in targets_for(scene, take):
        if only is not None and target.thing not in only:
            continue
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
    showing.apply_shown(scene, settings.takes[index])
    return done


def about(take: SoliloquyTake) -> dict[str, Any]:
    """What a take's Actions store about it."""
    facts = {name: getattr(take, name) for name in take_list.FACTS}
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


def duplicate_take(scene: bpy.types.Scene, index: int) -> Iterator[object]:
    """Add a second entry for the take with its own Actions and strip, to edit it without losing the first."""
    settings = settings_of(scene)
    old = settings.takes[index]
    old_key, has_strip = old.key, strips.find_strip(scene, old.image_strip) is not None
    fields = {p.identifier: getattr(old, p.identifier) for p in old.bl_rna.properties if not p.is_readonly}
    style = {p.identifier: getattr(old.style, p.identifier) for p in old.style.bl_rna.properties if not p.is_readonly}
    take = settings.takes.add()
    take.key = key = take_list.new_key()
    for name, value in (fields | {"key": key, "name": take_list.free_name(scene, old.name), "image_strip": ""}).items():
        setattr(take, name, value)
    for name, value in style.items():
        setattr(take.style, name, value)
    settings.takes.move(len(settings.takes) - 1, index + 1)
    nla.copy(old_key, key, settings.takes[index + 1].name)
    yield None
    if has_strip:
        yield from place_take(scene, index + 1)
    settings.active_take = index + 1


def remove_take(scene: bpy.types.Scene, index: int) -> None:
    """Remove the take from the list, the sequencer and every target; its files stay on disk."""
    settings = settings_of(scene)
    take = settings.takes[index]
    strips.remove_strip(scene, take.image_strip)
    phone_lane.remove(scene, take.key)
    unbake(take.key)
    settings.takes.remove(index)
    settings.active_take = min(settings.active_take, len(settings.takes) - 1)


def unbake(key: str) -> int:
    """Remove the baked keys of a take; returns from how many data-blocks."""
    found = nla.tracks_of(key)
    for track in found:
        nla.remove(track)
    return len(found)


def fit_frame_range(scene: bpy.types.Scene) -> None:
    """End the scene's frame range with its last strip."""
    ends = [compat.right_handle(strip) for strip in compat.all_strips(scene)]
    scene.frame_end = max([scene.frame_start, *(end - 1 for end in ends)])
