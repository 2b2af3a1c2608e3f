"""What a sampler calls: the network with its guidance and with the known entries in their places."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .calibration import Calibration
from .levels import LEVELS
from .network import AudioToNonlipPrior
from .schedule import CosineSchedule
from .skip import correct_slowly

EXACT_UP_TO = 0.25
"""Part of the steps, the last ones, that are never coarse. With it three takes of ten seconds, in ten steps, turned
their heads by 0.007° (root mean square) from those of exact steps alone, and trembled no more; all coarse, 0.010° and
2 % more. Where a sampler's last step is taken earlier than that, it alone is exact: of four steps, 0.0065°."""


def predict_clean(
    network: AudioToNonlipPrior,
    schedule: CosineSchedule,
    noisy: Tensor,
    t: Tensor,
    audio: Tensor,
    known: Tensor,
    known_mask: Tensor,
) -> Tensor:
    """n̂⁰ (B, L, d) in float32, in training as in sampling: the network's answer, read as what it predicts, corrected
    slowly. Arguments as of ``AudioToNonlipPrior.forward``; they are brought to the type of its weights."""
    kind = network.out.weight.dtype
    answer = network(noisy.to(kind), t, audio.to(kind), known.to(kind), known_mask).float()
    with torch.autocast(noisy.device.type, enabled=False):
        clean = schedule.clean_from(network.config.prediction, answer, noisy, t)
        return correct_slowly(clean, noisy, t, schedule)


def led(
    clean: Tensor,
    noisy: Tensor,
    t: int,
    schedule: CosineSchedule,
    levels: Tensor,
    given: Tensor,
    mask: Tensor,
    calibration: Calibration | None,
    away: Tensor,
    gain: Tensor | None,
) -> Tensor:
    """n̂⁰ (N, L, d) of one t, weighed against nᵗ and led away from the mean. Arguments as of :class:`Denoiser`."""
    if calibration is not None:
        clean = clean + away * calibration.correction(schedule, clean, noisy, t, levels, given, mask)
    if gain is not None and 3 * t > schedule.steps:
        clean = clean * gain
    return clean


class Denoiser:
    """nᵗ, t → n̂⁰ of one window, guided, with the known entries put in.

    Putting them into n̂⁰ at every step keeps nᵗ there on the path that leads to them.

    Parameters
    ----------
    mel
        (4 L, 80) log-mel of the window.
    scale
        s in s·P(n | audio) + (1 − s)·P(n | ∅) (eq. 10).
    given, mask
        (N, L, d) n⁰ and bool, where it is known.
    put
        What else is known, put into n̂⁰ (N, L, d): parts of it that no single entry stands for.
    levels
        (7,) how lively the talker is (``core.prior.levels``); unknown when left out.
    coarse
        The same network in numbers of fewer digits, for all steps with t > ``exact_up_to``: the last ones make up for
        what it rounds.
    exact_up_to
        ``EXACT_UP_TO`` · T where left out.
    calibration
        What weighs n̂⁰ against nᵗ, where it was measured for the network.
    away
        (N, L, d) 0 beside what is known, 1 a second away: how much of ``calibration`` is carried out. All where left
        out.
    gain
        Factors of n̂⁰ (anything that broadcasts with it) in the early steps, those with t > T / 3: above 1 a sample is
        led away from the mean of all motion, below 1 towards it (a guidance whose weak model is that mean). The later
        steps make it a motion again.

    Attributes
    ----------
    last
        The last n̂⁰ before the known entries were put in, which ``windows.close_seams`` needs.
    """

    def __init__(
        self,
        network: AudioToNonlipPrior,
        schedule: CosineSchedule,
        mel: Tensor,
        scale: float,
        given: Tensor,
        mask: Tensor,
        gain: Tensor | None = None,
        put: Callable[[Tensor], Tensor] | None = None,
        levels: Tensor | None = None,
        coarse: AudioToNonlipPrior | None = None,
        calibration: Calibration | None = None,
        away: Tensor | None = None,
        exact_up_to: float | None = None,
    ) -> None:
        self.network, self.schedule, self.scale = network, schedule, scale
        self.given, self.mask, self.gain, self.put = given, mask, gain, put
        self.coarse = coarse or network
        self.exact_up_to = EXACT_UP_TO * schedule.steps if exact_up_to is None else exact_up_to
        self.calibration, self.away = calibration, (torch.ones(()) if away is None else away).to(given.device)
        takes, frames, _ = given.shape
        conditions = []
        if scale != 0.0:
            conditions.append(network.encode_audio(mel[None]).expand(takes, -1, -1))
        if scale != 1.0:
            conditions.append(network.empty_audio(takes, frames))
        self.levels = mel.new_full((len(LEVELS),), torch.nan) if levels is None else levels
        # (N or 2 N, L, condition): conditional first
        self.audio = torch.cat(conditions) + network.encode_levels(self.levels[None])
        self.repeat = len(conditions)
        self.last = self.given

    def __call__(self, noisy: Tensor, t: int) -> Tensor:
        takes = len(noisy)

        def both(x: Tensor) -> Tensor:
            return x.repeat(self.repeat, 1, 1)  # (N, L, d) -> (N or 2 N, L, d)

        network = self.coarse if t > self.exact_up_to else self.network
        times = torch.full((takes * self.repeat,), t, device=noisy.device)
        clean = predict_clean(network, self.schedule, both(noisy), times, self.audio, both(self.given), both(self.mask))
        if self.repeat == 2:
            conditional, empty = clean.split(takes)
            clean = self.scale * conditional + (1.0 - self.scale) * empty
        known = self.given, self.mask
        clean = led(clean, noisy, t, self.schedule, self.levels, *known, self.calibration, self.away, self.gain)
        if self.put is not None:
            clean = self.put(clean)
        self.last = clean
        return torch.where(self.mask, self.given, clean)
