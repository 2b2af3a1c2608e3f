"""Losses of ExpNet (arXiv 2211.12194, section 3.1): distillation, landmarks with eye ratio, and lip reading."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.face.points import IBUG_EYE_CORNERS, IBUG_LID_PAIRS
from core.head.head_model import HeadModel

from .clips import LIDS, Windows, phones_of_frames
from .reader import Reader, reading_loss

WEIGHT_UNIT, CM_UNIT, RATIO_UNIT = 0.1, 0.1, 0.1
"""Units of errors of weights, landmarks and eye ratios: about their deviations in speech."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms.

    Attributes
    ----------
    distillation
        Squared error of the weights.
    landmarks
        Squared error of the 68 landmarks on the mean head.
    eyes
        Absolute error of the eye ratio against the one that the blink ratio asks for.
    reading
        Cross-entropy of what is read and what is heard, in filmed windows. 0: the reader isn't needed.
    """

    distillation: float = 2.0
    landmarks: float = 1.0
    eyes: float = 0.2
    reading: float = 0.1


class Landmarks(nn.Module):
    """The 68 landmarks of the mean head for expression weights, and the ratio of its eyes."""

    mean: Tensor
    basis: Tensor

    def __init__(self, head: HeadModel) -> None:
        super().__init__()
        points = head.landmarks68
        self.register_buffer("mean", head.mean[points])
        self.register_buffer("basis", head.expression_basis[:, points].flatten(1))
        shut = torch.zeros(len(self.basis))
        shut[LIDS] = 1.0
        self.shut = float(self.eye_ratio(shut).mean())
        """Ratio of eyes that are shut: the lids of the model have a thickness."""

    def forward(self, weights: Tensor) -> Tensor:
        """(…, 53) → (…, 68, 3) cm."""
        return self.mean + (weights @ self.basis).unflatten(-1, (-1, 3))

    def eye_ratio(self, weights: Tensor) -> Tensor:
        """(…, 53) → (…, 2) distance of the lids divided by the width of the eye, the left eye first."""
        points = self(weights)
        ratios = []
        for pairs, (outer, inner) in zip(IBUG_LID_PAIRS, IBUG_EYE_CORNERS, strict=True):
            upper, lower = zip(*pairs, strict=True)
            gap = (points[..., upper, :] - points[..., lower, :]).norm(dim=-1).mean(-1)
            ratios.append(gap / (points[..., outer, :] - points[..., inner, :]).norm(dim=-1))
        return torch.stack(ratios, -1)

    def asked_ratio(self, reference: Tensor, blink: Tensor) -> Tensor:
        """(B, T, 2) eye ratio that blink ratios (B, T) ask of reference expressions (B, 53)."""
        opened = self.eye_ratio(reference)[:, None]
        return opened + blink[..., None] * (self.shut - opened)


class ExpressionLosses(nn.Module):
    """The terms and their weighted sum ``total``. ``reader`` is frozen; None leaves lip reading out."""

    def __init__(self, weights: LossWeights, head: HeadModel, reader: Reader | None) -> None:
        super().__init__()
        self.weights, self.landmarks, self.reader = weights, Landmarks(head), reader

    def forward(self, predicted: Tensor, batch: Windows) -> dict[str, Tensor]:
        """Of ``predicted`` (B, T, 53), not limited to 0–1."""
        error = predicted - batch.target
        moved = (error @ self.landmarks.basis).unflatten(-1, (-1, 3))
        eyes = self.landmarks.eye_ratio(predicted) - self.landmarks.asked_ratio(batch.reference, batch.blink)
        terms = {
            "distillation": (error / WEIGHT_UNIT).square().mean(),
            "landmarks": (moved / CM_UNIT).square().sum(-1).mean(),
            "eyes": (eyes / RATIO_UNIT).abs().mean(),
        }
        if self.reader is not None:
            read = reading_loss(self.reader(predicted), phones_of_frames(batch.phones))
            terms["reading"] = (batch.filmed * read).sum() / batch.filmed.sum().clamp_min(1)
        total = sum((getattr(self.weights, name) * value for name, value in terms.items()), predicted.new_zeros(()))
        return terms | {"total": total}
