"""A transcript → its words, each with the ways in which it may be spoken."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from ..inputs import shown
from .dictionary import Pronunciation, is_listed, pronunciations
from .numbers import ABBREVIATIONS, SIGNS, readings
from .transcripts import without_timings

MOST_WAYS = 8
"""Ways of one word between which the sound may choose."""
_LONGEST_WORD = 60
"""Letters of the longest word that is said. A longer one is no word."""
_LONGEST_CAPITALS = 6
_CAPITALS_SHARE = 0.6
"""From this share of capitals on, a text is written in capitals, so that they say nothing about a word."""
_SHOWN = 3
"""Words of which the notice gives examples."""

_FOLDED = str.maketrans(
    {**{"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ß": "ss", "ł": "l", "Ł": "L", "đ": "d"},
     **{"þ": "th", "ð": "th", "ı": "i", "⁄": "/", "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "−": "-"},
     **{"²": " ² ", "³": " ³ ", "№": " № "}}
)  # fmt: skip
_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\([^()\n]{0,500}\)")
_NOT_SAID = re.compile(r"<[/!?a-zA-Z][^<>\n]{0,200}>|\[[^\[\]\n]{0,200}\]|\{[^{}\n]{0,200}\}|https?://(?:www\.)?|www\.")
_DASHES = re.compile(r"--+|[‐‑‒–—―]")
_DOTTED = re.compile(r"(?:[A-Za-z]\.){2,}[A-Za-z]?|(?:[A-Za-z]\.)+[A-Za-z]")
_PIECES = re.compile(
    r"[$£€¥₹]?\d[\d,]*(?:\.\d+)?(?:st|nd|rd|th|s|%)?|[A-Za-z]+(?:'[A-Za-z]+)*'?|[&@+=%°×÷€£$¥₹²³№#]|[^\x00-\x7f]+|\."
)
_DOMAIN = re.compile(r"[A-Za-z][A-Za-z\d-]*(?:\.[A-Za-z][A-Za-z\d-]*)+")


@dataclass(frozen=True)
class Word:
    """A word of a transcript as it is written, and the phones of each way to say it."""

    text: str
    ways: tuple[Pronunciation, ...]


@dataclass(frozen=True)
class Words:
    """The words of a transcript in order, and what of it was left out because English can't say it."""

    words: tuple[Word, ...]
    skipped: tuple[str, ...]

    @property
    def notice(self) -> str | None:
        """A sentence about what was left out, or None."""
        if not self.skipped:
            return None
        examples = ", ".join(f"“{shown(text[:20])}”" for text in self.skipped[:_SHOWN])
        more = len(self.skipped) - _SHOWN
        others = f" and {more} more" if more > 0 else ""
        return f"Left out of the transcript, because English can't say it: {examples}{others}."


def words_of(transcript: str) -> Words:
    """The words of any text.

    What isn't said is left out: markup, timings of subtitles, and words in brackets, which say what is heard or done.
    Numbers, signs and abbreviations become words. Letters with accents are read without them. What is in other scripts,
    and emoji, is left out and listed.
    """
    text = _plain(transcript)
    letters = [c for c in text if c.isalpha()]
    in_capitals = sum(c.isupper() for c in letters) > _CAPITALS_SHARE * len(letters)
    words: list[Word] = []
    skipped: list[str] = []
    for token in text.split():
        for written, phrases in _phrases(token, in_capitals):
            ways = tuple(itertools.islice(dict.fromkeys(w for p in phrases for w in _ways(p)), MOST_WAYS))
            if ways:
                words.append(Word(written, ways))
            elif any(unicodedata.category(c)[0] in "LNS" for c in written):
                skipped.append(written)
    return Words(tuple(words), tuple(skipped))


def _plain(text: str) -> str:
    """A text without markup, accents and other marks that aren't said."""
    text = _NOT_SAID.sub(" ", _LINK.sub(r"\1", without_timings(text)))
    text = unicodedata.normalize("NFKD", text.translate(_FOLDED)).translate(_FOLDED)
    kept = (c for c in text if unicodedata.category(c) not in ("Mn", "Me", "Cf", "Cs"))
    return _DASHES.sub(" ", "".join(c if unicodedata.category(c) != "Cc" else " " for c in kept))


def _phrases(token: str, in_capitals: bool) -> Iterator[tuple[str, list[str]]]:
    """What is written, and the phrases that may be said for it, of each word in a token without spaces."""
    bare = token.strip("\"'()*_~^|,;:!?¿¡«»„“”‚…·•<>[]{}\\/")
    word = bare.rstrip(".").lower()
    if _DOTTED.fullmatch(bare):
        yield bare, [*ABBREVIATIONS.get(word, ()), " ".join(f"{c.lower()}." for c in bare if c != ".")]
    elif word in ABBREVIATIONS and bare.endswith("."):
        yield bare, [*ABBREVIATIONS[word], word]
    elif said := readings(word):
        yield bare, said
    elif _DOMAIN.fullmatch(bare.rstrip(".")) and len(bare) <= _LONGEST_WORD:
        for place, part in enumerate(bare.rstrip(".").split(".")):
            if place:
                yield ".", ["dot"]
            yield from _pieces(part, in_capitals)
    else:
        yield from _pieces(bare, in_capitals)


def _pieces(text: str, in_capitals: bool) -> Iterator[tuple[str, list[str]]]:
    for match in _PIECES.finditer(text):
        piece = match[0]
        low = piece.lower()
        if piece == ".":
            continue
        if piece[0].isalpha() and piece.isascii():
            if len(piece) <= _LONGEST_WORD:
                yield piece, _of_letters(piece, low, in_capitals)
            else:
                yield piece, []
        elif low in SIGNS:
            yield piece, [SIGNS[low]]
        else:
            yield piece, readings(low)


def _of_letters(piece: str, low: str, in_capitals: bool) -> list[str]:
    """The phrases for a word of letters: the word, or the names of its letters."""
    capitals = piece.removesuffix("s").removesuffix("'")
    is_short = 1 < len(capitals) <= _LONGEST_CAPITALS and capitals.isalpha()
    if is_short and capitals.isupper() and not in_capitals:
        spelled = " ".join(f"{c}." for c in capitals.lower())
        spelled = spelled if len(capitals) == len(piece) else f"{spelled[:-1]}.'s"
        can_be_said = is_listed(low) or (len(capitals) > 3 and re.search("[aeiou]", low) is not None)
        return [low, spelled] if can_be_said else [spelled]
    if not re.search("[aeiouy]", low) and not is_listed(low) and is_short:
        return [" ".join(f"{c}." for c in capitals.lower())]
    return [low.strip("'") if not is_listed(low) else low]


def _ways(phrase: str) -> Iterator[Pronunciation]:
    """The ways to say a phrase of dictionary words."""
    choices = [pronunciations(word) for word in re.split("[ -]", phrase) if word]
    if not choices or not all(choices):
        return
    if len(choices) > 3:  # of a long phrase only the first way of each word
        choices = [ways[:1] for ways in choices]
    for way in itertools.islice(itertools.product(*choices), MOST_WAYS):
        yield tuple(phone for part in way for phone in part)
