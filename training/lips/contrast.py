"""L_cl between E_a and E_v: each moment of a filmed clip must find its sound among the sounds of the clip, and back.

Eq. 2 of arXiv 2212.04248. There it trains E_v, E_a and MLP_cl together; here E_v is fixed. The gradient reaches the
adapter of E_a. What is in this file is used in training only, and the exported weights have nothing of it.

Two things differ from the paper. f_v is taken relative to the mean of its window: who it is and how the head is held do
not change within it, and the few filmed talkers would be known by them. And f_a is compared after a linear layer, so
that what tells nothing about the face can stay in f_a.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from core.representation.encoders import perceptron

from ..common.contrastive import contrastive

HIDDEN = 256
"""Width of the hidden layer of MLP_cl, as in ``core.representation.model``."""
APART = 3
"""Frames between the frames that are compared. Neighbours sound almost alike, so they would be misleading negatives."""
TEMPERATURE = 0.1
"""Of the softmax over the frames of a clip, as in ``training.representation``."""
DROPOUT = 0.2
"""Share of the entries of f_v that are hidden in training."""


class Contrast(nn.Module):
    """Brings f_v and f_a into one space: MLP_cl, and a linear layer. ``deviation`` (d_v,) is the unit of f_v."""

    deviation: Tensor

    def __init__(self, d_v: int, d_a: int) -> None:
        super().__init__()
        self.register_buffer("deviation", torch.ones(d_v))
        self.forget = nn.Dropout(DROPOUT)
        self.mlp_cl = perceptron(d_v, HIDDEN, d_a)
        self.sound = nn.Linear(d_a, d_a)

    @classmethod
    def of(cls, clips: Sequence[np.ndarray], d_a: int) -> Contrast:
        """One that has learned nothing yet, for the f_v (T, d_v) of filmed clips."""
        net = cls(clips[0].shape[1], d_a)
        moved = np.concatenate([f_v.astype(np.float32) - f_v.astype(np.float32).mean(0) for f_v in clips])
        net.deviation.copy_(torch.from_numpy(np.maximum(moved.std(0), 1e-3)))
        return net

    def forward(self, f_v: Tensor, f_a: Tensor) -> tuple[Tensor, Tensor]:
        """f_cl of windows f_v (S, L, d_v), and f_a (S, L, d_a) in the same space: both (S, L, d_a)."""
        moved = (f_v - f_v.mean(1, keepdim=True)) / self.deviation
        return self.mlp_cl(self.forget(moved)), self.sound(f_a)


def spaced(values: Tensor) -> Tensor:
    """(S, L, d) → (S · APART, L / APART, d): every third frame, from each of the three first ones on. Frames that are
    left over at the end are dropped."""
    whole = values[:, : values.shape[1] // APART * APART]
    return whole.unflatten(1, (-1, APART)).transpose(1, 2).flatten(0, 1)


def contrast(f_cl: Tensor, sound: Tensor) -> Tensor:
    """L_cl of the windows that :class:`Contrast` gives; 0, with gradients of 0, if there are none."""
    if not len(f_cl):
        return f_cl.sum() + sound.sum()
    return contrastive(spaced(f_cl), spaced(sound), TEMPERATURE)
