"""L_cl between E_a and E_v: each moment of a filmed clip must find its sound among the sounds of the clip, and back.

Eq. 2 of arXiv 2212.04248. There it trains E_a and MLP_cl together; E_v is fixed here. The gradient reaches the adapter
of E_a. MLP_cl is used in training only, and the exported weights don't have it.
"""

from __future__ import annotations

from torch import Tensor, nn

from core.representation.encoders import perceptron

from ..common.contrastive import contrastive

HIDDEN = 256
"""Width of the hidden layer of MLP_cl, as in ``core.representation.model``."""
APART = 3
"""Frames between the frames that are compared. Neighbours sound almost alike, so they would be misleading negatives."""
TEMPERATURE = 0.1
"""Of the softmax over the frames of a clip, as in ``training.representation``."""


class Contrast(nn.Module):
    """MLP_cl: f_v (…, d_v) → f_cl (…, d_a), which is compared with f_a."""

    def __init__(self, d_v: int, d_a: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.forget = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(d_v)
        self.mlp_cl = perceptron(d_v, HIDDEN, d_a)

    def forward(self, f_v: Tensor) -> Tensor:
        """f_cl of f_v."""
        f_cl: Tensor = self.mlp_cl(self.forget(self.norm(f_v)))
        return f_cl


def spaced(values: Tensor) -> Tensor:
    """(S, L, d) → (S · APART, L / APART, d): every third frame, from each of the three first ones on. Frames that are
    left over at the end are dropped."""
    whole = values[:, : len(values[0]) // APART * APART] if len(values) else values
    return whole.unflatten(1, (-1, APART)).transpose(1, 2).flatten(0, 1)


def contrast(f_cl: Tensor, f_a: Tensor) -> Tensor:
    """L_cl of windows (S, L, d_a); 0, with gradients of 0, if there are none."""
    if not len(f_cl):
        return f_cl.sum() + 0.0 * f_a.sum()
    return contrastive(spaced(f_cl), spaced(f_a), TEMPERATURE)
