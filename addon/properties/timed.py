"""Lists of settings at times: entries that have ``seconds``, in the order of their times."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ...core.motion.channels import FPS
from ..typed import declarations

_SAME = 0.5 / FPS
"""Seconds by which two times may differ and still be the same motion frame."""
Wanted = TypeVar("Wanted")


def time_property() -> Any:
    """A property for the time of an entry."""
    return declarations.FloatProperty(
        name="Time",
        description="Seconds from where the speech begins",
        min=0.0,
        precision=2,
        step=4,
        unit="TIME_ABSOLUTE",
    )


def wanted_in_order(entries: Iterable[Any], wanted: Callable[[Any], Wanted]) -> tuple[Wanted, ...]:
    """The entries for the worker, in the order of their times."""
    return tuple(wanted(entry) for entry in sorted(entries, key=lambda entry: entry.seconds))


def place_of(entries: Any, seconds: float) -> int:
    """Place in a collection of the entry at a time; a new one in the order of times if there is none."""
    for place, entry in enumerate(entries):
        if abs(entry.seconds - seconds) <= _SAME:
            return place
    entries.add().seconds = seconds
    place = sum(entry.seconds < seconds for entry in entries)
    entries.move(len(entries) - 1, place)
    return place
