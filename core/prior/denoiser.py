"""From the network's answer to the n̂⁰ that a sampler receives: slow correction, guidance, known entries.

**The slow correction** is a Wiener correction of n̂⁰ on two time scales, in training and in sampling. Motion is smooth,
so nᵗ averaged over a third of a second or more is a much less noisy measurement of n⁰ than any single frame of it. A
transformer that predicts n⁰ directly must copy that average through eight layers, and for a long time in training does
so only to within a few percent. A sampler multiplies this loss at every step, and heads hardly move. So the average of
the disagreement nᵗ / √ᾱ_t − n̂⁰ is weighed against the network's own error and added. This is similar to the skip
connection of Karras et al. 2022, eq. 7, which works frame by frame and would let noise through.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..stopping import check_cancelled
from .guidance import Guidance
from .kept import Known
from .network import AudioToNonlipPrior
from .schedule import CosineSchedule

SCALES = ((8.0, 0.02), (2.5, 0.01))
"""Deviation of the averaging Gaussian in frames, and variance of the network's error at that scale in normalised units.
After 1,000 steps of training without the correction, the whole error was 0.03, most of it slower than a second."""
EXACT_UP_TO = 0.25
"""Fraction of T: steps at smaller t are never coarse. With this, three takes of ten seconds in ten steps turned their
heads by 0.007° (root mean square) from those of exact steps only, and trembled no more. With all steps coarse it was
0.010°, and 2 % more trembling. If a sampler's last step begins at a larger t, only that step is exact: of four steps,
0.0065°."""


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
    """n̂⁰ without its slow disagreement with nᵗ, as far as nᵗ can be trusted at this t.

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


def predict_clean(
    network: AudioToNonlipPrior,
    schedule: CosineSchedule,
    noisy: Tensor,
    t: Tensor,
    audio: Tensor,
    known: Tensor,
    known_mask: Tensor,
) -> Tensor:
    """(B, L, d) float32 n̂⁰ of the network with the slow correction, in training and in sampling.

    All inputs are converted to the type of the network's weights.

    Parameters
    ----------
    noisy
        (B, L, d) nᵗ.
    t
        (B,) long, 1 … T.
    audio
        (B, L, condition) ``encode_audio`` or ``empty_audio`` of the network, plus ``encode_levels`` and
        ``encode_mouth``.
    known, known_mask
        (B, L, d) n⁰, and where it is known.
    """
    kind = network.out.weight.dtype
    answer = network(noisy.to(kind), t, audio.to(kind), known.to(kind), known_mask).float()
    with torch.autocast(noisy.device.type, enabled=False):
        clean = schedule.clean_from(network.config.prediction, answer, noisy, t)
        return correct_slowly(clean, noisy, t, schedule)


@dataclass(frozen=True, eq=False)
class Networks:
    """The trained network in two precisions, and the schedule that it was trained with.

    ``coarse`` has fewer digits and takes the early steps; the last ones correct what it rounds. It may be the exact
    network itself.
    """

    exact: AudioToNonlipPrior
    coarse: AudioToNonlipPrior
    schedule: CosineSchedule


class Denoiser:
    """nᵗ, t → n̂⁰ of one window, guided, with the known entries put in.

    Putting them into n̂⁰ at every step keeps nᵗ there on the path that leads to them.

    Parameters
    ----------
    mel
        (4 L, 80) log-mel of the window.
    known
        (N, L, d) what is known of n⁰.
    guidance
        What is done to the network's answers.
    exact_up_to
        The coarse network takes all steps with a larger t; ``EXACT_UP_TO`` · T if None.
    mouth
        (L, 9) curves of the mouth (``told.mouth.mouth_curves``), or None if it isn't known.

    Attributes
    ----------
    last
        (N, L, d) the last n̂⁰ before the known entries were put in, which ``windows.close_seams`` needs.
    """

    def __init__(
        self,
        networks: Networks,
        mel: Tensor,
        known: Known,
        guidance: Guidance,
        exact_up_to: float | None = None,
        mouth: Tensor | None = None,
    ) -> None:
        self._networks, self._known, self._guidance = networks, known, guidance
        self._exact_up_to = EXACT_UP_TO * networks.schedule.steps if exact_up_to is None else exact_up_to
        self._audio = self._conditions(mel, mouth)
        self.last = known.values

    def _conditions(self, mel: Tensor, mouth: Tensor | None) -> Tensor:
        """(N, L, condition), or (2 N, L, condition) with the conditional half first where guidance needs both.

        The condition ∅ that guidance leads away from has no sound and no mouth. A take of the scale 0 has no sound
        either, but its mouth.
        """
        network, scale = self._networks.exact, self._guidance.scale
        takes, frames, _ = self._known.values.shape
        nothing = network.unknown_mouth(1, frames)
        seen = network.encode_mouth(nothing if mouth is None else mouth[None])  # (1, L, condition)
        conditions = []
        if scale != 0.0:
            conditions.append((network.encode_audio(mel[None]) + seen).expand(takes, -1, -1))
        if scale != 1.0:
            unseen = seen if scale == 0.0 else network.encode_mouth(nothing)
            conditions.append(network.empty_audio(takes, frames) + unseen)
        return torch.cat(conditions) + network.encode_levels(self._guidance.levels[None].to(mel.device))

    def __call__(self, noisy: Tensor, t: int) -> Tensor:
        """(N, L, d) n̂⁰ for (N, L, d) nᵗ at 1 ≤ t ≤ T."""
        check_cancelled()
        takes, scale, known = len(noisy), self._guidance.scale, self._known
        repeat = len(self._audio) // takes  # 2 where both the conditional and the empty answer are needed
        schedule = self._networks.schedule

        def both(x: Tensor) -> Tensor:
            return x.repeat(repeat, 1, 1)  # (N, L, d) -> (N or 2 N, L, d)

        network = self._networks.coarse if t > self._exact_up_to else self._networks.exact
        times = torch.full((takes * repeat,), t, device=noisy.device)
        clean = predict_clean(network, schedule, both(noisy), times, self._audio, both(known.values), both(known.mask))
        if repeat == 2:
            conditional, empty = clean.split(takes)
            clean = scale * conditional + (1.0 - scale) * empty
        clean = self._guidance.lead(clean, noisy, t, schedule, known)
        if known.put is not None:
            clean = known.put(clean)
        self.last = clean
        return torch.where(known.mask, known.values, clean)
