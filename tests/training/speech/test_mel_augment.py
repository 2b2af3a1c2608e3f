"""Other voices and places on the spectrogram: they change the sound but not its times."""

from __future__ import annotations

import torch

from core.sound.mel import SILENCE
from training.speech.mel_augment import AugmentConfig, augment, warp_bands


def test_augmentation_changes_the_voice_but_not_the_timing():
    mel = torch.full((6, 100, 80), SILENCE)
    mel[:, 40:60, 10:50] = 0.8
    config = AugmentConfig(mask=0.0, reverb=0.0, noise=0.0, babble=0.0)
    out = augment(mel, config, torch.Generator().manual_seed(0))
    again = augment(mel, config, torch.Generator().manual_seed(0))
    assert torch.equal(out, again) and out.shape == mel.shape and bool(out.isfinite().all())
    loud = out.mean(2)
    assert bool((loud[:, 40:60].min(1).values > loud[:, :40].max(1).values).all())
    assert bool((loud[:, 40:60].min(1).values > loud[:, 60:].max(1).values).all())
    assert float((out - mel).abs().mean()) > 0.02
    noisy = augment(mel, AugmentConfig(noise=1.0), torch.Generator().manual_seed(1))
    assert float(noisy[:, :30].mean()) > float(mel[:, :30].mean())


def test_a_longer_vocal_tract_lowers_the_formants():
    mel = torch.zeros(2, 1, 80)
    mel[:, :, 40] = 1.0
    warped = warp_bands(mel, torch.tensor([0.85, 1.0]))
    assert int(warped[0, 0].argmax()) < 40 and torch.allclose(warped[1], mel[1], atol=1e-4)
