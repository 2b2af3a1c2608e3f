"""The sets of held-out pairs that the generator is measured on, and chosen on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import SoliloquyError
from core.motion.channels import EXPRESSIONS

from ...tracking.landmarks import mouth_shape
from .dataset import ReenactmentPairs
from .pair import Pair

BLINKS, OPEN_MOUTHS = "blinks", "open mouths"
CLOSING = 0.4
"""Mean weight of both lids from which a pair shows a blink."""
OPEN = 0.13
"""Mouth opening from which a pair shows an open mouth, in outer-eye distances. One in ten filmed frames has more."""
BLINK = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]


@dataclass(frozen=True)
class PairSet:
    """A set of pairs: kind, splits, talkers (empty: all), and what the truth has to show (``BLINKS``, ``OPEN_MOUTHS``;
    empty: anything)."""

    kind: str
    splits: tuple[str, ...]
    talkers: tuple[str, ...] = ()
    shows: str = ""

    def places(self, pairs: ReenactmentPairs) -> list[int]:
        """The indices of the set's pairs among those of its kind and one of its splits."""
        chosen = list(range(len(pairs)))
        if self.talkers:
            chosen = [i for i in chosen if pairs.facts(i)["name"].split("_")[0] in self.talkers]
        return [i for i in chosen if not self.shows or shows(pairs[i], self.shows)]

    def pairs(self, folder: Path, limit: int) -> list[Pair]:
        """At most ``limit`` pairs, evenly spaced over all. Empty if none has been made."""
        found: list[Pair] = []
        for pairs in self._opened(folder):
            found += [pairs[i] for i in spread(self.places(pairs), limit)]
        return [found[i] for i in spread(range(len(found)), limit)]

    def runs(self, folder: Path, limit: int) -> list[tuple[Pair, Pair, Pair]]:
        """At most ``limit`` runs of three neighbouring frames, evenly spaced over all."""
        found = []
        for pairs in self._opened(folder):
            middles = sorted(set(self.places(pairs)) & set(pairs.runs))
            found += [(pairs[i - 1], pairs[i], pairs[i + 1]) for i in spread(middles, limit)]
        return [found[i] for i in spread(range(len(found)), limit)]

    def _opened(self, folder: Path) -> Iterator[ReenactmentPairs]:
        """The pairs of the kind in each split that has been made."""
        for split in self.splits:
            try:
                yield ReenactmentPairs.open(folder, split, (self.kind,))
            except SoliloquyError as error:
                if error.code != "pairs_missing":
                    raise


def shows(pair: Pair, what: str) -> bool:
    """Whether the truth of a pair shows a blink or an open mouth."""
    if what == BLINKS:
        return bool(pair.expression[BLINK].mean() > CLOSING)
    opening, _ = mouth_shape(pair.landmarks[None])
    return bool(opening[0] > OPEN)


def spread(places: Sequence[int], limit: int) -> list[int]:
    """At most ``limit`` of ``places``, evenly spaced."""
    if not places:
        return []
    return [places[k] for k in np.unique(np.linspace(0, len(places) - 1, min(limit, len(places))).round().astype(int))]


TEST = {
    "s1, other clips": PairSet("films", ("test",), ("s1",)),
    "s4, other clips": PairSet("films", ("test",), ("s4",)),
    "addresses, other sentences": PairSet("films", ("test",), ("president",)),
    "s33 and s34, never seen": PairSet("films", ("unseen",)),
    "filmed blinks": PairSet("films", ("test", "unseen"), shows=BLINKS),
    "filmed open mouths": PairSet("films", ("test", "unseen"), shows=OPEN_MOUTHS),
    "portraits held out": PairSet("portraits", ("test",)),
    "the portrait itself": PairSet("own", ("test",)),
    "its lids closing": PairSet("lids", ("test",)),
    "synthetic people held out": PairSet("synthetic", ("test",)),
}
"""For the reports. They are looked at when all is chosen."""
VALIDATION = {
    "s1, other clips": PairSet("films", ("validation",), ("s1",)),
    "s4, other clips": PairSet("films", ("validation",), ("s4",)),
    "s32, never seen": PairSet("films", ("validation",), ("s32",)),
    "filmed blinks": PairSet("films", ("validation",), shows=BLINKS),
    "filmed open mouths": PairSet("films", ("validation",), shows=OPEN_MOUTHS),
    "portraits held out": PairSet("portraits", ("validation",)),
    "the portrait itself": PairSet("own", ("validation",)),
    "its lids closing": PairSet("lids", ("validation",)),
}
"""To choose the generator on."""
SETS = {"test": TEST, "validation": VALIDATION}
