"""What the network gets wrong slowly, nᵗ itself says better: a Wiener correction of n̂⁰ in two time scales.

Motion is smooth, so nᵗ averaged over a third of a second or more is a far less noisy measurement of n⁰ than any one of
its frames. A transformer that predicts n⁰ directly must copy that average through eight layers, and for a long time in
training does so only to within a few percent; a sampler then multiplies the loss at every step, and heads hardly move.
Here the average of the disagreement nᵗ / √ᾱ_t − n̂⁰ is weighed against the network's own error and added, in training as
in sampling (in the spirit of the skip connection of Karras et al. 2022, eq. 7, which does this frame by frame and would
let noise through).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .schedule import CosineSchedule

SCALES = ((8.0, 0.02), (2.5, 0.01))
"""Deviation of the averaging Gaussian in frames, and the variance of the network's error at that scale in normalised
units (measured after 1,000 steps of training without this: 0.03 in all, most of it slower than a second)."""


def _average(signal: Tensor, deviation: float) -> Tensor:
    """(B, L, d) averaged over time by a Gaussian, renormalised at the ends."""
    reach = math.ceil(3 * deviation)
    axis = torch.arange(-reach, reach + 1, device=signal.device, dtype=signal.dtype)
    kernel = torch.exp(-0.5 * (axis / deviation) ** 2)[None, None]  # (1, 1, 2 reach + 1)
    batch, frames, features = signal.shape
    rows = signal.transpose(1, 2).reshape(batch * features, 1, frames)  # (B, L, d) -> (B d, 1, L)
    summed = nn.functional.conv1d(rows, kernel, padding=reach)
    weight = nn.functional.conv1d(rows.new_ones(1, 1, frames), kernel, padding=reach)
    return (summed / weight).reshape(batch, features, frames).transpose(1, 2)  # (B, L, d)


def correct_slowly(predicted: Tensor, noisy: Tensor, t: Tensor, schedule: CosineSchedule) -> Tensor:
    """n̂⁰ with its slow disagreement with nᵗ taken out as far as nᵗ deserves at this t.

    Parameters
    ----------
    predicted, noisy
        (B, L, d) n̂⁰ of the network and nᵗ, float32.
    t
        (B,) long, 1 … T.

    Returns
    -------
    (B, L, d). At t = T, where nᵗ is noise, ``predicted`` unchanged.
    """
    share = schedule.alpha_bar.to(t.device)[t].to(noisy.dtype)[:, None, None]  # (B, 1, 1)
    noise_variance = (1.0 - share) / share
    clean = noisy / share.sqrt()
    for deviation, error_variance in SCALES:
        frames_averaged = 2.0 * deviation * math.sqrt(math.pi)  # of white noise, by a Gaussian of this deviation
        gain = error_variance / (error_variance + noise_variance / frames_averaged)
        predicted = predicted + gain * _average(clean - predicted, deviation)
    return predicted
