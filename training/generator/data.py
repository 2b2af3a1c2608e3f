"""What G trains on: windows of the reenactment pairs, in changing light and colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import SoliloquyError
from core.renderer.fields import pixel_grid
from core.renderer.generator.conditions import conditions, paintable

from ..corpus.pairs.dataset import FOLDER, KINDS, SHARES, ReenactmentPairs

REOPEN = 100
"""Steps after which new shards are looked for."""
MARGIN = 8
"""Pixels at a window's rim that don't count: the network misses what lies beyond."""


@dataclass(frozen=True)
class WindowConfig:
    """How a batch is drawn.

    Attributes
    ----------
    pairs
        Pairs a step.
    windows
        Windows a pair; 0 takes the whole square.
    side
        Pixels of a window.
    aim
        Share of the windows aimed at mouth, eyes, edge, and anywhere on the person.
    """

    pairs: int = 2
    windows: int = 3
    side: int = 112
    aim: tuple[float, float, float, float] = (0.35, 0.25, 0.25, 0.15)

    @classmethod
    def tiny(cls) -> WindowConfig:
        """For tests."""
        return cls(pairs=2, windows=1, side=32)


class PairSource:
    """Batches of pairs; files that appear while a run goes on are picked up."""

    def __init__(self, folder: str | Path = FOLDER, split: str = "train", shares: Mapping[str, float] = SHARES) -> None:
        self.folder, self.split, self.shares = Path(folder), split, shares
        self._files: list[Path] = []
        self._pairs: ReenactmentPairs | None = None

    def batch(self, count: int, step: int, rng: np.random.Generator) -> dict[str, Any]:
        """``count`` pairs of step ``step``; see ``corpus.reenactment``."""
        if self._pairs is None or step % REOPEN == 0:
            files = sorted(p for kind in KINDS for p in (self.folder / kind / self.split).glob("*.safetensors"))
            if files != self._files or self._pairs is None:
                self._files, self._pairs = files, ReenactmentPairs.open(self.folder, self.split)
        return self._pairs.batch(count, rng, self.shares)


def recolour(batch: dict[str, Any], rng: np.random.Generator) -> None:
    """Change light and colour of source, warp and truth of each pair alike, in place."""
    count = len(batch["source"])
    gain = torch.tensor(rng.uniform(0.85, 1.12, (count, 1, 1, 1)) * rng.uniform(0.93, 1.07, (count, 3, 1, 1)))
    power = torch.tensor(rng.uniform(0.8, 1.25, (count, 1, 1, 1)))
    for name in ("source", "warped", "truth"):
        batch[name] = (batch[name].clamp_min(1e-4) ** power.float() * gain.float()).clamp(0, 1)


def prepare(batch: dict[str, Any]) -> dict[str, Any]:
    """Add what the networks take: ``conditions``, ``positions`` (B, 2, S/2, S/2) px, ``paintable``, ``counts``.

    ``counts`` (B, 1, S, S) 0..1 is where truth and output may be compared: what is valid and may be painted.
    """
    size = batch["warped"].shape[-1]
    grid = pixel_grid(size // 2, size // 2).permute(2, 0, 1) * 2
    allowed = paintable(batch["alpha"], batch["flow"], batch["parts"])
    geometry = (batch[name] for name in ("alpha", "trust", "stretch", "flow", "parts", "normals"))
    return {
        **batch,
        "conditions": conditions(*geometry),
        "positions": grid + batch["flow"],
        "paintable": allowed,
        "counts": allowed * batch["valid"],
    }


def cut_windows(batch: dict[str, Any], config: WindowConfig, rng: np.random.Generator) -> dict[str, Tensor]:
    """Windows of a prepared batch, ``config.windows`` a pair, side by side: windows 0, 1 of pair 0, then of pair 1, …

    Keys: ``warped``, ``truth``, ``conditions``, ``positions``, ``paintable``, ``counts``, ``interest``, and
    ``landmarks`` in pixels of the window; ``counts`` is zero in the window's rim.
    """
    size, side = batch["warped"].shape[-1], config.side
    names = ("warped", "truth", "paintable", "counts", "interest", "conditions", "positions")
    pieces: dict[str, list[Tensor]] = {name: [] for name in names}
    points: list[Tensor] = []
    inner = torch.zeros(side, side)
    inner[MARGIN:-MARGIN, MARGIN:-MARGIN] = 1
    for k in range(len(batch["warped"])):
        for _ in range(config.windows):
            x, y = _window(batch, k, config, rng, size)
            points.append(batch["landmarks"][k] - torch.tensor([x, y]))
            for name in names:
                half = 2 if name in ("conditions", "positions") else 1
                part = batch[name][k, :, y // half : (y + side) // half, x // half : (x + side) // half]
                pieces[name].append(part * inner if name == "counts" else part)
    return {name: torch.stack(parts) for name, parts in pieces.items()} | {"landmarks": torch.stack(points)}


def _window(
    batch: dict[str, Any], k: int, config: WindowConfig, rng: np.random.Generator, size: int
) -> tuple[int, int]:
    """First pixel (x, y), even, of a window around a place drawn by what it is aimed at."""
    aim = int(rng.choice(4, p=config.aim))
    weight = batch["counts"][k, 0] if aim == 3 else batch["interest"][k, aim] * batch["counts"][k, 0]
    if float(weight.sum()) < 1:
        weight = torch.ones_like(weight)
    sums = weight.flatten().double().cumsum(0).numpy()
    place = int(np.searchsorted(sums, rng.uniform(0, sums[-1])))
    y, x = divmod(min(place, size * size - 1), size)
    jitter = rng.integers(-config.side // 4, config.side // 4 + 1, 2)
    corner = np.clip(np.array([x, y]) - config.side // 2 + jitter, 0, size - config.side)
    return int(corner[0] // 2 * 2), int(corner[1] // 2 * 2)


def need_pairs(folder: str | Path, split: str) -> ReenactmentPairs | None:
    """The pairs of a split, or None where there are none."""
    try:
        return ReenactmentPairs.open(folder, split)
    except SoliloquyError as error:
        if error.code != "pairs_missing":
            raise
        return None
