"""Jobs between the queue and the scene: made from its strips, and their finished takes put back above them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ...core.batch import summary
from ...core.batch.job_list import Entry
from ...core.errors import BadInputError
from ...core.wire.protocol import TakeReady
from ..jobs import jobs
from ..properties import output, trusted
from ..properties.scene import settings_of
from ..properties.transcript import transcript_of_strip
from ..scene import characters, portrait, takes
from ..scene.request import request_for, speaker_of
from ..sequencer import hearing, speech, strips
from ..storage import paths
from ..words import say


def why_no_portrait(scene: bpy.types.Scene) -> str:
    """Why the active strip can't be queued, for a tooltip; empty when it can."""
    strip = speech.sound_strip(scene)
    if strip is None:
        return say("No sound strip is active: select one in the sequencer")
    if unheard := hearing.why_unheard(scene, strip):
        return unheard
    owner = characters.portrait_owner(scene, speaker_of(scene))
    return "" if portrait.has_portrait(owner) else say("No portrait is chosen")


def entry_of_strip(scene: bpy.types.Scene, strip: Any) -> Entry:
    """A job for a sound strip, with its words, its character's portrait and the scene's other settings.

    Raises BadInputError.
    """
    inputs = trusted.output_folder(settings_of(scene).output_dir) / "inputs"
    spoken = speech.speech_from_strip(scene, strip, inputs)
    request, who = request_for(scene, spoken, transcript_of_strip(strip)), spoken.character
    entry = Entry(f"{strip.name} – {who}" if who else strip.name, request, scene.name, strips.link(scene, strip), who)
    entry.made_from = entry.fingerprint()
    return entry


def entries_of_scene(scene: bpy.types.Scene) -> Iterator[Entry]:
    """A job for every audible strip whose character has a portrait. Raises BadInputError if there is none."""
    found = characters.assigned_strips(scene)
    if not found:
        raise BadInputError(
            "no_strip",
            say("No sound strip has a character with a portrait."),
            say("Add characters in the panel and assign strips to them."),
        )
    for strip in found:
        yield entry_of_strip(scene, strip)


def home_of(entry: Entry, otherwise: bpy.types.Scene) -> bpy.types.Scene:
    """The scene that an entry's takes go to."""
    return bpy.data.scenes.get(entry.scene) or otherwise


def arrive(entry: Entry, take: TakeReady, otherwise: bpy.types.Scene, notices: list[str]) -> Iterator[object]:
    """Put a finished take above its strip and on its character's targets, in steps.

    If the open file has no such strip, the take stays only on disk, and a notice says so once per entry.
    """
    scene, is_first = home_of(entry, otherwise), take == entry.takes[0]
    take = _where_it_is(take)
    strip = strips.find_strip(scene, entry.strip)
    if strip is None or strip.type != "SOUND":
        if entry.strip and is_first:
            notices.append(
                say(
                    "{job}: there is no strip “{strip}” in this file; its takes are only on disk.",
                    job=entry.name,
                    strip=entry.strip,
                )
            )
        return
    try:
        request = entry.wanted()
    except BadInputError:  # the file with its words is gone: only the list of takes would have shown them
        request = entry.request
    follows = "" if hearing.needs_mixdown(scene, strip) else strips.link(scene, strip)
    place = hearing.heard_frames(scene, strip)[0], follows, strip.channel, entry.character
    spoken = speech.Speech(Path(request.audio), request.start, request.duration, *place)
    job = jobs.Job(request, entry.name, scene.session_uid, spoken)
    yield from takes.arrive(scene, job, take)
    notices += job.notices


def _where_it_is(take: TakeReady) -> TakeReady:
    """The take in the folder where it is now: takes of an unsaved file move when that is saved."""
    return summary.moved_to(take, output.now_at(Path(take.folder)))


def unplaced(listed: list[Entry], scene: bpy.types.Scene) -> list[tuple[Entry, TakeReady]]:
    """Takes of the listed entries that belong to a strip of the open file but are not in its list of takes."""
    found = []
    for entry in listed:
        home = home_of(entry, scene)
        if entry.strip and strips.find_strip(home, entry.strip) is not None:
            of_strip = [take for take in settings_of(home).takes if take.audio_strip in ("", entry.strip)]
            here = {paths.canonical(take.path()) for take in of_strip}
            found += [(entry, take) for take in entry.takes if paths.canonical(_where_it_is(take).folder) not in here]
    return found
