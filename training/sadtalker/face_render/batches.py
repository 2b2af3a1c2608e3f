"""Random batches of faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch

from ...corpus.pairs.pair import PairBatch
from ...generator.data import recolour
from .data import FaceMaker, Faces
from .variants import chosen, mirrored, the_other_way

SHARES = {"films": 0.5, "portraits": 0.33, "own": 0.05, "lids": 0.12}
"""Share of each kind of pairs. Films show real motion, portraits many people, lids how those of strangers close."""
REVERSED = 0.4
"""Share of the portraits whose photograph is the source, and the re-posed picture, which the product's renderer made,
the truth. Most portraits smile with teeth. Otherwise only filmed talkers would ever close their lips."""


class Pairs(Protocol):
    """Where pairs come from: ``training.corpus.pairs.dataset.ReenactmentPairs``, or a stand-in for it."""

    def batch(self, n: int, rng: np.random.Generator, shares: Mapping[str, float]) -> PairBatch:
        """``n`` random pairs."""


class FaceSource:
    """Random batches for training, made of ``pairs``."""

    def __init__(self, maker: FaceMaker, pairs: Pairs) -> None:
        self.maker, self.pairs = maker, pairs

    def draw(self, count: int, rng: np.random.Generator) -> Faces:
        """``count`` random pairs, under varying light; half of them mirrored, some of the portraits the other way."""
        drawn = self.pairs.batch(count, rng, SHARES)
        faces = self.maker.faces(recolour(drawn, rng))
        back = np.array([facts.get("kind") == "portraits" for facts in drawn.facts]) & (rng.random(count) < REVERSED)
        faces = chosen(torch.from_numpy(back), the_other_way(faces), faces)
        return chosen(torch.from_numpy(rng.random(count) < 0.5), mirrored(faces), faces)
