"""How the scene reacts when a property changes: strips, NLA tracks and bones follow at once."""

from __future__ import annotations

from ..animation import nla, styles
from ..properties import output, trusted
from ..properties.changes import Change
from ..properties.scene import (
    OPINION_CHANGED,
    OUTPUT_CHOSEN,
    SHOWN_CHANGED,
    TAKE_CHOSEN,
    TAKE_RENAMED,
    SoliloquySettings,
    SoliloquyTake,
    settings_of,
)
from ..properties.style import STYLE_CHANGED, SoliloquyStyle
from ..properties.targets import LOOK_CHANGED, SoliloquyTarget
from ..sequencer.speech import rate_of
from ..typed import owning_scene
from . import showing, takes

_CHANGES: tuple[Change, ...] = (
    *(TAKE_CHOSEN, SHOWN_CHANGED, TAKE_RENAMED, OPINION_CHANGED, OUTPUT_CHOSEN),
    *(STYLE_CHANGED, LOOK_CHANGED),
)


def _choose_take(settings: SoliloquySettings) -> None:
    """Show the chosen take and hide the other takes of the same speech."""
    showing.choose(owning_scene(settings))


def _apply_shown(take: SoliloquyTake) -> None:
    """Strip and NLA tracks follow the eye in the list."""
    showing.apply_shown(owning_scene(take), take)


def _note_opinion(take: SoliloquyTake) -> None:
    """Store star and note in the take's Actions."""
    nla.annotate(take.key, star=take.star, note=take.note)


def _trust_output(settings: SoliloquySettings) -> None:
    """The folder that the user chose for takes may be used from now on."""
    if settings.output_dir.strip():
        trusted.allow(output.output_folder(settings.output_dir))


def _apply_style(style: SoliloquyStyle) -> None:
    """The take's tracks follow its style at once."""
    scene = owning_scene(style)
    take = next((take for take in settings_of(scene).takes if take.style == style), None)
    if take is not None:
        styles.apply(take, rate_of(scene))


def _look_at(target: SoliloquyTarget) -> None:
    """The eye bones of the target's takes follow the object that it looks at."""
    styles.look_at(target)


def register() -> None:
    """Act on changes from now on."""
    TAKE_CHOSEN.handler = _choose_take
    SHOWN_CHANGED.handler = _apply_shown
    TAKE_RENAMED.handler = takes.rename
    OPINION_CHANGED.handler = _note_opinion
    OUTPUT_CHOSEN.handler = _trust_output
    STYLE_CHANGED.handler = _apply_style
    LOOK_CHANGED.handler = _look_at


def unregister() -> None:
    """Act on them no longer."""
    for change in _CHANGES:
        change.handler = None
