"""Samplers of the reverse process. They use the schedule and a function nᵗ, t → n̂⁰, and don't know the network.

``ddpm`` is the reference (ancestral sampling, Ho et al. 2020). ``ddim`` is its deterministic form (Song et al. 2021).
``dpm_solver_pp`` is the second-order multistep solver that needs the fewest steps (Lu et al. 2022, DPM-Solver++ 2M).
All three keep the contract of :class:`Sampler`. If a network predicts something other than n⁰,
``CosineSchedule.clean_from`` converts its answer before a sampler sees it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from torch import Tensor

from .schedule import CosineSchedule

Denoise = Callable[[Tensor, int], Tensor]
"""nᵗ (B, L, d), t → n̂⁰ (B, L, d)."""
Draw = Callable[[], Tensor]
"""Draws new ε ~ N(0, I) of the sample's shape. Only the ancestral sampler calls it."""


class Sampler(Protocol):
    """nᵀ → n⁰ in a number of steps.

    Every sampler asks for n̂⁰ once a step, at the times of ``CosineSchedule.timesteps``. It keeps the sample's shape and
    type. It returns the last n̂⁰ that it received, so entries that the denoiser holds fixed come back bit for bit.

    Parameters
    ----------
    denoise
        nᵗ, t → n̂⁰.
    noise
        (B, L, d) nᵀ ~ N(0, I).
    num_inference_steps
        1 … T.
    draw
        Source of new noise.
    """

    def __call__(
        self, denoise: Denoise, noise: Tensor, schedule: CosineSchedule, num_inference_steps: int, draw: Draw
    ) -> Tensor: ...


def ddpm(denoise: Denoise, noise: Tensor, schedule: CosineSchedule, num_inference_steps: int, draw: Draw) -> Tensor:
    """Ancestral sampling: n^{t−1} ~ q(n^{t−1} | nᵗ, n̂⁰) (Ho et al. 2020, algorithm 2, with n̂⁰ for ε).

    T steps are the reference; fewer steps use the same posterior over longer strides. ``draw`` is called in every step
    except the last.
    """
    times = schedule.timesteps(num_inference_steps)
    sample = noise
    for t, following in itertools.pairwise(times):
        mean, variance = schedule.posterior(denoise(sample, t), sample, t, following)
        sample = mean if following == 0 else mean + math.sqrt(variance) * draw()
    return sample


def ddim(denoise: Denoise, noise: Tensor, schedule: CosineSchedule, num_inference_steps: int, draw: Draw) -> Tensor:
    """First-order deterministic sampling (Song et al. 2021, eq. 12 with σ = 0). ``draw`` is not called."""
    times = schedule.timesteps(num_inference_steps)
    sample = noise
    for t, following in itertools.pairwise(times):
        clean = denoise(sample, t)
        direction = schedule.noise_from_clean(clean, sample, t)
        sample = schedule.alpha(following) * clean + schedule.sigma(following) * direction
    return sample


def dpm_solver_pp(
    denoise: Denoise, noise: Tensor, schedule: CosineSchedule, num_inference_steps: int, draw: Draw
) -> Tensor:
    """Second-order multistep solver in n̂⁰ (Lu et al. 2022, DPM-Solver++, algorithm 2). ``draw`` is not called.

    The last step, to σ = 0 where λ is infinite, is of first order: it returns the last n̂⁰ itself.
    """
    times = schedule.timesteps(num_inference_steps)
    sample, previous, previous_h = noise, None, 0.0
    for t, following in itertools.pairwise(times):
        clean = denoise(sample, t)
        if following == 0:
            return clean
        h = schedule.lambda_(following) - schedule.lambda_(t)
        target = clean
        if previous is not None:
            r = previous_h / h
            target = clean + (clean - previous) / (2.0 * r)
        ratio = schedule.sigma(following) / schedule.sigma(t)
        sample = ratio * sample - schedule.alpha(following) * math.expm1(-h) * target
        previous, previous_h = clean, h
    return sample


SAMPLERS: Mapping[str, Sampler] = MappingProxyType({"ddpm": ddpm, "ddim": ddim, "dpm_solver_pp": dpm_solver_pp})
