"""What G trains on: windows of the reenactment pairs, under varying light and colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import SoliloquyError
from core.renderer.fields import pixel_grid
from core.renderer.generator.conditions import conditions, paintable

from ..corpus.pairs.dataset import ReenactmentPairs
from ..corpus.pairs.pair import FOLDER, KINDS, SHARES, PairBatch

REOPEN = 100
"""Steps after which new shards are looked for."""
MARGIN = 8
"""Pixels at a window's rim that do not count: the network does not see what lies beyond."""


@dataclass(frozen=True)
class WindowConfig:
    """How a batch is drawn.

    Attributes
    ----------
    pairs
        Pairs in each step.
    windows
        Windows in each pair; 0 takes the whole square.
    side
        Side of a window, pixels.
    aim
        Share of the windows aimed at mouth, eyes, edge, and anywhere on the person.
    runs
        Share of the steps that show three neighbouring frames of a film instead of ``pairs``.
    run_windows
        Windows in each frame of such a step, at the same places in all three.
    """

    pairs: int = 2
    windows: int = 3
    side: int = 112
    aim: tuple[float, float, float, float] = (0.35, 0.25, 0.25, 0.15)
    runs: float = 0.4
    run_windows: int = 2

    @classmethod
    def tiny(cls) -> WindowConfig:
        """For tests."""
        return cls(pairs=2, windows=1, side=32)


@dataclass(frozen=True)
class Windows:
    """Inputs of G for W windows of B pairs, and their truth. A window is a part of the pair's square, or all of it.

    The windows of a pair follow each other: windows 0, 1, … of pair 0, then those of pair 1. W is B for whole squares.

    Attributes
    ----------
    source
        (B, 3, S, S) RGB 0–1, always the whole picture.
    style
        (W, 224) f_cat.
    warped, truth
        (W, 3, h, w) RGB 0–1.
    conditions
        (W, C, h/2, w/2) of ``core.renderer.generator.conditions``.
    positions
        (W, 2, h/2, w/2) the source's place of each block of 2 × 2 pixels, px of the source.
    paintable
        (W, 1, h, w) 0–1: where G may paint.
    counts
        (W, 1, h, w) 0–1: where truth and output may be compared, which is where the pair is valid and G may paint. It
        is zero in a window's rim.
    interest
        (W, 3, h, w) masks 0–1 of mouth, eyes and edge.
    landmarks
        (W, 478, 2) face mesh of the truth, px of the window.
    frames
        1, or 3 if the pairs are three neighbouring frames of a film from one source.
    """

    source: Tensor
    style: Tensor
    warped: Tensor
    truth: Tensor
    conditions: Tensor
    positions: Tensor
    paintable: Tensor
    counts: Tensor
    interest: Tensor
    landmarks: Tensor
    frames: int = 1

    def to(self, device: torch.device) -> Windows:
        """The same windows on a device."""
        tensors = {f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name != "frames"}
        return replace(self, **tensors)


class PairSource:
    """Batches of pairs. Files that appear during a run are used as well."""

    def __init__(self, folder: str | Path = FOLDER, split: str = "train", shares: Mapping[str, float] = SHARES) -> None:
        self.folder, self.split, self.shares = Path(folder), split, shares
        self._files: list[Path] = []
        self._pairs: ReenactmentPairs | None = None

    def batch(self, count: int, step: int, rng: np.random.Generator) -> PairBatch:
        """``count`` random pairs for step ``step``."""
        return self._opened(step).batch(count, rng, self.shares)

    def run(self, step: int, rng: np.random.Generator) -> PairBatch | None:
        """Three neighbouring frames of a film from one source, or None if there are none."""
        return self._opened(step).run(rng)

    def _opened(self, step: int) -> ReenactmentPairs:
        if self._pairs is None or step % REOPEN == 0:
            files = sorted(p for kind in KINDS for p in (self.folder / kind / self.split).glob("*.safetensors"))
            if files != self._files or self._pairs is None:
                self._files, self._pairs = files, ReenactmentPairs.open(self.folder, self.split)
        return self._pairs


def recolour(pairs: PairBatch, rng: np.random.Generator, alike: bool = False) -> PairBatch:
    """The pairs under other light and colours; source, warp and truth of a pair change in the same way. ``alike``: all
    pairs change in the same way."""
    count = 1 if alike else len(pairs)
    gain = torch.tensor(rng.uniform(0.85, 1.12, (count, 1, 1, 1)) * rng.uniform(0.93, 1.07, (count, 3, 1, 1)))
    power = torch.tensor(rng.uniform(0.8, 1.25, (count, 1, 1, 1)))

    def changed(picture: Tensor) -> Tensor:
        return (picture.clamp_min(1e-4) ** power.float() * gain.float()).clamp(0, 1)

    return replace(pairs, source=changed(pairs.source), warped=changed(pairs.warped), truth=changed(pairs.truth))


def whole_squares(pairs: PairBatch, style: Tensor) -> Windows:
    """The pairs as inputs of the generator with flow, with their f_cat (B, 224)."""
    size = pairs.warped.shape[-1]
    grid = pixel_grid(size // 2, size // 2).permute(2, 0, 1) * 2
    allowed = paintable(pairs.alpha, pairs.flow, pairs.parts)
    return Windows(
        source=pairs.source,
        style=style,
        warped=pairs.warped,
        truth=pairs.truth,
        conditions=conditions(pairs.alpha, pairs.trust, pairs.stretch, pairs.flow, pairs.parts, pairs.normals),
        positions=grid + pairs.flow,
        paintable=allowed,
        counts=allowed * pairs.valid,
        interest=pairs.interest,
        landmarks=pairs.landmarks,
    )


def cut_windows(squares: Windows, config: WindowConfig, rng: np.random.Generator) -> Windows:
    """``config.windows`` windows of each whole square, or ``config.run_windows`` of each frame of a film."""
    size, side = squares.warped.shape[-1], config.side
    halves = ("conditions", "positions")
    names = ("warped", "truth", "paintable", "counts", "interest", *halves)
    pieces: dict[str, list[Tensor]] = {name: [] for name in names}
    points: list[Tensor] = []
    inner = torch.zeros(side, side)
    inner[MARGIN:-MARGIN, MARGIN:-MARGIN] = 1
    together = squares.frames > 1
    count = config.run_windows if together else config.windows
    middle = [_corner(squares, 1, config, rng, size) for _ in range(count)] if together else []
    for k in range(len(squares.warped)):
        for n in range(count):
            x, y = middle[n] if together else _corner(squares, k, config, rng, size)
            points.append(squares.landmarks[k] - torch.tensor([x, y]))
            for name in names:
                half = 2 if name in halves else 1
                part = getattr(squares, name)[k, :, y // half : (y + side) // half, x // half : (x + side) // half]
                pieces[name].append(part * inner if name == "counts" else part)
    return Windows(
        source=squares.source[:1] if together else squares.source,
        style=squares.style.repeat_interleave(count, 0),
        frames=squares.frames,
        landmarks=torch.stack(points),
        **{name: torch.stack(parts) for name, parts in pieces.items()},
    )


def _corner(squares: Windows, k: int, config: WindowConfig, rng: np.random.Generator, size: int) -> tuple[int, int]:
    """First pixel (x, y), even, of a window around a random place of square ``k``, drawn by ``config.aim``."""
    aim = int(rng.choice(4, p=config.aim))
    weight = squares.counts[k, 0] if aim == 3 else squares.interest[k, aim] * squares.counts[k, 0]
    if float(weight.sum()) < 1:
        weight = torch.ones_like(weight)
    sums = weight.flatten().double().cumsum(0).numpy()
    place = int(np.searchsorted(sums, rng.uniform(0, sums[-1])))
    y, x = divmod(min(place, size * size - 1), size)
    jitter = rng.integers(-config.side // 4, config.side // 4 + 1, 2)
    corner = np.clip(np.array([x, y]) - config.side // 2 + jitter, 0, size - config.side)
    return int(corner[0] // 2 * 2), int(corner[1] // 2 * 2)


def pairs_if_any(folder: str | Path, split: str) -> ReenactmentPairs | None:
    """The pairs of a split, or None if there are none."""
    try:
        return ReenactmentPairs.open(folder, split)
    except SoliloquyError as error:
        if error.code != "pairs_missing":
            raise
        return None
