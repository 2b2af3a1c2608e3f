"""The speech encoder: the same outputs as by another implementation, shapes, and its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.places import ROOT
from core.sound.audio import load_audio
from core.sound.whisper.encoder import OUTPUTS_PER_FRAME, WEIGHTS, WhisperConfig, WhisperEncoder
from core.sound.whisper.front_end import whisper_mel
from core.sound.whisper.windows import MARGIN_FRAMES
from tests.core.sound.whisper.reference import reference, state_of, their_outputs

SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"


def tiny(**changes: int) -> WhisperEncoder:
    torch.manual_seed(0)
    model = WhisperEncoder(replace(WhisperConfig.tiny(), **changes)).eval()
    model.positions.normal_(0.0, 0.5)
    return model


def mel_of(kind: str, frames: int) -> np.ndarray:
    if kind == "speech":
        return whisper_mel(load_audio(SPEECH, duration=frames / 25).samples, frames)
    return np.random.default_rng(frames).normal(0.0, 1.0, (4 * frames, 80)).astype(np.float32)


def outputs(model: WhisperEncoder, mel: np.ndarray) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.from_numpy(mel)[None])[0]


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference, divided by the deviation of the outputs about their mean."""
    return float((ours - theirs).abs().max() / (theirs - theirs.mean(0)).std())


@pytest.mark.parametrize("frames", [1, 2, 5, 30])
def test_two_outputs_a_frame(frames: int) -> None:
    out = tiny()(torch.zeros(3, 4 * frames, 80))
    assert out.shape == (3, OUTPUTS_PER_FRAME * frames, 32)


def test_sounds_of_a_batch_are_heard_apart() -> None:
    model, one, other = tiny(layers=2), mel_of("noise", 12), mel_of("noise", 12)[::-1].copy()
    with torch.no_grad():
        both = model(torch.from_numpy(np.stack([one, other])))
    torch.testing.assert_close(both[0], outputs(model, one))
    torch.testing.assert_close(both[1], outputs(model, other))


def test_a_window_that_is_too_long_is_refused() -> None:
    longest = tiny(longest=20)
    assert outputs(longest, mel_of("noise", 10)).shape == (20, 32)
    with pytest.raises(RuntimeError):
        outputs(longest, mel_of("noise", 11))


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_untrained_layers_equal_those_of_the_other_implementation(layers: int) -> None:
    model, mel = tiny(layers=3), mel_of("noise", 20)
    theirs = their_outputs(reference(state_of(model), 40, 2), mel)
    model.layers = model.layers[:layers]
    assert difference(outputs(model, mel), theirs[layers]) < 1e-4
    if layers:
        assert difference(outputs(model, mel), theirs[layers - 1]) > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "frames"), [("noise", 40), ("speech", 100), ("speech", 750)])
def test_the_shipped_encoder_equals_the_other_implementation(kind: str, frames: int) -> None:
    """With our weights; 750 frames are Whisper's own window of 30 s."""
    model, mel = WhisperEncoder.load(), mel_of(kind, frames)
    assert model.config == WhisperConfig()
    theirs = their_outputs(reference(state_of(model), 2 * frames, model.config.heads), mel)[model.config.layers]
    assert difference(outputs(model, mel), theirs) < 1e-3


def test_positions_are_sinusoids_as_in_the_paper() -> None:
    """Half of the channels are sines, half are cosines, with wavelengths from 2 π to 20 000 π."""
    positions = WhisperEncoder.load().positions.numpy()
    speeds = 10_000.0 ** (-np.arange(192) / 191)
    angles = np.arange(1500)[:, None] * speeds
    np.testing.assert_allclose(positions, np.hstack([np.sin(angles), np.cos(angles)]), atol=1e-3)


def test_half_the_file_has_half_the_precision(tmp_path: Path) -> None:
    model, mel = tiny(), mel_of("noise", 10)
    model.save(tmp_path / "encoder.safetensors")
    again = WhisperEncoder.load(path=tmp_path / "encoder.safetensors")
    assert again.config == model.config and not again.training
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value.half().float())
    assert 0.0 < difference(outputs(again, mel), outputs(model, mel)) < 1e-2
    assert WEIGHTS.stat().st_size < 13_500_000


def test_missing_and_other_weights_have_their_own_errors(tmp_path: Path) -> None:
    with pytest.raises(SoliloquyError) as missing:
        WhisperEncoder.load(path=tmp_path / "nothing.safetensors")
    assert missing.value.code == "weights_missing"
    tiny().save(tmp_path / "encoder.safetensors")
    (tmp_path / "encoder.safetensors").write_bytes((tmp_path / "encoder.safetensors").read_bytes()[:-500])
    with pytest.raises(SoliloquyError) as damaged:
        WhisperEncoder.load(path=tmp_path / "encoder.safetensors")
    assert damaged.value.code == "weights_damaged"


@pytest.mark.slow
def test_features_hardly_depend_on_where_a_window_starts() -> None:
    """Every output hears the whole window and knows its place in it, so they are never equal. The change is far smaller
    than that of half a frame, even right after the margin that is left out."""
    model, mel = WhisperEncoder.load(), mel_of("speech", 242)
    whole, late, margin = outputs(model, mel), outputs(model, mel[4 * 75 :]), 2 * MARGIN_FRAMES
    unit = whole.std(0)
    change = ((late[margin:] - whole[150 + margin :]) / unit).abs()
    half_a_frame = ((whole[151 + margin :] - whole[150 + margin : -1]) / unit).abs()
    assert float(change.median()) < 0.3 < float(half_a_frame.median())
    assert float(change.mean()) < 0.5 * float(half_a_frame.mean())
