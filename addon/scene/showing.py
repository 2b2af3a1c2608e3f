"""Which takes are seen: only the chosen one, or those whose eye is on."""

from __future__ import annotations

import bpy

from .. import compat
from ..animation import nla
from ..properties.scene import SoliloquyTake, settings_of
from ..sequencer import speech, strips
from . import take_list

_TOUCH = 0.5
"""Scene frames that two takes may share when one follows the other; their places are rounded."""


def apply_shown(scene: bpy.types.Scene, take: SoliloquyTake) -> None:
    """Mute or unmute the take's image strip and NLA tracks."""
    strip = strips.find_strip(scene, take.image_strip)
    if strip is not None and strip.mute == take.shown:
        strip.mute = not take.shown
        compat.draw_again(strip)
    nla.set_shown(take.key, take.shown)


def choose(scene: bpy.types.Scene) -> None:
    """Show the active take and hide the others of its speech; the take shown before becomes the other one of A/B."""
    settings = settings_of(scene)
    take = take_list.active_take(scene)
    if take is None:
        return
    if take.key != settings.shown_take:
        settings.other_take, settings.shown_take = settings.shown_take, take.key
    for other in settings.takes:
        wanted = other == take
        if other.shown != wanted and (wanted or are_rivals(scene, take, other)):
            other.shown = wanted


def are_rivals(scene: bpy.types.Scene, first: SoliloquyTake, second: SoliloquyTake) -> bool:
    """Whether only one of two takes should be seen: the same character speaks the same sound at the same time.

    The job says nothing about this: with another size or another portrait the same line becomes another job. A take
    whose sound has no strip (a mix, a strip with a changed speed, or one that is gone) is compared by time only.
    """
    if first.character != second.character:
        return False
    sounds = [strips.find_strip(scene, take.audio_strip) for take in (first, second)]
    if None not in sounds and sounds[0] != sounds[1]:
        return False
    (begin, end), (other_begin, other_end) = _span(scene, first), _span(scene, second)
    return begin + _TOUCH < other_end and other_begin + _TOUCH < end


def _span(scene: bpy.types.Scene, take: SoliloquyTake) -> tuple[float, float]:
    """First scene frame of the take now, and the one after its last; a take of no length counts as one frame."""
    timing = speech.take_timing(scene, take.audio_strip, take.audio_start, take.origin)
    length = take.frame_count / max(take.fps, 1e-6) * speech.rate_of(scene)
    return timing.origin, timing.origin + max(length, 1.0)
