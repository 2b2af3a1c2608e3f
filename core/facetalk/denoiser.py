"""From the decoder's answer to the n̂⁰ of a step, in training and in sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from ..prior.denoiser import correct_slowly
from ..prior.schedule import CosineSchedule
from .network import ExpressionDecoder


def predict_clean(
    network: ExpressionDecoder, schedule: CosineSchedule, noisy: Tensor, t: Tensor, tokens: Tensor, known: Tensor
) -> Tensor:
    """(B, L, MOTION) float32 n̂⁰; known frames come back as they were given.

    The decoder's answer gets the slow correction of the prior (``core.prior.denoiser``): without it heads hardly move
    until a network is trained for very long.

    Parameters
    ----------
    noisy
        (B, L, MOTION) nᵗ, but n⁰ itself in known frames.
    t
        (B,) long, 1 … T.
    tokens
        (B, L, width) of ``ExpressionDecoder.hear`` or ``silence``.
    known
        (B, L) bool.
    """
    answer = network(noisy, t, tokens, known).float()
    with torch.autocast(noisy.device.type, enabled=False):
        given = known[..., None]
        alpha, _ = schedule.coefficients(t, noisy)
        clean = torch.where(given, noisy, answer)
        return torch.where(given, noisy, correct_slowly(clean, torch.where(given, alpha * noisy, noisy), t, schedule))
