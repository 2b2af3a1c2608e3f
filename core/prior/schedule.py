"""The noise schedule of the prior: how much of n⁰ is left in nᵗ.

Constants are float64, because near t = T the signal's share is 1e-9. They become float32 where they meet the network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class CosineSchedule:
    """ᾱ_t of Nichol & Dhariwal 2021, eq. (17), with t = 0 … T and ᾱ_0 = 1.

    Attributes
    ----------
    steps
        T, the number of diffusion steps.
    alpha_bar
        (T + 1,) float64, ᾱ_t; index 0 is clean data.
    """

    steps: int = 1000
    alpha_bar: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        def share(t: float) -> float:
            return math.cos((t / self.steps + 0.008) / 1.008 * math.pi / 2) ** 2

        # β_t is clipped at 0.999, as where eq. (17) comes from, so that ᾱ_T stays above zero and λ_T stays finite.
        alpha_bar, product = [1.0], 1.0
        for t in range(self.steps):
            product *= 1.0 - min(1.0 - share(t + 1) / share(t), 0.999)
            alpha_bar.append(product)
        object.__setattr__(self, "alpha_bar", torch.tensor(alpha_bar, dtype=torch.float64))

    def alpha(self, t: int) -> float:
        """√ᾱ_t, the factor of n⁰ in nᵗ."""
        return math.sqrt(self.alpha_bar[t].item())

    def sigma(self, t: int) -> float:
        """√(1 − ᾱ_t), the standard deviation of the noise in nᵗ."""
        return math.sqrt(1.0 - self.alpha_bar[t].item())

    def lambda_(self, t: int) -> float:
        """λ_t = log(√ᾱ_t / √(1 − ᾱ_t)), half the logarithm of the signal-to-noise ratio; infinite at t = 0."""
        return math.inf if t == 0 else math.log(self.alpha(t) / self.sigma(t))

    def add_noise(self, clean: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Draw nᵗ ~ q(nᵗ | n⁰) = N(√ᾱ_t n⁰, (1 − ᾱ_t) I) (Ho et al. 2020, eq. 4).

        Parameters
        ----------
        clean, noise
            (B, …) n⁰ and ε ~ N(0, I).
        t
            (B,) long, 0 … T.
        """
        alpha, sigma = self.coefficients(t, clean)
        return alpha * clean + sigma * noise

    def coefficients(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """(√ᾱ_t, √(1 − ᾱ_t)) for t (B,): each (B, 1, …), with the type and the number of dimensions of ``like``."""
        share = self.alpha_bar.to(t.device)[t].view((-1,) + (1,) * (like.dim() - 1))  # (B,) -> (B, 1, …)
        return share.sqrt().to(like.dtype), (1.0 - share).sqrt().to(like.dtype)

    def clean_from(self, prediction: str, answer: Tensor, noisy: Tensor, t: Tensor) -> Tensor:
        """The n̂⁰ that a network's answer means.

        Parameters
        ----------
        prediction
            ``"clean"``: the answer is n̂⁰ itself, as in the paper (eq. 7). ``"noise"``: ε̂ of Ho et al. 2020, which
            tells nothing about n⁰ at t = T. ``"velocity"``: v̂ = √ᾱ_t ε − √(1 − ᾱ_t) n⁰ of Salimans & Ho 2022,
            appendix D.
        answer, noisy
            (B, …) answer and nᵗ.
        t
            (B,) long, 1 … T.

        Raises
        ------
        ValueError
            If ``prediction`` is another word.
        """
        alpha, sigma = self.coefficients(t, noisy)
        if prediction == "clean":
            return answer
        if prediction == "noise":
            return (noisy - sigma * answer) / alpha
        if prediction == "velocity":
            return alpha * noisy - sigma * answer
        raise ValueError(f"prediction must be clean, noise or velocity, not {prediction!r}")

    def noise_from_clean(self, clean: Tensor, noisy: Tensor, t: int) -> Tensor:
        """The ε with which ``clean`` (n⁰) becomes ``noisy`` (nᵗ); t ≥ 1."""
        return (noisy - self.alpha(t) * clean) / self.sigma(t)

    def posterior(self, clean: Tensor, noisy: Tensor, t: int, previous: int) -> tuple[Tensor, float]:
        """Mean and variance of q(nˢ | nᵗ, n⁰) for s = ``previous`` < t (Ho et al. 2020, eq. 6–7, any stride)."""
        now, before = self.alpha_bar[t].item(), self.alpha_bar[previous].item()
        alpha = now / before
        mean_clean = math.sqrt(before) * (1.0 - alpha) / (1.0 - now)
        mean_noisy = math.sqrt(alpha) * (1.0 - before) / (1.0 - now)
        variance = (1.0 - before) / (1.0 - now) * (1.0 - alpha)
        return mean_clean * clean + mean_noisy * noisy, variance

    def timesteps(self, num_inference_steps: int) -> list[int]:
        """Descending t_0 = T, …, t_K = 0: the K + 1 points of a sampler of K steps.

        t_k = T (1 − (k / K)^1.5), at least one apart. They are closer together near T, where the kind of motion is
        decided, than near 0, where only detail is left. With ten steps, SND was a fifth better than with even spacing.

        Raises
        ------
        ValueError
            If K is not 1 … T.
        """
        if not 1 <= num_inference_steps <= self.steps:
            raise ValueError(f"num_inference_steps must be 1 … {self.steps}, not {num_inference_steps}")
        times = [self.steps]
        for k in range(1, num_inference_steps + 1):
            wanted = round(self.steps * (1.0 - (k / num_inference_steps) ** 1.5))
            times.append(min(times[-1] - 1, max(num_inference_steps - k, wanted)))
        return times
