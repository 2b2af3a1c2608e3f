"""Simulate other voices, rooms, microphones and noise on the spectrogram. It is fast enough to do for every window.

Everything works on mel power. There a filter is a factor, noise is a sum, and late reverberation is a smear over time,
because the powers of uncorrelated sounds add. A change of the vocal tract's length is a stretch of the frequency axis
(VTLP: Jaitly and Hinton, 2013). Masks follow SpecAugment (Park et al., 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.sound.mel import MEL_BANDS, MEL_FLOOR, MEL_OFFSET, MEL_RANGE, MEL_SCALE, SILENCE


@dataclass(frozen=True)
class AugmentConfig:
    """Strengths of the changes. Probabilities are for each window of a batch.

    Attributes
    ----------
    warp
        Factors of the vocal-tract length are within 1 ± this.
    gain_db, tilt_db, ripple_db
        Standard deviations of loudness, of a straight slope over the band, and of a smooth filter curve.
    reverb, noise, babble, band_limit, gate, mask
        Probabilities of these changes.
    reverb_seconds
        Largest time in which the reverberation falls by 60 dB.
    snr_db
        Range of the signal-to-noise ratio.
    gate_db
        Range of a gate's threshold, below the loudest entry. Like noise suppression and lossy codecs, a gate removes
        all sound below it.
    """

    warp: float = 0.2
    gain_db: float = 4.0
    tilt_db: float = 4.0
    ripple_db: float = 3.0
    reverb: float = 0.4
    noise: float = 0.5
    babble: float = 0.15
    band_limit: float = 0.15
    gate: float = 0.0
    mask: float = 0.5
    reverb_seconds: float = 0.7
    snr_db: tuple[float, float] = (3.0, 40.0)
    gate_db: tuple[float, float] = (30.0, 55.0)

    def scaled(self, factor: float) -> AugmentConfig:
        """All strengths and probabilities multiplied by ``factor``. Reverberation times and noise levels are kept."""
        names = ("warp", "gain_db", "tilt_db", "ripple_db", "reverb", "noise", "babble", "band_limit", "gate", "mask")
        return replace(self, **{name: factor * getattr(self, name) for name in names})


def augment(mel: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """(B, R, 80) log-mel → the same speech by another voice in another place; float32, same shape."""
    batch = len(mel)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def chosen(probability: float) -> Tensor:
        return (uniform(batch, 1, 1) < probability).float()

    mel = warp_bands(mel, 1.0 + config.warp * (2.0 * uniform(batch) - 1.0))
    power = (torch.exp(mel * MEL_SCALE - MEL_OFFSET) - MEL_FLOOR).clamp(min=0.0)
    level = power.mean((1, 2), keepdim=True)

    heard = _smeared(power, 0.05 + (config.reverb_seconds - 0.05) * uniform(batch), uniform(batch))
    power = torch.where(chosen(config.reverb) > 0, heard, power)

    snr = config.snr_db[0] + (config.snr_db[1] - config.snr_db[0]) * uniform(batch, 1, 1)
    colour = _decibels(_smooth_curves(normal(batch, 6)) * 6.0 + _slope() * 6.0 * normal(batch, 1))[:, None]
    # The power of noise in a band of K bins is chi-square with 2 K degrees of freedom: a sum of K exponentials. K = 2.
    grain = -0.5 * torch.log(uniform(*power.shape).clamp(min=1e-6) * uniform(*power.shape).clamp(min=1e-6))
    noise = grain * colour / colour.mean(2, keepdim=True)
    power = power + chosen(config.noise) * noise * level * _decibels(-snr)
    others = power.roll(1, 0)
    ratio = level / others.mean((1, 2), keepdim=True).clamp(min=1e-12)
    power = power + chosen(config.babble) * others * ratio * _decibels(-8.0 - 12.0 * uniform(batch, 1, 1))

    curve = _smooth_curves(normal(batch, 6)) * config.ripple_db + _slope() * config.tilt_db * normal(batch, 1)
    power = power * _decibels(curve[:, None] + config.gain_db * normal(batch, 1, 1))
    low = uniform(batch, 1, 1) * 8.0
    high = MEL_BANDS - 4.0 - uniform(batch, 1, 1) * 22.0
    bands = torch.arange(MEL_BANDS, dtype=torch.float32)
    kept = torch.sigmoid((bands - low) * 2.0) * torch.sigmoid((high - bands) * 2.0)
    power = torch.where(chosen(config.band_limit) > 0, power * kept + 1e-9, power)

    depth = config.gate_db[0] + (config.gate_db[1] - config.gate_db[0]) * uniform(batch, 1, 1)
    shut = power < power.amax((1, 2), keepdim=True) * _decibels(-depth)
    power = power.masked_fill(shut & (chosen(config.gate) > 0), 0.0)

    out = (torch.log(power + MEL_FLOOR) + MEL_OFFSET) / MEL_SCALE
    return _masked(out, config.mask, generator)


def warp_bands(mel: Tensor, factor: Tensor) -> Tensor:
    """Stretch the frequency axis of (B, R, 80) by factors (B,). 1.1 moves a formant at 1000 Hz to 1100 Hz."""
    low, high = (2595.0 * math.log10(1.0 + f / 700.0) for f in MEL_RANGE)
    step = (high - low) / (MEL_BANDS + 1)
    centres = 700.0 * (10.0 ** ((low + step * torch.arange(1, MEL_BANDS + 1)) / 2595.0) - 1.0)  # Hz
    source = centres[None] / factor[:, None]  # (B, 80)
    position = ((2595.0 * torch.log10(1.0 + source / 700.0) - low) / step - 1.0).clamp(0.0, MEL_BANDS - 1.0)
    below = position.floor().long().clamp(max=MEL_BANDS - 2)
    share = (position - below)[:, None]
    index = below[:, None].expand(-1, mel.shape[1], -1)
    return mel.gather(2, index) * (1.0 - share) + mel.gather(2, index + 1) * share


def _smeared(power: Tensor, decay_seconds: Tensor, wetness: Tensor) -> Tensor:
    """Add late reverberation to (B, R, 80): convolve each band's power with an exponential tail."""
    batch = len(power)
    taps = 40
    steps = torch.arange(1, taps + 1, dtype=torch.float32)
    tail = torch.exp(-math.log(1e6) * steps[None] * 0.01 / decay_seconds[:, None])  # (B, 40), −60 dB at the decay time
    tail = tail / tail.sum(1, keepdim=True) * (0.8 * wetness[:, None])
    kernel = torch.cat([tail.flip(1), torch.ones(batch, 1)], 1)[:, None]  # (B, 1, 41): the past, then now
    signal = torch.nn.functional.pad(power.permute(2, 0, 1), (taps, 0))  # (80, B, 40 + R)
    return torch.nn.functional.conv1d(signal, kernel, groups=batch).permute(1, 2, 0)


def _smooth_curves(weights: Tensor) -> Tensor:
    """(B, K) random weights → (B, 80) curves of unit variance, sums of K slow cosines."""
    count = weights.shape[1]
    places = (torch.arange(MEL_BANDS) + 0.5) / MEL_BANDS
    waves = torch.cos(math.pi * torch.arange(1, count + 1)[:, None] * places[None]) * math.sqrt(2.0 / count)
    return weights @ waves


def _slope() -> Tensor:
    return torch.linspace(-1.0, 1.0, MEL_BANDS)


def _decibels(values: Tensor) -> Tensor:
    return torch.pow(10.0, values / 10.0)


def _masked(mel: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Silence a stretch of up to 60 ms in all bands, and up to 8 bands in all rows, in a part of the windows."""
    batch, rows, bands = mel.shape
    for size, length in ((rows, 6), (bands, 8)):
        use = torch.rand(batch, 1, generator=generator) < probability
        width = torch.randint(1, length + 1, (batch, 1), generator=generator)
        start = (torch.rand(batch, 1, generator=generator) * (size - width)).long()
        places = torch.arange(size)[None]
        hidden = use & (places >= start) & (places < start + width)  # (B, size)
        mel = mel.masked_fill(hidden[:, :, None] if size == rows else hidden[:, None], SILENCE)
    return mel
