"""L_cl against the sum written out, and who is a negative of whom."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.common.contrastive import contrastive, retrieval


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_contrastive_loss_is_the_sum_written_out():
    motion, sound = _normal(2, 5, 7), _normal(2, 5, 7, seed=1)
    total = 0.0
    for c in range(2):
        for i in range(5):
            for query, keys in ((motion[c, i], sound[c]), (sound[c, i], motion[c])):
                cosines = [float(torch.cosine_similarity(query, key, dim=0)) for key in keys]
                shares = np.exp(np.array(cosines) / 0.2)
                total -= np.log(shares[i] / shares.sum())
    assert float(contrastive(motion, sound, 0.2)) == pytest.approx(total / 20, rel=1e-4)


def test_negatives_are_frames_of_the_same_clip():
    motion = _normal(2, 5, 7)
    other = motion.clone()
    other[1] = _normal(5, 7, seed=3)
    first = motion[:1]
    alone = contrastive(first, first, 0.1)
    both = contrastive(motion, torch.cat([first, other[1:]]), 0.1)
    second = contrastive(motion[1:], other[1:], 0.1)
    torch.testing.assert_close(both, (alone + second) / 2)
    assert retrieval(motion, motion) == 1.0 and retrieval(motion, motion.roll(1, 1)) == 0.0
