"""Render synthetic views to disk: ``python -m training.corpus.synthetic.views --count 10000 --split train``.

On one processor rendering takes longer than a training step, so trainers read views that were rendered once. On a
computer with many cores, draw them on the fly instead (``talkers.SyntheticTalkers``). ``.cache/synthetic/<split>`` has
shards of 250 views: jpeg and offsets as in ``training.corpus.shards``, and all truths of ``SyntheticTalkers.batch``
except part labels. A shard depends only on its number, so a stopped command can go on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.numpy import load_file
from tqdm import tqdm

from core.errors import SoliloquyError

from ...common import folders
from ...common.arrays import save_tensors
from ..crops import unpack
from .talkers import SyntheticTalkers

CACHE = folders.CACHE / "synthetic"
SHARD = 250
FIELDS = ("identity", "expression", "rotation", "translation", "focal", "centre", "gaze", "light", "landmarks")
QUALITY = 94
SPLIT_SEEDS = {"train": 0, "test": 1}


def render_shard(talkers: SyntheticTalkers, number: int, size: int = SHARD, batch: int = 10) -> dict[str, np.ndarray]:
    """The arrays of shard ``number``."""
    rng = np.random.default_rng([SPLIT_SEEDS[talkers.split], number])
    drawn = [talkers.batch(batch, rng) for _ in range(size // batch)]
    arrays = {name: torch.cat([part[name] for part in drawn]).numpy() for name in FIELDS}
    pictures = torch.cat([part["picture"] for part in drawn]).permute(0, 2, 3, 1)
    packed = []
    for picture in (pictures * 255 + 0.5).byte().numpy():
        ok, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not ok:
            raise SoliloquyError("jpeg", "A rendered picture couldn't be written.", "Report this as a bug.")
        packed.append(data.reshape(-1))
    arrays["jpeg"] = np.concatenate(packed)
    arrays["offsets"] = np.cumsum([0, *map(len, packed)]).astype(np.int64)
    return arrays


class SyntheticViews:
    """The rendered views of a split, ``views[i]`` (128, 128, 3) uint8, and their truth as whole arrays.

    Raises SoliloquyError ``synthetic_missing`` if there are none.
    """

    def __init__(self, split: str, folder: Path = CACHE, limit: int | None = None) -> None:
        paths = sorted((folder / split).glob("*.safetensors"))[:limit]
        if not paths:
            raise SoliloquyError(
                "synthetic_missing",
                f"No synthetic views were rendered in {folder / split}.",
                f"Render some: python -m training.corpus.synthetic.views --split {split}",
            )
        shards = [load_file(path) for path in paths]
        self.truth = {name: np.concatenate([shard[name] for shard in shards]) for name in FIELDS}
        self._jpeg = [shard["jpeg"] for shard in shards]
        self._place = [(k, i) for k, shard in enumerate(shards) for i in range(len(shard["offsets"]) - 1)]
        self._offsets = [shard["offsets"] for shard in shards]

    def __len__(self) -> int:
        return len(self._place)

    def __getitem__(self, index: int) -> np.ndarray:
        shard, row = self._place[index]
        first, last = self._offsets[shard][row : row + 2]
        return unpack(self._jpeg[shard][first:last])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=tuple(SPLIT_SEEDS), default="train")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=CACHE)
    options = parser.parse_args()
    torch.set_num_threads(1)
    talkers = SyntheticTalkers(options.split)
    folder = options.out / options.split
    for number in tqdm(range(-(-options.count // SHARD)), desc=f"shards of {SHARD} views"):
        target = folder / f"{number:05d}.safetensors"
        if not target.exists():
            save_tensors(target, render_shard(talkers, number))


if __name__ == "__main__":
    main()
