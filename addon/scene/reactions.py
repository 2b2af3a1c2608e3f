"""What the scene does when a property changes: strips, NLA tracks and bones follow at once."""

from __future__ import annotations

from ..animation import nla, styles
from ..properties.changes import Change
from ..properties.scene import (
    OPINION_CHANGED,
    SHOWN_CHANGED,
    TAKE_CHOSEN,
    TAKE_RENAMED,
    SoliloquySettings,
    SoliloquyTake,
)
from ..properties.style import STYLE_CHANGED, SoliloquyStyle
from ..properties.targets import LOOK_CHANGED
from ..sequencer.speech import rate_of
from . import takes

_CHANGES: tuple[Change, ...] = (
    *(TAKE_CHOSEN, SHOWN_CHANGED, TAKE_RENAMED, OPINION_CHANGED),
    *(STYLE_CHANGED, LOOK_CHANGED),
)


def _choose_take(settings: SoliloquySettings) -> None:
    """Show the chosen take and silence the other takes of the same speech, as one compares shots."""
    takes.choose(settings.id_data)


def _apply_shown(take: SoliloquyTake) -> None:
    """Strip and NLA tracks follow the eye in the list."""
    takes.apply_shown(take.id_data, take)


def _note_opinion(take: SoliloquyTake) -> None:
    """Star and note go where the take's Actions go."""
    nla.annotate(take.key, star=take.star, note=take.note)


def _apply_style(style: SoliloquyStyle) -> None:
    """The take's tracks follow its style at once."""
    scene = style.id_data
    take = next((take for take in scene.soliloquy.takes if take.style == style), None)
    if take is not None:
        styles.apply(take, rate_of(scene))


def register() -> None:
    """Act on changes from now on."""
    TAKE_CHOSEN.handler = _choose_take
    SHOWN_CHANGED.handler = _apply_shown
    TAKE_RENAMED.handler = takes.rename
    OPINION_CHANGED.handler = _note_opinion
    STYLE_CHANGED.handler = _apply_style
    LOOK_CHANGED.handler = styles.look_at


def unregister() -> None:
    """Act on them no longer."""
    for change in _CHANGES:
        change.handler = None
