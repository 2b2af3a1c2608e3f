"""The lip model: what is heard in windows, the same mouth for any piece length, weights in 0–1, its file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from safetensors.torch import save_file

from core.errors import SoliloquyError
from core.motion.channels import LIP_CHANNELS
from core.phones.phone_set import PHONES
from core.phones.phone_set import SILENCE as SILENT_PHONE
from core.places import ROOT
from core.sound.audio import load_audio
from core.sound.lips import WEIGHTS, Heard, LipModel, LipModelConfig
from core.sound.mel import log_mel
from core.sound.whisper.encoder import WhisperConfig
from core.sound.whisper.front_end import SILENCE, whisper_mel
from core.sound.whisper.windows import windows

needs_weights = pytest.mark.skipif(not WEIGHTS.exists(), reason="core/weights/lips.safetensors isn't trained yet")
JAW_OPEN = LIP_CHANNELS.index("jawOpen")


def _tiny(**changes) -> LipModel:
    torch.manual_seed(0)
    model = LipModel(replace(LipModelConfig.tiny(), **changes)).eval()
    model.whisper.positions.normal_(0.0, 0.5)
    return model


def _mel(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, (4 * frames, 80)).astype(np.float32)


def _heard(frames: int, seed: int = 0) -> Heard:
    """Clear phones and a strong manner."""
    rng = np.random.default_rng(seed)
    phones = np.exp(3.0 * rng.normal(size=(4 * frames, len(PHONES))))
    manner = rng.normal(size=(frames, LipModelConfig.tiny().manner))
    return Heard((phones / phones.sum(1, keepdims=True)).astype(np.float32), manner.astype(np.float32))


def _likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two mouths over all frames and channels, each about its mean."""
    return float(np.corrcoef((a - a.mean(0)).ravel(), (b - b.mean(0)).ravel())[0, 1])


@pytest.mark.parametrize("piece", [1, 7, 50, 99])
def test_any_piece_length_gives_the_same_mouth(piece: int) -> None:
    model, heard = _tiny(), _heard(120)
    pieces = model.predict(heard, piece_frames=piece)
    np.testing.assert_allclose(pieces, model.predict(heard, piece_frames=10_000), atol=1e-6)
    assert pieces.std(0).max() > 0.01


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 40])
def test_shape_and_range(frames: int) -> None:
    model = _tiny()
    heard = model.listen(10.0 * _mel(frames))
    assert heard.phones.shape == (4 * frames, len(PHONES)) and heard.manner.shape == (frames, model.config.manner)
    assert heard.phones.dtype == heard.manner.dtype == np.float32 and len(heard) == frames
    out = model.predict(heard)
    assert out.shape == (frames, 27) and out.dtype == np.float32
    assert np.isfinite(out).all() and np.all(out >= 0.0) and np.all(out <= 1.0)


def test_results_are_bit_identical_in_a_second_run() -> None:
    assert np.array_equal(_tiny().hear_and_predict(_mel(60)), _tiny().hear_and_predict(_mel(60)))


def test_a_short_sound_is_heard_at_once() -> None:
    model, mel = _tiny(), _mel(500)
    heard = model.listen(mel)
    with torch.no_grad():
        _, logits, manner = model.recognise(model.whisper(torch.from_numpy(mel)[None]))
    np.testing.assert_allclose(heard.phones, logits[0].softmax(-1).numpy(), atol=1e-6)
    np.testing.assert_allclose(heard.manner, manner[0].numpy(), atol=1e-6)


def test_a_long_sound_is_heard_in_windows_that_overlap() -> None:
    """The middle of each window is what is heard in that window alone."""
    model, mel = _tiny(), _mel(1201)
    heard = model.listen(mel)
    assert len(heard) == 1201 and len(list(windows(1201))) > 2
    np.testing.assert_allclose(heard.phones.sum(1), 1.0, atol=1e-5)
    for part in windows(1201):
        alone = model.listen(mel[4 * part.begin : 4 * part.end])
        kept = slice(part.first - part.begin, part.last - part.begin)
        np.testing.assert_allclose(heard.manner[part.first : part.last], alone.manner[kept], atol=1e-5)
        np.testing.assert_allclose(
            heard.phones[4 * part.first : 4 * part.last], alone.phones[4 * kept.start : 4 * kept.stop], atol=1e-5
        )


def test_windows_leave_no_seams_where_little_is_heard_around_a_frame() -> None:
    """Without attention and places, the encoder hears a few rows. Then the windows give exactly what the whole does."""
    model, mel = _tiny(whisper=replace(WhisperConfig.tiny(), layers=0, longest=2402)), _mel(1201)
    model.whisper.positions.zero_()
    heard = model.listen(mel)
    with torch.no_grad():
        _, logits, manner = model.recognise(model.whisper(torch.from_numpy(mel)[None]))
    np.testing.assert_allclose(heard.phones, logits[0].softmax(-1).numpy(), atol=1e-5)
    np.testing.assert_allclose(heard.manner, manner[0].numpy(), atol=1e-5)


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


def test_articulation_reaches_the_mouth() -> None:
    model, heard = _tiny(), _heard(30)
    model.rest.fill_(0.5)
    plain, small = (model.predict(heard, articulation=value) for value in (1.0, 0.5))
    inside = (plain > 0.0) & (plain < 1.0)
    assert inside.mean() > 0.5
    np.testing.assert_allclose((small - 0.5)[inside], 0.5 * (plain - 0.5)[inside], atol=1e-6)


def test_the_mouth_rests_where_nobody_speaks() -> None:
    model, heard = _tiny(), _heard(30)
    model.rest.fill_(0.25)
    presence = np.linspace(0.0, 1.0, 30).astype(np.float32)
    plain, shut = model.predict(heard), model.predict(heard, presence)
    np.testing.assert_allclose(shut, 0.25 + presence[:, None] * (plain - 0.25), atol=1e-6)
    assert np.array_equal(shut[0], np.full(27, 0.25, np.float32)) and not np.allclose(shut[15], plain[15])
    mel = _mel(30)
    assert np.array_equal(model.hear_and_predict(mel, presence), model.predict(model.listen(mel), presence))


def test_known_phones_take_the_place_of_those_that_are_heard() -> None:
    model, phones, manner = _tiny(), np.arange(160) // 4, _heard(40).manner
    first, second = (model.predict(Heard(_heard(40, seed).phones, manner), phones=phones) for seed in (0, 1))
    assert np.array_equal(first, second)
    changed = model.predict(Heard(_heard(40).phones, manner), phones=np.where(phones == 20, 7, phones))
    far = np.abs(np.arange(40) - 20) > model.config.context_frames
    assert np.array_equal(first[far], changed[far]) and not np.array_equal(first, changed)


def test_known_phones_are_spoken_in_the_manner_that_is_heard() -> None:
    model, phones = _tiny(), np.arange(160) // 4
    usual, other = Heard.nothing(40, model.config.manner), _heard(40)
    assert not np.allclose(model.predict(usual, phones=phones), model.predict(other, phones=phones), atol=1e-3)
    sure = Heard(np.eye(len(PHONES), dtype=np.float32)[phones], other.manner)
    assert np.array_equal(model.predict(sure), model.predict(other, phones=phones))


def test_nothing_heard_is_silence_in_the_usual_manner() -> None:
    nothing = Heard.nothing(6, 3)
    assert len(nothing) == 6 and nothing.phones.shape == (24, len(PHONES)) and not nothing.manner.any()
    assert (nothing.phones.argmax(1) == PHONES.index(SILENT_PHONE)).all() and (nothing.phones.sum(1) == 1.0).all()
    assert len(Heard.nothing(0, 3)) == 0


def test_what_is_heard_is_what_makes_the_mouth() -> None:
    model, mel = _tiny(), _mel(60)
    heard = model.listen(mel)
    np.testing.assert_allclose(heard.phones.sum(1), 1.0, atol=1e-5)
    with torch.no_grad():
        at_once = model.with_gain(model(torch.from_numpy(mel)[None]))[0]
    np.testing.assert_allclose(model.predict(heard), at_once.numpy(), atol=1e-5)


def test_the_decoder_turns_f_l_into_weights() -> None:
    model, mel = _tiny(), torch.from_numpy(_mel(20))[None]
    with torch.no_grad():
        f_l, f_a = model.lip_features(mel)
        assert f_l.shape == (1, 20, model.config.code) and f_a.shape == (1, 20, model.config.adapter.width)
        assert torch.equal(model.decoder(f_l), model(mel)) and torch.equal(f_a, model.adapter(model.whisper(mel)))


@pytest.mark.parametrize("what", ["phones", "manner"])
def test_gradients_reach_as_far_as_the_context(what: str) -> None:
    """Of what is heard, MLP_a2l sees exactly its context; the manner of one more frame on each side is blended in."""
    model = _tiny()
    reach = model.config.context_frames
    middle, frames = reach + 3, 2 * reach + 7
    shares = torch.from_numpy(_heard(frames).phones)[None].requires_grad_(True)
    manner = torch.from_numpy(_heard(frames).manner)[None].requires_grad_(True)
    model.a2l(shares, manner)[0, middle].square().sum().backward()
    grad = (shares if what == "phones" else manner).grad
    assert grad is not None
    touched = torch.nonzero(grad[0].reshape(frames, -1).abs().sum(1)).flatten()
    assert int(touched[0]) == middle - reach and int(touched[-1]) == middle + reach


def test_whisper_is_not_trained() -> None:
    model = _tiny()
    model(torch.from_numpy(_mel(8))[None]).sum().backward()
    assert all(p.grad is None for p in model.whisper.parameters())
    assert all(p.grad is not None for name, p in model.named_parameters() if not name.startswith("whisper."))


def test_mouths_depend_on_the_sound_only_through_phones_and_manner() -> None:
    """Sounds with equal phone logits and manner give equal mouths, whatever else is different in them."""
    model = _tiny()
    torch.nn.init.zeros_(model.phones.weight)
    with torch.no_grad():
        one, other = (model(torch.from_numpy(_mel(20, seed))[None]) for seed in (0, 1))
        assert not torch.equal(one, other)
        torch.nn.init.zeros_(model.manner.weight)
        one, other = (model(torch.from_numpy(_mel(20, seed))[None]) for seed in (0, 1))
    assert torch.equal(one, other)


def test_padding_means_silence() -> None:
    model = _tiny()
    silence = torch.zeros(1, 48, len(PHONES))
    silence[..., 0] = 1.0
    spoken = torch.rand(1, 40, len(PHONES)).softmax(-1)
    with torch.no_grad():
        gathered = model.a2l.gather((torch.cat([silence, spoken, silence], 1) - silence[:, :1]).transpose(1, 2))
        padded = model.a2l.gather((spoken - silence[:, :1]).transpose(1, 2))
    torch.testing.assert_close(gathered[..., 12:22], padded)


def test_the_file_has_all_but_whisper_which_is_loaded_beside_it(tmp_path: Path) -> None:
    model = _tiny(whisper=WhisperConfig())
    model.rest.fill_(0.1)
    model.save(tmp_path / "lips.safetensors")
    again = LipModel.load(path=tmp_path / "lips.safetensors")
    assert again.config == model.config and not again.training
    own = model.own_state()
    assert not any(name.startswith("whisper.") for name in own)
    assert all(torch.equal(again.state_dict()[name], value) for name, value in own.items())
    assert (tmp_path / "lips.safetensors").stat().st_size < 1_000_000
    assert not any(p.requires_grad for p in again.whisper.parameters())
    heard = _heard(30)
    assert np.array_equal(again.predict(heard), model.predict(heard))
    shipped = LipModel.load().whisper.state_dict()
    assert all(torch.equal(value, shipped[name]) for name, value in again.whisper.state_dict().items())


def test_weights_for_another_speech_encoder_are_refused(tmp_path: Path) -> None:
    _tiny().save(tmp_path / "lips.safetensors")
    with pytest.raises(SoliloquyError, match="another speech encoder") as other:
        LipModel.load(path=tmp_path / "lips.safetensors")
    assert other.value.code == "weights_damaged"


def test_weights_with_a_missing_tensor_are_refused(tmp_path: Path) -> None:
    model = _tiny(whisper=WhisperConfig())
    kept = model.own_state()
    model.own_state = lambda: {name: value for name, value in kept.items() if name != "rest"}  # type: ignore[method-assign]
    model.save(tmp_path / "lips.safetensors")
    with pytest.raises(SoliloquyError, match="another version") as other:
        LipModel.load(path=tmp_path / "lips.safetensors")
    assert other.value.code == "weights_damaged"


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
    silent = model.hear_and_predict(np.full((400, 80), SILENCE, np.float32))
    assert silent[:, JAW_OPEN].max() < 0.06
    count = 6400  # 0.4 s of "ah": pulses with falling pitch, filtered by three formants
    pulses = np.diff(np.floor(np.cumsum(np.linspace(130, 105, count)) / 16000), prepend=0.0)
    vowel = scipy.signal.lfilter([1.0, -1.0], [1.0, -0.97], pulses)
    for formant, band in ((730, 90), (1090, 110), (2440, 170)):
        radius, angle = np.exp(-np.pi * band / 16000), 2 * np.pi * formant / 16000
        vowel = scipy.signal.lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], vowel)
    sound = np.concatenate([np.zeros(8000), 0.1 * vowel / vowel.std(), np.zeros(8000)]).astype(np.float32)
    lips = model.hear_and_predict(whisper_mel(sound, 35))
    assert lips[13:22, JAW_OPEN].mean() > silent[:, JAW_OPEN].mean() + 0.08


@needs_weights
def test_any_piece_length_gives_the_same_mouth_with_shipped_weights() -> None:
    model = LipModel.load()
    heard = model.listen(_mel(90))
    np.testing.assert_allclose(model.predict(heard, piece_frames=17), model.predict(heard), atol=1e-5)


@pytest.mark.slow
@needs_weights
def test_windows_hear_the_same_in_real_speech_as_the_whole() -> None:
    """The demo's speech three times, 30 s: in windows, and at once, which is the most that Whisper hears."""
    model, audio = LipModel.load(), load_audio(ROOT / "tools" / "assets" / "demo_speech.flac")
    mel = whisper_mel(np.tile(audio.samples[: 640 * audio.frames], 4)[: 640 * 750], 750)
    heard = model.listen(mel)
    with torch.no_grad():
        _, logits, manner = model.recognise(model.whisper(torch.from_numpy(mel)[None]))
    whole = Heard(logits[0].softmax(-1).numpy(), manner[0].numpy())
    assert len(list(windows(750))) == 2
    assert (heard.phones.argmax(1) == whole.phones.argmax(1)).mean() > 0.95
    mouth, expected = model.predict(heard), model.predict(whole)
    assert _likeness(mouth, expected) > 0.99 and np.abs(mouth - expected).mean() < 0.05 * expected.std(0).max()
    near = slice(380, 420)  # around the seam
    assert _likeness(mouth[near], expected[near]) > 0.98


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
        jaw = model.hear_and_predict(whisper_mel(audio.samples, audio.frames))[:, JAW_OPEN]
        mel = log_mel(audio.samples, audio.frames)
        loud = np.exp(2.0 * mel).mean(1).reshape(-1, 4).mean(1)
        assert jaw.std() > 0.02 and 0.1 < jaw.max() < 0.9
        assert np.corrcoef(jaw, loud)[0, 1] > 0.2
        assert np.corrcoef(jaw, loud)[0, 1] > np.corrcoef(np.roll(jaw, 13), loud)[0, 1] + 0.1
