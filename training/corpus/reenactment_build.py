"""Makes the shards of pairs, a few portraits or clips each; shards that are there are left as they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core.errors import SoliloquyError
from core.head_model import HeadModel
from core.landmark_model import LandmarkModel

from ..landmarks import BadClip
from ..splits import portrait_split
from ..tracks import CACHE
from .reenactment import KINDS, Pair
from .reenactment_grid import CLIPS, clip_pairs, clips
from .reenactment_portraits import portrait_pairs
from .reenactment_store import shard_is_whole, write_pairs

Work = tuple[str, Sequence[Path], Callable[[Path], list[Pair]]]
"""A split, what it is made of, and how."""
SHARD_UNITS = 8
"""Portraits, clips or people a shard."""


def build(kind: str, folder: Path, data: Path, limit: int | None = None) -> None:
    """Make all pairs of a kind ("portraits" makes those of "own" too) that are not in ``folder`` yet.

    ``limit``: so many portraits, clips or people a split.
    """
    head = HeadModel.load()
    for split, units, make in _work(kind, data, head):
        _shards(folder, kind, split, units[:limit], make)


def _work(kind: str, data: Path, head: HeadModel) -> list[Work]:
    if kind == "grid":
        return _grid_work(data, head)
    files = sorted((data / "portraits").glob("*.jpg"))
    # In random order, so that the first shards show all sorts of people.
    files = [files[i] for i in np.random.default_rng(0).permutation(len(files))]

    def make(path: Path) -> list[Pair]:
        return portrait_pairs(head, path, CACHE / "portraits")

    return [(part, [f for f in files if portrait_split(f.stem) == part], make) for part in ("train", "test")]


def _grid_work(data: Path, head: HeadModel) -> list[Work]:
    model = LandmarkModel.face_mesh(head)

    def work(part: str) -> Work:
        units = clips(data, part)
        after = dict(zip(units, [*units[1:], units[0]], strict=True)) if units else {}
        return part, units, lambda path: clip_pairs(head, model, path, after[path], CACHE / "landmarks" / "grid")

    return [work(part) for part in CLIPS]


def _shards(folder: Path, kind: str, split: str, units: Sequence[Path], make: Callable[[Path], list[Pair]]) -> None:
    groups = [units[i : i + SHARD_UNITS] for i in range(0, len(units), SHARD_UNITS)]
    started, made = time.monotonic(), 0
    for number, group in enumerate(groups):
        name = f"{number:04d}.safetensors"
        if shard_is_whole(folder / kind / split / name):
            continue
        pairs: list[Pair] = []
        skipped: dict[str, str] = {}
        for unit in group:
            try:
                new = make(unit)
            except (SoliloquyError, BadClip, OSError) as error:
                skipped[unit.stem] = str(error)
                print(f"{unit.stem}: left out, {error}", flush=True)
                continue
            if not new:
                skipped[unit.stem] = "no pair on which the head lands"
            pairs += new
        for other in KINDS:  # the shard of the kind itself last: it says that all are written
            if other != kind:
                _write(folder / other / split / name, [p for p in pairs if p.facts["kind"] == other], {})
        own = [p for p in pairs if p.facts["kind"] == kind]
        write_pairs(folder / kind / split / name, own, {"skipped": skipped})
        made += len(pairs)
        seconds = time.monotonic() - started
        print(f"{kind} {split} {number + 1}/{len(groups)}: {made} pairs, {seconds:.0f} s", flush=True)


def _write(path: Path, pairs: list[Pair], facts: dict[str, object]) -> None:
    if pairs:
        write_pairs(path, pairs, facts)
