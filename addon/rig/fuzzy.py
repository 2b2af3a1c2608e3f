"""Match a rig's names to ours by likeness: ``Eye_Blink_L``, ``blink.left`` and ``eyeBlinkLeft`` mean the same."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

ENOUGH = 0.72
"""Least likeness (0–1) of two names for the same thing."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SIDES = {"l": "left", "lt": "left", "r": "right", "rt": "right"}
_SAME = {
    **{"raise": "up", "raised": "up", "kiss": "pucker", "closed": "close", "shut": "close", "opened": "open"},
    **{"eyelid": "eye", "eyebrow": "brow", "eyebrows": "brow", "brows": "brow", "lip": "mouth", "lips": "mouth"},
    **{"grin": "smile", "inner": "in", "outer": "out"},
}
_EMPTY = {
    *("j", "c", "bip", "mixamorig", "cc", "base", "def", "ctrl", "control", "bone", "rig", "fcl", "shape", "key"),
    *("adj", "ex", "vrc", "wolf"),
    *("blendshape", "blendshapes", "morph", "target", "bs", "arkit", "face", "facial", "exp", "master"),
}


_PLACES = {"eye", "brow", "cheek", "nose", "mouth", "jaw"}
_DIRECTIONS = {"left", "right", "up", "down", "in", "out", "upper", "lower", "forward", "open", "close"}
MEANINGFUL = _PLACES | _DIRECTIONS
"""Words that say which part of a face is meant, or where it moves."""


def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case. Sides are spelled out, and the usual prefixes of rigs are left out.

    >>> words("CC_Base_Eye_Blink_L")
    ('eye', 'blink', 'left')
    """
    found = [word.lower() for word in _WORD.findall(name)]
    found = [_SAME.get(word, _SIDES.get(word, word)) for word in found]
    if {"eye", "close"} <= set(found):
        found = ["blink" if word == "close" else word for word in found]
    return tuple(word for word in found if word not in _EMPTY)


def side(parts: Sequence[str]) -> str:
    """``left``, ``right`` or an empty string."""
    return next((word for word in parts if word in ("left", "right")), "")


def sides(parts: Sequence[str]) -> list[str]:
    """All sides in a name. ``Eye_L_Look_R`` has two: the eye's own, and the one that it looks at."""
    return sorted(word for word in parts if word in ("left", "right"))


def likeness(a: str, b: str) -> float:
    """Likeness of two names, 0–1, from the words and letters that they share; 0 if the sides differ.

    Many rigs leave out the part of the face where it is obvious: ``smile_l`` can only be the mouth's.
    """
    ours, theirs = words(a), words(b)
    if not ours or not theirs or sides(ours) != sides(theirs):
        return 0.0
    shared = len(set(ours) & set(theirs)) / len(set(ours) | set(theirs))
    letters = difflib.SequenceMatcher(None, "".join(sorted(ours)), "".join(sorted(theirs))).ratio()
    if _only_places_differ(set(ours), set(theirs)):
        return 0.75 + 0.15 * letters
    return 0.7 * shared + 0.3 * letters


def _only_places_differ(ours: set[str], theirs: set[str]) -> bool:
    """Whether one of two names only lacks the part of the face, and the other words are more than a direction."""
    without = ours - _PLACES
    one_says_more = ours < theirs or theirs < ours
    return one_says_more and without == theirs - _PLACES and bool(without - _DIRECTIONS)


def pairs(wanted: Iterable[str], offered: Iterable[str], enough: float = ENOUGH) -> dict[str, str]:
    """The most similar offered name for each wanted one. No name is used twice; the most similar pairs come first."""
    offered = list(offered)
    scored = [(likeness(a, b), a, b) for a in wanted for b in offered]
    found: dict[str, str] = {}
    for score, a, b in sorted(scored, key=lambda entry: -entry[0]):
        if score < enough:
            break
        if a not in found and b not in found.values():
            found[a] = b
    return found
