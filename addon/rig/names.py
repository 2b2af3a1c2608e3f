"""Read the names of a rig's shapes exactly, whatever prefix, suffix, capitals and separators all of them have.

Exporters put the name of a node, a mesh or a set before each shape (``blendShape1.jawOpen``, ``CC_Base_Body.jawOpen``,
``A25_Jaw_Open``) or behind it (``jawOpen_GEO``). A list of such parts is never complete. So the part is found from the
names themselves: of all ways to cut the names, the one that makes known names of most of them is right.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from . import fuzzy

_DIGITS = re.compile(r"[0-9]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_SIDES = {
    "l": ("left", "l", "lt"),
    "left": ("left", "l", "lt"),
    "r": ("right", "r", "rt"),
    "right": ("right", "r", "rt"),
}
MANY = 3
"""Number of names that a cut must explain to be believed, however the names are written."""
_LONG = 6
"""Least number of letters of a name that is believed without others that have the same cut."""
_MOST_NAMES = 0.8
"""Share of all names that a shared prefix or suffix must have."""

Cut = tuple[str, str]
"""What stands before and behind the known part of names: letters and digits, each number as ``#``."""


def letters(name: str) -> str:
    """Letters and digits of a name in lower case: what remains of it in every spelling."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", name) if letter.isalnum()).lower()


def split(name: str) -> list[str]:
    """Words of a name in lower case: ``Eye_L_Look_L`` → eye, l, look, l."""
    return [word.lower() for word in _WORD.findall(unicodedata.normalize("NFKC", name))]


def spellings(name: str) -> Iterator[str]:
    """`letters` of the spellings of a name: its side as a word or a letter, at the end, at the beginning, or inside."""
    words = split(name)
    sides = [i for i, word in enumerate(words) if word in _SIDES]
    for chosen in itertools.product(*(_SIDES[words[i]] for i in sides)):
        spelled = list(words)
        for i, side in zip(sides, chosen, strict=True):
            spelled[i] = side
        yield "".join(spelled)
        if len(sides) == 1:
            side = spelled.pop(sides[0])
            yield "".join([*spelled, side])
            yield "".join([side, *spelled])
            yield "".join([*spelled[:1], side, *spelled[1:]])


def table_of(entries: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """{spelling: entry} from {entry: its names}; a spelling that several entries have belongs to the first of them."""
    table: dict[str, str] = {}
    for entry, names in entries.items():
        for name in names:
            for form in spellings(name):
                table.setdefault(form, entry)
    return table


def read(names: Iterable[str], table: Mapping[str, str], *, weak: bool = False) -> dict[str, str]:
    """{name: entry of the table} for the names that become known ones when the part that they share is cut off.

    Each entry gets one name. ``weak`` is for tables with names of one or two letters: then only cuts at the ends of
    words count, and only those that explain at least `MANY` names.
    """
    return dict(_read(tuple(names), tuple(table.items()), weak))


@functools.lru_cache(64)
def _read(names: tuple[str, ...], table: tuple[tuple[str, str], ...], weak: bool) -> tuple[tuple[str, str], ...]:
    cuts = _cuts(names, table, weak)
    found: dict[str, str] = {}
    taken: set[str] = set()
    while cuts:
        ranked = {cut: _explained(ways, found, taken) for cut, ways in cuts.items()}
        cuts = {cut: cuts[cut] for cut, new in ranked.items() if new}
        sure = {cut: _believed(cut, new, weak) for cut, new in ranked.items() if new}
        sure = {cut: new for cut, new in sure.items() if new}
        if not sure:
            break
        best = max(sure, key=lambda cut: _rank(cut, sure[cut]))
        for entry, (name, _, _) in sure[best].items():
            found[name] = entry
            taken.add(entry)
    return tuple(found.items())


Way = tuple[str, bool, int]
"""One way to read a name: the name, whether it is cut only at the ends of words, length of the known part."""


def _cuts(names: tuple[str, ...], table: tuple[tuple[str, str], ...], weak: bool) -> dict[Cut, list[tuple[str, Way]]]:
    """All ways to cut the names so that known ones remain: {cut: [(entry, way)]}."""
    cuts: dict[Cut, list[tuple[str, Way]]] = defaultdict(list)
    for name in names:
        whole, ends = _ends(name)
        for form, entry in table:
            start = whole.find(form)
            while start >= 0:
                stop = start + len(form)
                clean = start in ends and stop in ends
                if clean or not weak:
                    cut = (_DIGITS.sub("#", whole[:start]), _DIGITS.sub("#", whole[stop:]))
                    cuts[cut].append((entry, (name, clean, len(form))))
                start = whole.find(form, start + 1)
    return cuts


def _ends(name: str) -> tuple[str, set[int]]:
    """`letters` of a name, and the positions in it at which words end or begin."""
    whole, ends, before = "", {0}, ""
    for letter in unicodedata.normalize("NFKC", name):
        if letter.isalnum():
            turns = (before.islower() and letter.isupper()) or before.isdigit() != letter.isdigit()
            if not before.isalnum() or turns:
                ends.add(len(whole))
            whole += letter.lower()
        before = letter
    return whole, ends | {len(whole)}


def _explained(ways: list[tuple[str, Way]], found: Mapping[str, str], taken: set[str]) -> dict[str, Way]:
    """What a cut explains that isn't explained yet: {entry: way}, each name and each entry once."""
    new: dict[str, Way] = {}
    used: set[str] = set()
    for entry, way in sorted(ways, key=lambda each: (not each[1][1], -each[1][2])):
        if entry not in taken and entry not in new and way[0] not in found and way[0] not in used:
            new[entry] = way
            used.add(way[0])
    return new


def _believed(cut: Cut, new: dict[str, Way], weak: bool) -> dict[str, Way]:
    """Those of a cut's explanations that are sure enough."""
    if len(new) >= MANY:
        return new
    if weak or cut[1] not in ("", "#"):
        return {}
    return {entry: way for entry, way in new.items() if way[1] and way[2] >= _LONG}


def _rank(cut: Cut, new: dict[str, Way]) -> tuple[int, int, int]:
    return len(new), sum(clean for _, clean, _ in new.values()), -len(cut[0]) - len(cut[1])


def without_shared(names: Iterable[str]) -> dict[str, str]:
    """{name: the name without the prefix that most names share}; a prefix that names a part or side of a face stays."""
    whole = list(names)
    prefix = _shared_prefix(whole)
    bare = {name: name[len(prefix) :] if name.startswith(prefix) else name for name in whole}
    return bare if prefix and all(map(letters, bare.values())) else {name: name for name in whole}


def _shared_prefix(names: list[str]) -> str:
    """The longest prefix that ends with a word and is shared by `_MOST_NAMES` of the names; empty: there is none."""
    if len(names) < MANY:
        return ""
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        for match in re.finditer(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name):
            if match.end() < len(name):
                counts[name[: match.end()]] += 1
    shared = [prefix for prefix, count in counts.items() if count >= max(MANY, _MOST_NAMES * len(names))]
    plain = [prefix for prefix in shared if not fuzzy.MEANINGFUL & set(fuzzy.words(prefix))]
    return max(plain, key=len, default="")
