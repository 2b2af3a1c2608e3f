"""Phones of takes: from their files into lanes of the sequencer, and from lanes into files for the worker."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import BadInputError
from ...core.files import is_file
from ...core.phones.documents import EDITED, PHONES_FILE, PhoneDocument, phone_named, read_phones
from ...core.phones.phone_set import PHONES, SILENCE, Segment
from .. import compat
from ..properties.scene import SoliloquyTake
from ..sequencer import phone_lane
from ..sequencer.phone_frames import nearest_part
from ..sequencer.speech import write_once
from ..words import say
from . import takes


def of_take(take: SoliloquyTake) -> PhoneDocument:
    """The phones that a take was made with.

    Raises BadInputError ``phones_missing`` if the take has none, or the errors of `read_phones`.
    """
    path = take.path() / PHONES_FILE
    if not is_file(path):
        raise BadInputError(
            "phones_missing",
            say("{take} has no phones: it was imported, or made by an earlier version.", take=take.name),
            say("Generate it again, or import phones."),
        )
    return read_phones(path)


def show(
    scene: bpy.types.Scene, take: SoliloquyTake, document: PhoneDocument | None = None
) -> Generator[None, None, str]:
    """Make the take's lane, in steps; replaces an earlier one. Returns a sentence about what is shown.

    The phones are those of the take, or of ``document``. Of the take's own, a lane shows at most `phone_lane.MOST`: in
    the timeline's range, those nearest to the current frame. The others stay as they are.

    Raises
    ------
    BadInputError
        The errors of `of_take`, ``phones_silent`` if there is no phone to show, ``phones_many`` if ``document`` has
        more than a lane shows.
    """
    timing = takes.timing_of(scene, take)
    segments: Sequence[Segment] = (document or of_take(take)).segments
    part, told = phone_lane.EVERYTHING, say("Phones: {count}.", count=len(segments))
    if len(segments) > phone_lane.MOST:
        if document is not None:
            raise BadInputError(
                "phones_many",
                say("The file has {count} phones, and a lane shows {most}.", count=len(segments), most=phone_lane.MOST),
                say("Cut the speech into shorter strips."),
            )
        first, last = (
            (scene.frame_preview_start, scene.frame_preview_end + 1)
            if scene.use_preview_range
            else (scene.frame_start, scene.frame_end + 1)
        )
        shown = nearest_part(
            segments,
            *(timing.seconds(first), timing.seconds(last)),
            *(phone_lane.MOST, timing.seconds(scene.frame_current)),
        )
        part = _between(segments, shown)
        told = say(
            "{shown} of {count} phones, from frame {first} to {last}: set a preview range to see others.",
            shown=shown.stop - shown.start,
            count=len(segments),
            first=round(timing.scene_frame(segments[shown][0].start)) if segments[shown] else first,
            last=round(timing.scene_frame(segments[shown][-1].end)) if segments[shown] else last,
        )
        segments = segments[shown]
    if not segments:
        raise BadInputError(
            "phones_silent", say("There are no phones to show: nobody speaks here."), say("Choose another part.")
        )
    yield from phone_lane.lay_out(scene, take.key, segments, timing, take.channel + 1, part)
    return told


def read(scene: bpy.types.Scene, take: SoliloquyTake) -> PhoneDocument:
    """The phones of the take as its lane shows them; those that the lane doesn't show are the take's own.

    Raises BadInputError ``phones_hidden`` without a lane, and ``phone_unknown`` for a name that is no phone.
    """
    strips = phone_lane.strips_in(scene, take.key)
    if not strips:
        raise BadInputError(
            "phones_hidden", say("{take} shows no phones.", take=take.name), say("Press Show Phones first.")
        )
    _check_names(strips)
    found = phone_lane.read(strips, takes.timing_of(scene, take))
    spoken = [Segment(phone_named(one.phone), max(0.0, one.start), one.end) for one in found if one.end > 0.0]
    edited = PhoneDocument.of(EDITED, take.frame_count / take.fps, spoken)
    part = phone_lane.part_of(strips)
    return edited if part == phone_lane.EVERYTHING else of_take(take).with_part(edited, *part)


def current(scene: bpy.types.Scene, take: SoliloquyTake) -> PhoneDocument:
    """The phones of the take's lane, or those that it was made with if it has no lane."""
    return read(scene, take) if phone_lane.exists(scene, take.key) else of_take(take)


def follow(scene: bpy.types.Scene, take: SoliloquyTake) -> Iterator[None]:
    """Move the take's lane to the present place of its sound, in steps."""
    return phone_lane.follow(scene, take.key, takes.timing_of(scene, take))


def save(document: PhoneDocument, inputs: Path) -> Path:
    """Write phones into ``inputs`` under a name made of them; returns its path.

    Raises BadInputError ``output_unwritable``.
    """
    data = document.to_bytes()
    return write_once(inputs / f"phones-{hashlib.sha256(data).hexdigest()[:16]}.json", data)


def _check_names(strips: Sequence[Any]) -> None:
    for strip in strips:
        try:
            phone_named(phone_lane.name_of(strip))
        except ValueError as error:
            raise BadInputError(
                "phone_unknown",
                say(
                    "“{name}” at frame {frame} is no phone.",
                    name=phone_lane.name_of(strip),
                    frame=compat.left_handle(strip),
                ),
                say("The phones are {names}.", names=", ".join(name for name in PHONES if name != SILENCE)),
            ) from error


def _between(segments: Sequence[Segment], shown: slice) -> tuple[float, float]:
    """The part from the end of the phone before the shown ones to the start of the one after them, in seconds."""
    first, last = phone_lane.EVERYTHING
    return (
        segments[shown.start - 1].end if shown.start > 0 else first,
        segments[shown.stop].start if shown.stop < len(segments) else last,
    )
