"""People for training and measurement: their truths in a cache folder, drawn in batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import SoliloquyError
from core.head.head_model import HeadModel

from ..common.arrays import save_npz
from ..common.folders import CACHE
from ..common.splits import FIRST_HELD_OUT_SEED
from .truth import Truth, Truths

FOLDER = CACHE / "neural_head"
"""Truths, one file for each person."""
POINTS = 3000
"""Points on the skin of each person in the cache."""
_TRUTH = tuple(Truth.__dataclass_fields__)


@dataclass(frozen=True)
class Batch:
    """Points of P people; shapes as in :class:`Truth` with P in front. Places and distances in centimetres.

    Attributes
    ----------
    person
        (P,) rows of the people among all that are trained on, for their hair's codes.
    identity
        (P, I) coefficients of the head model.
    anchors
        (P, 16, 3) true places of the anchors.
    has_hair
        (P,) bool.
    """

    person: Tensor
    identity: Tensor
    anchors: Tensor
    has_hair: Tensor
    skin: Tensor
    skin_normals: Tensor
    skin_region: Tensor
    hair: Tensor
    hair_normals: Tensor
    hair_region: Tensor
    space: Tensor
    space_skin: Tensor
    space_hair: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


def path_of(seed: int, folder: Path = FOLDER) -> Path:
    """The file of a person's truth."""
    return folder / f"{seed}.npz"


def make_people(count: int, held_out: bool = False, points: int = POINTS, folder: Path = FOLDER) -> None:
    """Make the truths of ``count`` people that are missing in a folder, for training or held out."""
    truths = Truths(HeadModel.load())
    first = FIRST_HELD_OUT_SEED if held_out else 0
    for seed in range(first, first + count):
        file = path_of(seed, folder)
        if file.exists():
            continue
        save_npz(file, **vars(truths.make(seed, points)))


def seeds_in(folder: Path, held_out: bool = False) -> list[int]:
    """The seeds of the people whose truths lie in a folder, sorted.

    Raises SoliloquyError ``people_missing`` if there are none.
    """
    seeds = sorted(int(file.stem) for file in folder.glob("*.npz"))
    seeds = [seed for seed in seeds if (seed >= FIRST_HELD_OUT_SEED) == held_out]
    if not seeds:
        raise SoliloquyError(
            "people_missing",
            f"There are no people in {folder}.",
            "Make them with `python -m training.neural_head people` and `… people --held-out`.",
        )
    return seeds


def read_truth(seed: int, folder: Path = FOLDER) -> Truth:
    """The truth of a person in a folder."""
    with np.load(path_of(seed, folder)) as arrays:
        return Truth(**{name: arrays[name] for name in _TRUTH})


class People:
    """All people of a folder in memory."""

    def __init__(self, truths: Truths, seeds: list[int], folder: Path = FOLDER) -> None:
        self.seeds = seeds
        self.truths = [read_truth(seed, folder) for seed in seeds]
        identities = np.stack([truths.person(seed)[0] for seed in seeds])
        self.identities = torch.from_numpy(identities)
        self.anchors = truths.anchors(self.identities)

    def draw(self, people: int, points: int, rng: np.random.Generator) -> Batch:
        """A batch: ``points`` on each person's skin and hair, and twice as many in space."""
        chosen = rng.integers(len(self.truths), size=people)
        groups = {"skin": points, "hair": points, "space": 2 * points}
        found: dict[str, list[np.ndarray]] = {name: [] for name in _TRUTH}
        for truth in (self.truths[person] for person in chosen):
            for group, count in groups.items():
                total = len(getattr(truth, group))
                rows = rng.integers(total, size=count) if total else None
                for name in (name for name in _TRUTH if name.startswith(group)):
                    values = getattr(truth, name)
                    missing = np.zeros((count, *values.shape[1:]), values.dtype)
                    found[name].append(missing if rows is None else values[rows])
        row = torch.from_numpy(chosen)
        has_hair = torch.tensor([len(self.truths[person].hair) > 0 for person in chosen])
        tensors = {name: torch.from_numpy(np.stack(values)) for name, values in found.items()}
        return Batch(row, self.identities[row], self.anchors[row], has_hair, **tensors)
