"""Pairs that teach the generator G: a source picture, everything that G sees, and the picture that it is to make.

A pair is one frame of the product: a ``core.renderer.Renderer`` is made for the source, as for a user's portrait, its
head is posed on the truth, and ``Renderer.warp`` and ``Renderer.surfaces`` give what G gets. S = 256.

| kind | source | truth |
|---|---|---|
| ``grid`` | a frame of a GRID talker | other frames of the talker, posed on their landmarks |
| ``portraits`` | a real portrait re-posed by the renderer | the photograph itself |
| ``own`` | a real portrait | itself, or itself moved so little that the warp is right |
| ``lids`` | a real portrait | itself with lids that close, drawn by the warp at twice the size |
| ``synthetic`` | a rendered person | the same person rendered in another pose and expression |

On disk: ``<folder>/<kind>/<split>/NNNN.safetensors`` (``reenactment_store``), split ``train``, ``test`` or ``unseen``
as in ``training.common.splits``. Made by ``python -m training.corpus.pairs.dataset build --kind
portraits|lids|grid|synthetic`` and looked at with ``… sheet``.

What :meth:`ReenactmentPairs.batch` returns (torch, float32 unless said; pixels are those of the square, the first
centre at (0.5, 0.5)):

| key | shape | what |
|---|---|---|
| source, truth | (B, 3, S, S) | RGB 0–1 |
| warped | (B, 3, S, S) | ``WarpedFrames.picture``: the finished frame of the flow warp |
| alpha | (B, 1, S, S) | ``WarpedFrames.alpha``, the warped person's generous matte |
| trust, stretch | (B, 1, S, S) | ``Flow.trust``, ``Flow.stretch`` |
| flow | (B, 2, S/2, S/2) | ``Flow.positions`` minus the pixel's own place, px of the S square, mean of 2 × 2 blocks |
| parts | (B, S, S) int64 | part label of ``Renderer.surfaces`` (``core.head.head_model.PARTS``), −1 where no head is |
| normals | (B, 3, S, S) | unit normals in camera axes, 0 where no head is |
| channels | (B, 59) | the frame's Motion: 53 weights, rotation and translation relative to the source |
| expression, own | (B, 53) | ICT weights shown in the truth (``PosedHeads.expression``), and the source's own |
| landmarks, source_landmarks | (B, 478, 2) | face mesh of truth and source, px |
| interest | (B, 3, S, S) | 0–1, soft: mouth, eyes, edge (outline of head and hair, and what the turn uncovers) |
| valid | (B, 1, S, S) | 0–1: how far truth and conditions agree; low on shoulders, which the renderer leaves in place |
| facts | list of B dict | ``kind``, ``name`` (of the portrait or clip), ``split``, ``what`` (the pose) |
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...common.folders import data_folder
from ...common.splits import portrait_split

FOLDER = Path(".cache/pairs")
KINDS = ("grid", "portraits", "own", "lids", "synthetic")
SPLITS = ("train", "test", "unseen")
SHARES = {"grid": 0.2, "portraits": 0.35, "own": 0.1, "lids": 0.05, "synthetic": 0.3}
"""Share of each kind in a batch, of those that are there: portraits first, they are the many real people."""


@dataclass(frozen=True)
class Pair:
    """One pair, as made and as read; fields as in the module's table, S = 256.

    source, truth, warped (S, S, 3) uint8 RGB; alpha, trust, stretch (S, S) uint8; parts (S, S) int8; normals (S, S, 3)
    int8, 127 = 1; flow (S/2, S/2, 2) float16 px; interest (S, S, 3) and valid (S, S) uint8; channels (59,), expression,
    own (53,) float32; landmarks, source_landmarks (478, 2) float32 px; facts: kind, name, split, what.
    """

    source: np.ndarray
    truth: np.ndarray
    warped: np.ndarray
    alpha: np.ndarray
    trust: np.ndarray
    stretch: np.ndarray
    parts: np.ndarray
    normals: np.ndarray
    flow: np.ndarray
    interest: np.ndarray
    valid: np.ndarray
    channels: np.ndarray
    expression: np.ndarray
    own: np.ndarray
    landmarks: np.ndarray
    source_landmarks: np.ndarray
    facts: dict[str, str]


class ReenactmentPairs(Sequence[Pair]):
    """Pairs on disk: a sequence of :class:`Pair`, read lazily, and batches of them as tensors."""

    def __init__(self, shards: Sequence[Any]) -> None:
        self.shards = list(shards)
        self._places = [(shard, k) for shard in self.shards for k in range(len(shard))]
        self.of_kind = {kind: [i for i in range(len(self._places)) if self.facts(i)["kind"] == kind] for kind in KINDS}

    @classmethod
    def open(cls, folder: str | Path = FOLDER, split: str = "train", kinds: Sequence[str] = KINDS) -> ReenactmentPairs:
        """The pairs of a split under ``folder``; kinds that have not been made yet are left out.

        Raises SoliloquyError ``pairs_missing`` where there is none at all, ``pairs_damaged`` for a file that can't be
        read.
        """
        from core.errors import SoliloquyError

        from .store import PairShard

        paths = [path for kind in kinds for path in sorted((Path(folder) / kind / split).glob("*.safetensors"))]
        if not paths:
            raise SoliloquyError(
                "pairs_missing",
                f"There are no pairs of {', '.join(kinds)} for {split} in {folder}.",
                "Make them with `python -m training.corpus.pairs.dataset build --kind portraits`.",
            )
        return cls([PairShard(path) for path in paths])

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> Pair:  # type: ignore[override]
        shard, k = self._places[i]
        return shard[k]

    def facts(self, i: int) -> dict[str, str]:
        """Kind, name, split and pose of pair ``i``, without reading its pictures."""
        shard, k = self._places[i]
        return shard.facts[k]

    def draw(self, n: int, rng: np.random.Generator, shares: Mapping[str, float] = SHARES) -> list[int]:
        """Indices of ``n`` random pairs: the kind by its share, then a pair of it, all alike."""
        there = [kind for kind in KINDS if self.of_kind[kind] and shares.get(kind, 0.0) > 0]
        weight = np.array([shares[kind] for kind in there])
        kinds = rng.choice(len(there), n, p=weight / weight.sum())
        return [self.of_kind[there[k]][int(rng.integers(len(self.of_kind[there[k]])))] for k in kinds]

    def batch(self, n: int, rng: np.random.Generator, shares: Mapping[str, float] = SHARES) -> dict[str, Any]:
        """``n`` random pairs as tensors; see the module's table."""
        return collate([self[i] for i in self.draw(n, rng, shares)])


def collate(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Pairs as tensors on the processor; see the module's table."""

    def planes(name: str, scale: float = 255.0) -> Tensor:
        values = torch.from_numpy(np.stack([getattr(pair, name) for pair in pairs])).float() / scale
        # (B, S, S) -> (B, 1, S, S); (B, S, S, C) -> (B, C, S, S)
        return values[:, None] if values.dim() == 3 else values.permute(0, 3, 1, 2).contiguous()

    def vectors(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(pair, name) for pair in pairs])).float()

    pictures = ("source", "truth", "warped", "alpha", "trust", "stretch", "interest", "valid")
    numbers = ("channels", "expression", "own", "landmarks", "source_landmarks")
    return {
        **{name: planes(name) for name in pictures},
        **{name: vectors(name) for name in numbers},
        "normals": planes("normals", 127.0),
        "flow": planes("flow", 1.0),
        "parts": torch.from_numpy(np.stack([pair.parts for pair in pairs])).long(),
        "facts": [pair.facts for pair in pairs],
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make the pairs that are not there yet")
    build.add_argument("--kind", required=True, choices=("grid", "portraits", "lids", "synthetic"))
    build.add_argument("--data", type=Path, default=data_folder())
    build.add_argument("--limit", type=int, help="work on so many portraits, clips or people only")
    build.add_argument("--split", action="append", choices=SPLITS, help="this one alone; again for more")
    sheet = commands.add_parser("sheet", help="a contact sheet of some pairs")
    sheet.add_argument("--kind", required=True, choices=KINDS)
    sheet.add_argument("--split", default="train")
    sheet.add_argument("--count", type=int, default=8)
    sheet.add_argument("--seed", type=int, default=0)
    sheet.add_argument("--to", type=Path, default=Path("runs/pairs"))
    held_out = commands.add_parser("held-out", help="files of portraits that nothing is trained on")
    held_out.add_argument("--data", type=Path, default=data_folder())
    held_out.add_argument("--count", type=int, default=12)
    for command in (build, sheet):
        command.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "build":
        from .build import build as make

        make(options.kind, options.folder, options.data, options.limit, options.split or SPLITS)
    elif options.command == "held-out":
        files = sorted((options.data / "portraits").glob("*.jpg"))
        chosen = [str(path) for path in files if portrait_split(path.stem) == "test"]
        # Evenly over all, which are in the order of their names.
        print(*chosen[:: max(1, len(chosen) // options.count)][: options.count])
    else:
        from .sheet import write_sheet

        print(write_sheet(options.folder, options.kind, options.split, options.count, options.seed, options.to))


if __name__ == "__main__":
    main()
