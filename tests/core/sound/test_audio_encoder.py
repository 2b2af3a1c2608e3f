"""E_a: shapes, the length of its context, and independence of the recording's length."""

from __future__ import annotations

import pytest
import torch

from core.sound.audio_encoder import AudioEncoder, AudioEncoderConfig
from core.sound.mel import SILENCE

CONFIGS = [AudioEncoderConfig.tiny(), AudioEncoderConfig(width=48, fine_width=16, middle_width=32, dilations=(1, 3))]


def _encoder(config: AudioEncoderConfig) -> AudioEncoder:
    torch.manual_seed(0)
    return AudioEncoder(config).eval()


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("frames", [1, 2, 7, 30])
def test_shapes(config: AudioEncoderConfig, frames: int) -> None:
    assert _encoder(config)(torch.zeros(3, 4 * frames, 80)).shape == (3, frames, config.width)


@pytest.mark.parametrize("config", [*CONFIGS, AudioEncoderConfig()])
def test_gradients_reach_exactly_as_far_as_the_context(config: AudioEncoderConfig) -> None:
    frames = 2 * config.context_frames + 5
    middle = frames // 2
    mel = torch.randn(1, 4 * frames, 80, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    _encoder(config)(mel)[0, middle].square().sum().backward()
    assert mel.grad is not None
    rows = torch.nonzero(mel.grad[0].abs().sum(1)).flatten()
    before, after = 4 * middle - int(rows[0]), int(rows[-1]) - (4 * middle + 3)
    assert before == after == config.context_rows


def test_default_context_is_about_half_a_second_on_each_side() -> None:
    assert 40 <= AudioEncoderConfig().context_rows <= 60


@pytest.mark.parametrize("config", CONFIGS)
def test_pieces_with_context_equal_the_whole(config: AudioEncoderConfig) -> None:
    encoder = _encoder(config)
    mel = torch.randn(1, 400, 80, generator=torch.Generator().manual_seed(2))
    context = config.context_frames
    with torch.no_grad():
        whole = encoder(mel)
        piece = encoder(mel[:, 4 * (40 - context) : 4 * (60 + context)])[:, context : context + 20]
    torch.testing.assert_close(piece, whole[:, 40:60], atol=1e-5, rtol=1e-5)


def test_padding_of_the_first_layer_means_silence() -> None:
    """Silence before and after a sound gives the same output as the zeros with which the stem pads."""
    encoder = _encoder(CONFIGS[0])
    sound = torch.randn(1, 40, 80, generator=torch.Generator().manual_seed(3))
    silence = torch.full((1, 40, 80), SILENCE)
    with torch.no_grad():
        surrounded = encoder.stem((torch.cat([silence, sound, silence], 1) - SILENCE).transpose(1, 2))[..., 40:80]
        padded = encoder.stem((sound - SILENCE).transpose(1, 2))
    torch.testing.assert_close(surrounded, padded, atol=1e-5, rtol=1e-5)


def test_same_seed_same_features() -> None:
    mel = torch.randn(2, 80, 80, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        assert torch.equal(_encoder(CONFIGS[0])(mel), _encoder(CONFIGS[0])(mel))
