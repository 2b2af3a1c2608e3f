"""Make the shards of pairs, each from a few portraits, clips or people. Existing shards are left unchanged."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from core.errors import SoliloquyError
from core.face.landmark_model import LandmarkModel
from core.head.head_model import HeadModel
from core.readback.pieces import BadClip

from ...common.folders import PORTRAITS
from ...common.splits import generator_portrait_split
from .films import film_pairs, sittings
from .pair import KINDS, SPLITS, Pair
from .portraits import portrait_pairs
from .store import shard_is_whole, write_pairs
from .synthetic import PEOPLE, RENDERED, Sittings, synthetic_pairs

Makers = Mapping[str, Callable[[], list[Pair]]]
"""For the name of a portrait, clip or person, the function that makes its pairs."""
SHARD_UNITS = 8
"""Portraits, clips or people in a shard."""


def build(kind: str, folder: Path, data: Path, limit: int | None = None, splits: Collection[str] = SPLITS) -> None:
    """Make all pairs of a kind that are not in ``folder`` yet. The kind "portraits" also makes the pairs of "own".

    ``limit`` is the largest number of portraits, clips or people in each split. Only ``splits`` are made.
    """
    head = HeadModel.load()
    makers = {"portraits": _portraits, "lids": _lids, "films": _films, "synthetic": _synthetic}[kind]
    for split, units in makers(data, head):
        if split not in splits:
            continue
        _shards(folder, kind, split, dict(list(units.items())[:limit]))


def _portraits(data: Path, head: HeadModel, lids: bool = False) -> Iterator[tuple[str, Makers]]:
    files = sorted((data / "portraits").glob("*.jpg"))
    # In random order, so that the first shards already show many different people.
    files = [files[i] for i in np.random.default_rng(0).permutation(len(files))]
    for part in ("train", "validation", "test"):
        chosen = [f for f in files if generator_portrait_split(f.stem) == part]
        yield part, {f.stem: partial(portrait_pairs, head, f, PORTRAITS, lids) for f in chosen}


def _lids(data: Path, head: HeadModel) -> Iterator[tuple[str, Makers]]:
    yield from _portraits(data, head, lids=True)


def _films(data: Path, head: HeadModel) -> Iterator[tuple[str, Makers]]:
    model = LandmarkModel.face_mesh(head)
    for part in SPLITS:
        yield part, {name: partial(film_pairs, head, model, *of) for name, of in sittings(data, part).items()}


def _synthetic(data: Path, head: HeadModel) -> Iterator[tuple[str, Makers]]:
    for part, count in PEOPLE.items():
        talkers = Sittings(part, RENDERED, "head")
        yield part, {f"person {n}": partial(synthetic_pairs, head, talkers, n) for n in range(count)}


def _shards(folder: Path, kind: str, split: str, units: Makers) -> None:
    names = list(units)
    groups = [names[i : i + SHARD_UNITS] for i in range(0, len(names), SHARD_UNITS)]
    started, made = time.monotonic(), 0
    for number, group in enumerate(groups):
        file = f"{number:04d}.safetensors"
        if shard_is_whole(folder / kind / split / file):
            continue
        pairs: list[Pair] = []
        skipped: dict[str, str] = {}
        for name in group:
            try:
                new = units[name]()
            except (SoliloquyError, BadClip, OSError) as error:
                skipped[name] = str(error)
                continue
            if not new:
                skipped[name] = "the posed head fits none of the truths"
            pairs += new
        # The shard of the kind itself comes last: its presence means that all are written.
        for other in sorted(KINDS, key=lambda k: k == kind):
            own = [pair for pair in pairs if pair.facts["kind"] == other]
            if own or other == kind:
                write_pairs(folder / other / split / file, own, {"skipped": skipped})
        made += len(pairs)
        left_out = "".join(f"; {name} left out: {why}" for name, why in skipped.items())
        seconds = time.monotonic() - started
        print(f"{kind} {split} {number + 1}/{len(groups)}: {made} pairs, {seconds:.0f} s{left_out}", flush=True)
