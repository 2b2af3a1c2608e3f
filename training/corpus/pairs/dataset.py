"""Pairs on disk, read lazily, and random batches of them.

The files are ``<folder>/<kind>/<split>/NNNN.safetensors`` (``training.corpus.pairs.store``), with split ``train``,
``test`` or ``unseen`` as in ``training.common.splits``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.errors import SoliloquyError

from .pair import FOLDER, KINDS, SHARES, Pair, PairBatch, collate
from .store import PairShard


class ReenactmentPairs:
    """Pairs on disk: ``pairs[i]`` is a :class:`Pair`, read when asked for; and random batches of them as tensors."""

    def __init__(self, shards: Sequence[PairShard]) -> None:
        self.shards = list(shards)
        self._places = [(shard, k) for shard in self.shards for k in range(len(shard))]
        self.runs = [i for i in range(1, len(self._places) - 1) if self._neighbours(i)]
        self.of_kind = {kind: [i for i in range(len(self._places)) if self.facts(i)["kind"] == kind] for kind in KINDS}

    @classmethod
    def open(cls, folder: str | Path = FOLDER, split: str = "train", kinds: Sequence[str] = KINDS) -> ReenactmentPairs:
        """The pairs of a split under ``folder``; kinds that have not been made yet are left out.

        Raises SoliloquyError ``pairs_missing`` if there are none at all, ``pairs_damaged`` for a file that can't be
        read.
        """
        paths = [path for kind in kinds for path in sorted((Path(folder) / kind / split).glob("*.safetensors"))]
        if not paths:
            raise SoliloquyError(
                "pairs_missing",
                f"There are no pairs of {', '.join(kinds)} for {split} in {folder}.",
                "Make them with `python -m training.corpus.pairs build --kind portraits`.",
            )
        return cls([PairShard(path) for path in paths])

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> Pair:
        shard, k = self._places[i]
        return shard[k]

    def facts(self, i: int) -> dict[str, str]:
        """Kind, name, split and pose of pair ``i``, without reading its pictures."""
        shard, k = self._places[i]
        return shard.facts[k]

    def _neighbours(self, i: int) -> bool:
        """Whether pairs ``i - 1``, ``i`` and ``i + 1`` show neighbouring frames, from one source."""
        before, here, after = (self.facts(k) for k in (i - 1, i, i + 1))
        if "frame" not in here or any("frame" not in facts for facts in (before, after)):
            return False
        same = all(facts[name] == here[name] for facts in (before, after) for name in ("name", "source", "clip"))
        return same and int(before["frame"]) + 1 == int(here["frame"]) == int(after["frame"]) - 1

    def run(self, rng: np.random.Generator) -> PairBatch | None:
        """A random pair of a film between its neighbours in time, or None if there are no such pairs."""
        if not self.runs:
            return None
        middle = self.runs[int(rng.integers(len(self.runs)))]
        return collate([self[i] for i in (middle - 1, middle, middle + 1)])

    def draw(self, n: int, rng: np.random.Generator, shares: Mapping[str, float] = SHARES) -> list[int]:
        """Indices of ``n`` random pairs: first the kind by its share, then a pair of this kind, uniformly."""
        there = [kind for kind in KINDS if self.of_kind[kind] and shares.get(kind, 0.0) > 0]
        weight = np.array([shares[kind] for kind in there])
        kinds = rng.choice(len(there), n, p=weight / weight.sum())
        return [self.of_kind[there[k]][int(rng.integers(len(self.of_kind[there[k]])))] for k in kinds]

    def batch(self, n: int, rng: np.random.Generator, shares: Mapping[str, float] = SHARES) -> PairBatch:
        """``n`` random pairs as tensors."""
        return collate([self[i] for i in self.draw(n, rng, shares)])
