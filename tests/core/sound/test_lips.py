"""The lip model: the same result for any piece length, weights in 0–1, saving and loading, errors for bad files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from safetensors.torch import save_file

from core.errors import SoliloquyError
from core.motion.channels import LIP_CHANNELS
from core.sound.audio import load_audio
from core.sound.lips import WEIGHTS, LipModel, LipModelConfig
from core.sound.mel import SILENCE, log_mel

needs_weights = pytest.mark.skipif(not WEIGHTS.exists(), reason="core/weights/lips.safetensors isn't trained yet")
JAW_OPEN = LIP_CHANNELS.index("jawOpen")


def _tiny() -> LipModel:
    torch.manual_seed(0)
    return LipModel(LipModelConfig.tiny()).eval()


def _mel(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, (4 * frames, 80)).astype(np.float32)


@pytest.mark.parametrize("chunk", [1, 7, 50, 99])
def test_any_chunk_length_gives_the_same_result(chunk: int) -> None:
    model, mel = _tiny(), _mel(120)
    np.testing.assert_allclose(model.predict(mel, chunk), model.predict(mel, 10_000), atol=1e-6)


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 40])
def test_shape_and_range(frames: int) -> None:
    out = _tiny().predict(10.0 * _mel(frames))
    assert out.shape == (frames, 27) and out.dtype == np.float32
    assert np.isfinite(out).all() and np.all(out >= 0.0) and np.all(out <= 1.0)


def test_results_are_bit_identical_in_a_second_run() -> None:
    assert np.array_equal(_tiny().predict(_mel(60)), _tiny().predict(_mel(60)))


def test_gain_multiplies_the_movement_about_rest() -> None:
    model = _tiny()
    model.rest.fill_(0.3)
    model.gain.fill_(2.0)
    raw = torch.full((1, 27), 0.4)
    torch.testing.assert_close(model.with_gain(raw), torch.full((1, 27), 0.5))
    torch.testing.assert_close(model.with_gain(torch.full((1, 27), 0.3)), torch.full((1, 27), 0.3))
    assert float(model.with_gain(torch.full((1, 27), 9.0)).max()) == 1.0


def test_articulation_multiplies_the_movement_about_rest() -> None:
    model = _tiny()
    model.rest.fill_(0.3)
    raw = torch.full((1, 27), 0.4)
    torch.testing.assert_close(model.with_gain(raw, 1.5), torch.full((1, 27), 0.45))
    torch.testing.assert_close(model.with_gain(raw, 0.5), torch.full((1, 27), 0.35))


def test_known_phones_make_the_mouth_whatever_is_heard() -> None:
    model, phones = _tiny(), np.arange(160) // 4
    first, second = (model.predict(_mel(40, seed), phones=phones) for seed in (0, 1))
    assert np.array_equal(first, second)
    changed = model.predict(_mel(40), phones=np.where(phones == 20, 7, phones))
    reach = 1 + sum(model.config.dilations)
    far = np.abs(np.arange(40) - 20) > reach
    assert np.array_equal(first[far], changed[far]) and not np.array_equal(first, changed)


def test_what_is_heard_is_what_makes_the_mouth() -> None:
    model, mel = _tiny(), _mel(60)
    heard = model.hear(mel, 7)
    np.testing.assert_allclose(heard.sum(1), 1.0, atol=1e-5)
    np.testing.assert_allclose(heard, model.hear(mel), atol=1e-6)
    assert heard.shape == (240, 40) and model.hear(mel[:0]).shape == (0, 40)


def test_the_decoder_turns_f_l_into_weights() -> None:
    model, mel = _tiny(), torch.from_numpy(_mel(20))[None]
    with torch.no_grad():
        f_l, f_a = model.lip_features(mel)
        assert f_l.shape == (1, 20, model.config.code) and f_a.shape == (1, 20, model.config.encoder.width)
        assert torch.equal(model.decoder(f_l), model(mel)) and torch.equal(f_a, model.encoder(mel))


def test_gradients_reach_as_far_as_the_context() -> None:
    model = _tiny()
    reach = model.config.context_frames
    middle, frames = reach + 3, 2 * reach + 7
    mel = torch.from_numpy(_mel(frames))[None].requires_grad_(True)
    model(mel)[0, middle].square().sum().backward()
    assert mel.grad is not None
    touched = torch.nonzero(mel.grad[0].reshape(frames, -1).abs().sum(1)).flatten()
    assert middle - reach <= int(touched[0]) <= middle - reach + 1
    assert middle + reach - 1 <= int(touched[-1]) <= middle + reach


def test_mouths_depend_on_the_sound_only_through_phones() -> None:
    """Sounds with equal phone logits give equal mouths, whatever else is different in them."""
    model = _tiny()
    torch.nn.init.zeros_(model.phones.weight)
    with torch.no_grad():
        one, other = (model(torch.from_numpy(_mel(20, seed))[None]) for seed in (0, 1))
    assert torch.equal(one, other)


def test_padding_means_silence() -> None:
    model = _tiny()
    silence = torch.zeros(1, 48, model.config.phones)
    silence[..., 0] = 1.0
    spoken = torch.rand(1, 40, model.config.phones).softmax(-1)
    with torch.no_grad():
        gathered = model.a2l.gather((torch.cat([silence, spoken, silence], 1) - silence[:, :1]).transpose(1, 2))
        padded = model.a2l.gather((spoken - silence[:, :1]).transpose(1, 2))
    torch.testing.assert_close(gathered[..., 12:22], padded)


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    model = _tiny()
    model.rest.fill_(0.1)
    model.save(tmp_path / "lips.safetensors")
    again = LipModel.load(path=tmp_path / "lips.safetensors")
    assert again.config == model.config
    assert np.array_equal(again.predict(_mel(30)), model.predict(_mel(30)))


def test_missing_and_damaged_weights_have_their_own_errors(tmp_path: Path) -> None:
    with pytest.raises(SoliloquyError) as missing:
        LipModel.load(path=tmp_path / "nothing.safetensors")
    assert missing.value.code == "weights_missing"
    (tmp_path / "noise.safetensors").write_bytes(b"not a model" * 100)
    with pytest.raises(SoliloquyError) as damaged:
        LipModel.load(path=tmp_path / "noise.safetensors")
    assert damaged.value.code == "weights_damaged"
    save_file({"other": torch.zeros(1)}, str(tmp_path / "other.safetensors"), {"purpose": "another"})
    with pytest.raises(SoliloquyError) as other:
        LipModel.load(path=tmp_path / "other.safetensors")
    assert other.value.code == "weights_damaged"


@needs_weights
def test_shipped_mouth_rests_in_silence_and_opens_for_a_vowel() -> None:
    model = LipModel.load()
    silent = model.predict(np.full((400, 80), SILENCE, np.float32))
    assert silent[:, JAW_OPEN].max() < 0.06
    count = 6400  # 0.4 s of "ah": pulses with falling pitch, filtered by three formants
    pulses = np.diff(np.floor(np.cumsum(np.linspace(130, 105, count)) / 16000), prepend=0.0)
    vowel = scipy.signal.lfilter([1.0, -1.0], [1.0, -0.97], pulses)
    for formant, band in ((730, 90), (1090, 110), (2440, 170)):
        radius, angle = np.exp(-np.pi * band / 16000), 2 * np.pi * formant / 16000
        vowel = scipy.signal.lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], vowel)
    sound = np.concatenate([np.zeros(8000), 0.1 * vowel / vowel.std(), np.zeros(8000)]).astype(np.float32)
    lips = model.predict(log_mel(sound, 35))
    assert lips[13:22, JAW_OPEN].mean() > silent[:, JAW_OPEN].mean() + 0.08


@needs_weights
def test_any_chunk_length_gives_the_same_result_with_shipped_weights() -> None:
    model, mel = LipModel.load(), _mel(90)
    np.testing.assert_allclose(model.predict(mel, 17), model.predict(mel), atol=1e-5)


@pytest.mark.real_data
@needs_weights
def test_shipped_lips_move_with_real_speech() -> None:
    data = Path(os.environ.get("SOLILOQUY_DATA", "../shared/data")) / "speech"
    files = sorted(data.glob("*.flac"))[::60]
    if not files:
        pytest.skip("the recorded speech isn't there (SOLILOQUY_DATA)")
    model = LipModel.load()
    for file in files:
        audio = load_audio(file, duration=6.0)
        mel = log_mel(audio.samples, audio.frames)
        jaw = model.predict(mel)[:, JAW_OPEN]
        loud = np.exp(2.0 * mel).mean(1).reshape(-1, 4).mean(1)
        assert jaw.std() > 0.02 and 0.1 < jaw.max() < 0.9
        assert np.corrcoef(jaw, loud)[0, 1] > 0.2
        assert np.corrcoef(jaw, loud)[0, 1] > np.corrcoef(np.roll(jaw, 13), loud)[0, 1] + 0.1
