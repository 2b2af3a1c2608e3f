"""Phones with their times in files: ``phones.json`` beside a take's motion, and cue lists of other programs.

Standard library only, because Blender imports this module. ``phones.json``::

    {"format": 1, "source": "heard", "seconds": 2.4, "phones": [["HH", 0.12, 0.19], ["AH", 0.19, 0.26]]}

Times are seconds from the take's beginning. What no phone covers is silence.

A cue list has one line for each phone: its start in seconds, a tab, its name. A phone lasts until the next line, and
silence is a phone too. A phone in the last line lasts 0.1 s. Rhubarb Lip Sync writes such lists with its mouth shapes A
to H and X. They are read as phones with these shapes.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import write_bytes
from ..inputs import InputKind, read_input, shown
from ..tables import text_of
from .phone_set import PHONES, SILENCE, Segment

PHONES_FILE = "phones.json"
"""Name of the document beside a take's motion."""
FORMAT = 1
HEARD, TRANSCRIPT, EDITED = "heard", "transcript", "edited"
SOURCES = (HEARD, TRANSCRIPT, EDITED)
"""Where phones come from: heard in the sound, from words that were aligned to it, or from an artist."""
MAX_SECONDS = 360_000.0
MOST_PHONES = 2_000_000
"""More than 30 hours of speech have."""
FILE = InputKind(
    noun="phone list",
    code="phones",
    most_bytes=100_000_000,
    choose="Choose a phones.json of a take, or a cue list (TSV).",
    again="Export it again, or correct the line.",
)
"""A file with phones."""
SILENCE_NAMES = frozenset({SILENCE, "", "SP", "SPN", "PAU", "_"})
"""How programs call silence, in capitals."""
RHUBARB_SHAPES = {
    **{"A": "M", "B": "S", "C": "EH", "D": "AA", "E": "ER", "F": "UW", "G": "F", "H": "L", "X": SILENCE},
}
"""A phone that has each of Rhubarb Lip Sync's mouth shapes, by the shapes' descriptions in its manual."""
_ONLY_SHAPES = frozenset(RHUBARB_SHAPES) - frozenset(PHONES)
"""Shapes whose letters are no phones. A list that uses one of them is a list of shapes."""
_DECIMALS = 4
_LAST_SECONDS = 0.1
"""Length of a phone in the last line of a cue list."""


@dataclass(frozen=True)
class PhoneDocument:
    """Phones in the order of time, without overlaps and without silences.

    Attributes
    ----------
    source
        One of :data:`SOURCES`.
    seconds
        Length of the take.
    segments
        The phones. They may reach beyond ``seconds``; there nothing is made of them.
    """

    source: str
    seconds: float
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, source: str, seconds: float, segments: Iterable[Segment]) -> PhoneDocument:
        """A document of any valid segments: sorted and without silences. Where two overlap, the earlier one ends early.

        Times are rounded to 0.1 ms, so that a document is the same after it was written and read.
        """
        spoken = [
            Segment(s.phone, round(s.start, _DECIMALS), round(s.end, _DECIMALS))
            for s in sorted(segments, key=lambda s: (s.start, s.end))
        ]
        ends = [min(a.end, b.start) for a, b in itertools.pairwise(spoken)] + [s.end for s in spoken[-1:]]
        kept = [Segment(s.phone, s.start, end) for s, end in zip(spoken, ends, strict=True)]
        kept = [s for s in kept if s.phone != SILENCE and s.end > s.start]
        return cls(source, round(seconds, _DECIMALS), tuple(kept))

    def digest(self) -> str:
        """SHA-256 of the phones and their times, as hexadecimal digits. The source and the length don't count."""
        return hashlib.sha256(json.dumps(_plain(self.segments)).encode("ascii")).hexdigest()

    def part(self, start: float, end: float) -> PhoneDocument:
        """The phones between two times of the take, cut there. Their times and the length stay."""
        cut = (Segment(s.phone, max(s.start, start), min(s.end, end)) for s in self.segments)
        return PhoneDocument.of(self.source, self.seconds, [s for s in cut if s.end > s.start])

    def of_length(self, seconds: float) -> PhoneDocument:
        """The same up to the end of a take of this length."""
        return PhoneDocument.of(self.source, seconds, self.part(0.0, seconds).segments)

    def with_part(self, other: PhoneDocument, start: float, end: float) -> PhoneDocument:
        """The phones of ``other`` between two times, and these phones elsewhere, cut there."""
        outer = (*self.part(0.0, start).segments, *self.part(end, MAX_SECONDS).segments)
        source = self.source if self.source == other.source else EDITED
        return PhoneDocument.of(source, self.seconds, (*outer, *other.part(start, end).segments))

    def cues(self) -> list[tuple[float, str]]:
        """(start, name) of each phone and each silence; every one lasts until the next, and the last one is silence."""
        found: list[tuple[float, str]] = []
        last = 0.0
        for segment in self.segments:
            if segment.start > last:
                found.append((last, SILENCE))
            found.append((segment.start, segment.phone))
            last = segment.end
        return [*found, (last, SILENCE)]

    def write(self, path: str | Path) -> None:
        """Write ``phones.json``, whole or not at all. Raises the errors of `core.files.written_beside`."""
        write_bytes(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of ``phones.json``."""
        head = json.dumps({"format": FORMAT, "source": self.source, "seconds": self.seconds})
        phones = ",\n".join(json.dumps(row) for row in _plain(self.segments))
        return f'{head[:-1]}, "phones": [\n{phones}\n]}}\n'.encode("ascii")

    def write_cues(self, path: str | Path) -> None:
        """Write a cue list, whole or not at all. Raises the errors of `core.files.written_beside`."""
        lines = (f"{start:.{_DECIMALS}f}\t{name}\n" for start, name in self.cues())
        write_bytes(path, "".join(lines).encode("ascii"))


def read_phones(path: str | Path) -> PhoneDocument:
    """The phones in a file: JSON if its first letter is ``{`` or ``[``, else a cue list.

    Names may be in small letters and have the digits of stress. A document of another program counts as edited.
    Raises BadInputError ``phones_missing``, ``phones_empty``, ``phones_too_large`` or ``phones_unreadable``.
    """
    try:
        text = text_of(read_input(path, FILE))
        document = _of_json(text) if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") else _of_cues(text)
    except RecursionError:
        raise FILE.unreadable(path, "can't be read: it is nested too deeply") from None
    except (ValueError, OverflowError) as error:  # also JSON's and Unicode's
        raise FILE.unreadable(path, f"can't be read: {error}") from error
    return document


def phone_named(name: object) -> str:
    """The phone that a program means by a name. Raises ValueError for a name that isn't known."""
    word = name.strip().upper() if isinstance(name, str) and len(name) < 20 else None
    if word in SILENCE_NAMES:
        return SILENCE
    bare = word.rstrip("012") if word else ""
    if bare not in PHONES:
        raise ValueError(f"“{shown(str(name)[:40])}” is no phone of English")
    return bare


def _plain(segments: Sequence[Segment]) -> list[list[Any]]:
    return [[s.phone, s.start, s.end] for s in segments]


def _of_json(text: str) -> PhoneDocument:
    fields = json.loads(text.lstrip("\ufeff"), parse_constant=_refuse_constant)
    if not isinstance(fields, dict) or not isinstance(fields.get("phones"), list):
        raise ValueError("it has no list “phones”")
    if fields.get("format", FORMAT) != FORMAT:
        raise ValueError("it is of another version")
    source = fields.get("source", EDITED)
    _check_count(len(fields["phones"]))
    segments = [_segment(row, number) for number, row in enumerate(fields["phones"], 1)]
    seconds = _time(fields["seconds"]) if "seconds" in fields else max((s.end for s in segments), default=0.0)
    return PhoneDocument.of(source if source in SOURCES else EDITED, seconds, segments)


def _segment(row: object, number: int) -> Segment:
    if not isinstance(row, list) or len(row) != 3:
        raise ValueError(f"phone {number} is not a name with a start and an end")
    try:
        phone, start, end = phone_named(row[0]), _time(row[1]), _time(row[2])
        if end <= start:
            raise ValueError("it ends before it begins")
    except ValueError as error:
        raise ValueError(f"phone {number}: {error}") from None
    return Segment(phone, start, end)


def _of_cues(text: str) -> PhoneDocument:
    starts: list[float] = []
    names: list[str] = []
    for number, line in _lines(text):
        start, _, name = line.partition("\t") if "\t" in line else line.partition(" ")
        try:
            starts.append(_time(_number(start)))
            if len(starts) > 1 and starts[-1] < starts[-2]:
                raise ValueError("it begins before the one above it")
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        names.append(name.strip())
        _check_count(len(names))
    if not names:
        raise ValueError("it has no lines")
    are_shapes = {name.upper() for name in names} & _ONLY_SHAPES
    phones = []
    for number, name in enumerate(names, 1):
        try:
            shape = RHUBARB_SHAPES.get(name.upper()) if are_shapes else None
            phones.append(shape or phone_named(name))
        except ValueError as error:
            raise ValueError(f"cue {number}: {error}") from None
    ends = [*starts[1:], starts[-1] + (0.0 if phones[-1] == SILENCE else _LAST_SECONDS)]
    segments = (Segment(p, a, b) for p, a, b in zip(phones, starts, ends, strict=True) if b > a)
    return PhoneDocument.of(EDITED, ends[-1], segments)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that aren't blank, with their numbers from 1."""
    return (
        (number, line.strip("\ufeff\r\n"))
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip("\ufeff \t\r")
    )


def _number(text: str) -> float:
    try:
        return float(text.strip()[:40])
    except ValueError:
        raise ValueError(f"“{shown(text.strip()[:40])}” is no time in seconds") from None


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("a time is no number")
    if not math.isfinite(value) or not 0 <= value <= MAX_SECONDS:
        raise ValueError(f"a time is not within 0 to {MAX_SECONDS:,.0f} s")
    return float(value)


def _check_count(count: int) -> None:
    if count > MOST_PHONES:
        raise ValueError(f"it has more than {MOST_PHONES:,} phones")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")
