"""Made-up pairs for tests of the generators: a disc as a face, whose warp has the wrong colour in the mouth."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from training.corpus.pairs.pair import PairBatch

SIZE = 64


class MadePairs:
    """A stand-in for ``training.generator.data.PairSource``."""

    folder = Path("nowhere")

    def run(self, step: int, rng: np.random.Generator) -> PairBatch:
        """Three pairs of one source; only the motion differs."""
        one, count = self.batch(1, step, rng), 3
        frames = {f.name: getattr(one, f.name) for f in fields(PairBatch)}
        same = {name: v.expand(count, *v.shape[1:]) for name, v in frames.items() if isinstance(v, torch.Tensor)}
        motion = torch.tensor(rng.normal(0, 1, (count, 59))).float()
        return PairBatch(**same | {"channels": motion}, facts=one.facts * count)

    def batch(self, count: int, step: int, rng: np.random.Generator) -> PairBatch:
        """``count`` pairs; colours, motion and landmarks are random."""
        y, x = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="ij")
        disc = (((x - 32) ** 2 + (y - 32) ** 2) < 24**2).float().expand(count, 1, SIZE, SIZE)
        mouth = (((x - 32) ** 2 / 12**2 + (y - 44) ** 2 / 7**2) < 1).float().expand(count, 1, SIZE, SIZE)
        skin = torch.tensor(rng.uniform(0.3, 0.9, (count, 3, 1, 1))).float()
        truth = 0.1 + disc * (skin - 0.1)
        shade = torch.tensor([0.5, -0.3, -0.3])[:, None, None]
        normals = torch.stack([(x - 32) / 24, (y - 32) / 24, torch.ones_like(x)]).expand(count, 3, SIZE, SIZE)
        channels = torch.tensor(rng.normal(0, 1, (count, 59))).float()
        return PairBatch(
            source=truth,
            truth=(truth + 0.3 * mouth * shade).clamp(0, 1),
            warped=truth,
            alpha=disc,
            trust=disc,
            stretch=torch.zeros_like(disc),
            flow=torch.zeros(count, 2, SIZE // 2, SIZE // 2),
            parts=torch.where(mouth > 0, 1, torch.where(disc > 0, 0, -1))[:, 0],
            normals=torch.nn.functional.normalize(normals, dim=1) * disc,
            channels=channels,
            expression=channels[:, :53],
            own=torch.zeros(count, 53),
            landmarks=torch.tensor(rng.uniform(10, 54, (count, 478, 2))).float(),
            source_landmarks=torch.tensor(rng.uniform(10, 54, (count, 478, 2))).float(),
            interest=torch.cat([mouth, torch.zeros_like(mouth), torch.zeros_like(mouth)], 1),
            valid=torch.ones_like(disc),
            facts=[{"kind": "portraits"}] * count,
        )
