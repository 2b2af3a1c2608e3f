"""E_a: shapes, how far it hears, and that it knows nothing of lengths."""

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
def test_shapes(config, frames):
    assert _encoder(config)(torch.zeros(3, 4 * frames, 80)).shape == (3, frames, config.width)


@pytest.mark.parametrize("config", [*CONFIGS, AudioEncoderConfig()])
def test_context_is_what_the_gradient_says(config):
    frames = 2 * config.context_frames + 5
    middle = frames // 2
    mel = torch.randn(1, 4 * frames, 80, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    _encoder(config)(mel)[0, middle].square().sum().backward()
    rows = torch.nonzero(mel.grad[0].abs().sum(1)).flatten()
    before, after = 4 * middle - int(rows[0]), int(rows[-1]) - (4 * middle + 3)
    assert before == after == config.context_rows


def test_base_hears_about_half_a_second_either_way():
    assert 40 <= AudioEncoderConfig().context_rows <= 60


@pytest.mark.parametrize("config", CONFIGS)
def test_pieces_with_context_equal_the_whole(config):
    encoder = _encoder(config)
    mel = torch.randn(1, 400, 80, generator=torch.Generator().manual_seed(2))
    context = config.context_frames
    with torch.no_grad():
        whole = encoder(mel)
        piece = encoder(mel[:, 4 * (40 - context) : 4 * (60 + context)])[:, context : context + 20]
    torch.testing.assert_close(piece, whole[:, 40:60], atol=1e-5, rtol=1e-5)


def test_surrounding_silence_is_the_first_layers_padding():
    """Silence around a sound reaches the stem as the zeros that it pads with."""
    encoder = _encoder(CONFIGS[0])
    sound = torch.randn(1, 40, 80, generator=torch.Generator().manual_seed(3))
    quiet = torch.full((1, 40, 80), SILENCE)
    with torch.no_grad():
        padded = encoder.stem((torch.cat([quiet, sound, quiet], 1) - SILENCE).transpose(1, 2))[..., 40:80]
        alone = encoder.stem((sound - SILENCE).transpose(1, 2))
    torch.testing.assert_close(padded, alone, atol=1e-5, rtol=1e-5)


def test_same_seed_same_features():
    mel = torch.randn(2, 80, 80, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        assert torch.equal(_encoder(CONFIGS[0])(mel), _encoder(CONFIGS[0])(mel))
