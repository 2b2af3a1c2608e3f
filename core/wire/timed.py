"""Settings at times, in the order of their times. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from ..errors import BadInputError
from ..motion.channels import FPS


class _Timed(Protocol):
    @property
    def seconds(self) -> float: ...


Entry = TypeVar("Entry", bound=_Timed)


def within_sound(entries: Iterable[Entry], frames: int, noun: str) -> tuple[Entry, ...]:
    """``entries`` in the order of their times, for a motion of so many frames; ``noun`` is what one is called.

    Raises BadInputError ``bad_setting`` for one after the end of the sound.
    """
    ordered = tuple(sorted(entries, key=lambda entry: entry.seconds))
    length = frames / FPS
    if ordered and ordered[-1].seconds > length:
        raise BadInputError(
            "bad_setting",
            f"The {noun} at {ordered[-1].seconds:g} s comes after the end of the sound, which is {length:g} s long.",
            f"Choose a time of 0 to {length:g} s.",
        )
    return ordered
