"""Training the lip model: tiny runs learn and resume exactly, and no held-out recording is used."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.motion.channels import LIP_CHANNELS
from core.phones.phone_set import PHONES, Segment
from core.sound.lips import LipModel, LipModelConfig
from core.sound.mel import SILENCE
from training.common.checkpoint import module_weights
from training.common.engine import CHECKPOINT, RunConfig
from training.lips import data as lips_data
from training.lips.data import SOURCES, Batch, Sampler, Utterance, quiet_utterances, window
from training.lips.evaluation import against, correlation, frames_of, gestures, heard_phones
from training.lips.losses import BothWays, Losses, LossWeights, known_shares
from training.lips.mouth_geometry import MouthGeometry
from training.lips.train import MAX_WIDENING, TrainConfig, averaged_model, calibrate, finishing, start_from, train
from training.speech.mel_augment import AugmentConfig, augment, warp_bands
from training.speech.visemes import GESTURES, gesture_rows, hand_targets, mouth_targets

QUIET_ROOM = AugmentConfig(warp=0.02, mask=0.0, noise=0.0, babble=0.0)
TINY = TrainConfig(size="tiny", batch=4, window=24, learning_rate=3e-3, warm_up=5, augmentation=QUIET_ROOM)
SETTINGS = RunConfig(steps=40, bfloat16=False, device="cpu", ema=0.998, log_every=4, save_every=20)


def _utterance(seed: int, source: str = "grid", frames: int = 60) -> Utterance:
    """An utterance whose phones can be recognised: each has its own spectrum."""
    rng = np.random.default_rng(seed)
    spectra = np.random.default_rng(99).normal(0.0, 1.0, (len(PHONES), 80))
    names = [str(rng.choice(PHONES)) for _ in range(frames // 3)]
    segments = [Segment(name, 0.12 * i, 0.12 * (i + 1)) for i, name in enumerate(names)]
    labels = np.repeat([PHONES.index(name) for name in names], 12)
    mel = (spectra[labels] + 0.1 * rng.normal(size=(len(labels), 80))).astype(np.float16)
    mouth = mouth_targets(segments, frames, hand_targets())
    wanted = gesture_rows(segments, 4 * frames)
    return Utterance(f"{source}_{seed}", source, mel, labels, wanted, mouth, mouth[:, 2], tuple(segments))


@pytest.fixture(scope="module")
def corpus() -> list[Utterance]:
    return [_utterance(i, "grid" if i % 2 else "synthetic") for i in range(8)] + quiet_utterances(4, 0)


@pytest.fixture(scope="module")
def geometry() -> MouthGeometry:
    return MouthGeometry.of(HeadModel.load())


def test_the_loss_falls(corpus, tmp_path):
    lines = train(TINY, replace(SETTINGS, steps=80), corpus, tmp_path)
    assert lines[-1]["total"] < 0.4 * lines[0]["total"]
    assert lines[-1]["cross_entropy"] < 0.9 * lines[0]["cross_entropy"]
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert logged[0]["recipe"]["size"] == "tiny" and logged[-1]["step"] == 80


def test_finishing_trains_the_mouth_and_leaves_the_encoder(corpus, tmp_path):
    model = LipModel(TINY.model())
    model.save(tmp_path / "trained.safetensors")
    train(finishing(TINY), replace(SETTINGS, steps=3), corpus, tmp_path / "finish", tmp_path / "trained.safetensors")
    before, after = model.state_dict(), averaged_model(tmp_path / "finish", TINY).state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"a2l", "decoder"}


def test_an_interrupted_run_ends_where_an_unbroken_one_does(corpus, tmp_path, monkeypatch):
    settings = replace(SETTINGS, steps=6, save_every=3)
    train(TINY, settings, corpus, tmp_path / "whole")
    draws, draw = iter(range(4)), Sampler.draw

    with monkeypatch.context() as patch, pytest.raises(StopIteration):
        patch.setattr(Sampler, "draw", lambda self, *arguments: (next(draws), draw(self, *arguments))[1])
        train(TINY, settings, corpus, tmp_path / "parts")
    assert train(TINY, settings, corpus, tmp_path / "parts")[-1]["step"] == 6
    whole, parts = (module_weights(tmp_path / run / CHECKPOINT, "lips") for run in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_mouths_gradient_reaches_the_encoder_only_if_asked():
    """Without the mouth's gradient E_a learns only phones; MLP_a2l learns the mouth in both cases."""
    torch.manual_seed(0)
    mel, known = torch.randn(2, 40, 80), known_shares(torch.randint(len(PHONES), (2, 40)))
    for share in (0.0, 1.0):
        pupil = BothWays(LipModel(LipModelConfig.tiny()), share)
        mouths, logits = pupil(mel, known)
        assert mouths.shape == (4, 10, len(LIP_CHANNELS)) and logits.shape == (2, 40, len(PHONES))
        mouths.square().sum().backward()
        heard = sum(float(p.grad.abs().sum()) for p in pupil.model.phones.parameters() if p.grad is not None)
        assert (heard > 0.0) == (share > 0.0)
        assert float(pupil.model.a2l.gather.weight.grad.abs().sum()) > 0.0


def _batch(source: str, mouth: np.ndarray, gesture: str) -> Batch:
    frames = mouth.shape[1]
    number = [g.name for g in GESTURES].index(gesture)
    return Batch(
        mel=np.zeros((1, 4 * frames, 80), np.float32),
        phones=np.zeros((1, 4 * frames), np.int64),
        gestures=np.full((1, frames), number, np.int64),
        mouth=mouth,
        source=np.array([SOURCES.index(source)]),
    )


def _losses(geometry: MouthGeometry) -> Losses:
    return Losses(LossWeights(), torch.ones(len(LIP_CHANNELS)), geometry, torch.device("cpu"))


def test_mouths_of_talkers_without_video_are_learned_from_known_phones(geometry):
    """Without video, the mouth from sound is compared with that from known phones, which gets no gradient from it."""
    losses, truth = _losses(geometry), np.full((1, 6, 27), 0.1, np.float32)
    logits = torch.zeros(1, 24, len(PHONES))
    mouths = torch.full((2, 6, 27), 0.2, requires_grad=True)
    filmed = losses(mouths, logits, _batch("grid", truth, "none"))
    assert filmed["weights"].item() == pytest.approx(0.01, rel=1e-4)
    stranger = losses(mouths, logits, _batch("synthetic", truth, "none"))
    # Only the mouth from known phones counts, with its weight.
    assert stranger["weights"].item() == pytest.approx(0.01 * 0.1 / 2, rel=1e-4)
    stranger["velocity"].backward()
    assert float(mouths.grad.abs().sum()) == 0.0


@pytest.mark.parametrize(
    ("gesture", "channel", "made", "missed"),
    [("closed", "jawOpen", 0.0, 0.4), ("on teeth", "jawOpen", 0.0, 0.4), ("rounded", "mouthPucker", 0.8, 0.1)],
)
def test_missing_gestures_cost(geometry, gesture, channel, made, missed):
    logits, column = torch.zeros(1, 24, len(PHONES)), LIP_CHANNELS.index(channel)
    names = {"closed", "on_teeth", "rounded"}
    values = []
    for weight in (made, missed):
        mouths = torch.zeros(2, 6, len(LIP_CHANNELS))
        mouths[..., column] = weight
        terms = _losses(geometry)(mouths, logits, _batch("grid", np.zeros((1, 6, 27), np.float32), gesture))
        values.append(float(terms[gesture.replace(" ", "_")]))
        assert all(float(terms[name]) == 0.0 for name in names - {gesture.replace(" ", "_")})
    assert values[0] == 0.0 < values[1]


def test_a_run_can_begin_with_exported_weights(tmp_path):
    torch.manual_seed(0)
    first, second = (LipModel(LipModelConfig.tiny()) for _ in range(2))
    first.save(tmp_path / "lips.safetensors")
    assert start_from(second, tmp_path / "lips.safetensors") == len(first.state_dict())
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
    other = LipModel(replace(LipModelConfig.tiny(), phones=20))
    before = other.phones.weight.clone()
    taken = start_from(other, tmp_path / "lips.safetensors")
    assert taken == len(first.state_dict()) - 3  # except weight and bias of the phones, and the layer that reads them
    assert torch.equal(other.encoder.stem.weight, first.encoder.stem.weight) and torch.equal(
        other.phones.weight, before
    )


def test_windows_keep_sound_and_mouth_together():
    clip = _utterance(3)
    rows, frames = np.arange(240)[:, None], np.arange(60)[:, None]  # in both a bump around the middle of frame 30
    marked = np.repeat(np.exp(-(((rows - 121.5) / 8.0) ** 2)), 80, 1).astype(np.float16)
    mouth = np.repeat(np.exp(-(((frames - 30) / 2.0) ** 2)), 27, 1).astype(np.float32)
    clip = Utterance("m", "grid", marked, clip.phones, clip.gestures, mouth, None, ())
    for start, speed in ((10.0, 1.0), (12.3, 0.9), (8.7, 1.13)):
        mel, _, _, track = window(clip, clip.mel, start, speed, 40)
        heard = float(np.average(np.arange(160), weights=mel[:, 0].clip(min=0))) / 4 - 0.375
        seen = float(np.average(np.arange(40), weights=track[:, 0]))
        assert heard == pytest.approx(seen, abs=0.04)
        assert seen == pytest.approx((30.5 - start) / speed - 0.5, abs=0.04)


def test_short_utterances_are_padded_with_silence():
    clip = _utterance(1, frames=12)
    mel, labels, wanted, track = window(clip, clip.mel, -6.0, 1.0, 24)
    assert np.allclose(mel[:20], SILENCE) and not labels[:20].any() and not wanted[:20].any()
    np.testing.assert_allclose(mel[24:72], clip.mel.astype(np.float32), atol=1e-3)
    np.testing.assert_allclose(track[6:18], clip.mouth, atol=1e-5)


def test_the_sampler_keeps_to_the_shares(corpus):
    batch = Sampler(corpus, {"grid": 0.5, "synthetic": 0.25, "quiet": 0.25}, 24, 0.1).draw(
        400, np.random.default_rng(0)
    )
    share = np.bincount(batch.source, minlength=4) / 400
    np.testing.assert_allclose(share, [0.5, 0.25, 0.0, 0.25], atol=0.07)


@pytest.mark.parametrize(("own_voice", "share"), [(None, 1 / 3), (0.6, 0.6), (1.0, 1.0)])
def test_the_sampler_draws_every_voice(own_voice, share):
    clip = _utterance(0)
    clip = replace(clip, revoiced=(np.full_like(clip.mel, 5.0), np.full_like(clip.mel, 9.0)))
    batch = Sampler([clip], {"grid": 1.0}, 24, 0.1, own_voice).draw(300, np.random.default_rng(0))
    level = batch.mel[:, 40, 0]
    found = [np.isin(level, (5.0, 9.0), invert=True).mean(), (level == 5.0).mean(), (level == 9.0).mean()]
    np.testing.assert_allclose(found, [share, (1 - share) / 2, (1 - share) / 2], atol=0.08)


def test_no_held_out_talker_or_clip_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(lips_data, "TRACKS", tmp_path)
    monkeypatch.setattr(lips_data, "_mel", lambda path, corpus, frames, voice: np.zeros((4 * frames, 80), np.float16))
    names = [f"s1_bbaf{digit}n" for digit in "123456789z"] + ["s1_lgwm5a", "s4_bbaf2a", "s4_swwz3p"]
    for name in names:
        np.savez(tmp_path / f"{name}.npz", expression=np.zeros((75, 53), np.float32), opening=np.zeros(75, np.float32))
    parts = {which: {u.name for u in lips_data.grid_utterances(which)} for which in ("train", "test", "unseen")}
    assert set.union(*parts.values()) == set(names) and sum(map(len, parts.values())) == len(names)
    assert parts["unseen"] == {"s4_bbaf2a", "s4_swwz3p"}


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


def test_scores():
    rng = np.random.default_rng(0)
    wave = np.convolve(rng.normal(size=200), np.ones(5), "same")
    assert correlation(wave, wave) == pytest.approx(1.0)
    assert correlation(np.roll(wave, 2), wave, -2) > 0.9 > correlation(np.roll(wave, 2), wave)
    assert correlation(np.ones(50), wave[:50]) == 0.0
    clips = [_utterance(i) for i in range(3)]
    score = against(clips, lambda u: np.roll(u.mouth[:, 2], -1) * 0.5, lambda u: u.mouth[:, 2])
    assert score["best_lag"] == 1 and score["best_lag_median"] > score["median"]
    assert score["deviation_ratio"] == pytest.approx(0.5, abs=0.01)


def test_gestures_are_counted_inside_and_outside_their_phones(geometry):
    clips = [_utterance(i, frames=150) for i in range(4)]
    shut = gestures(clips, lambda u: np.zeros((u.frames, 27), np.float32), geometry)
    assert shut["closed"]["made"] == shut["closed"]["made where unwanted"] == 1.0
    assert shut["on teeth"]["made"] == 1.0 and shut["rounded"]["made"] == 0.0
    agape = np.zeros(27, np.float32)
    agape[LIP_CHANNELS.index("jawOpen")] = 0.5
    wide = gestures(clips, lambda u: np.tile(agape, (u.frames, 1)), geometry)
    assert wide["closed"]["made"] == wide["on teeth"]["made"] == 0.0
    hand = gestures(clips, lambda u: u.mouth, geometry)
    assert hand["closed"]["made"] > 0.9 > 0.2 > hand["closed"]["made where unwanted"]
    assert hand["closed"]["phones"] == sum(s.phone in ("P", "B", "M") for u in clips for s in u.segments)


def test_frames_of_a_phone():
    assert frames_of(Segment("P", 0.08, 0.16), 10) == slice(2, 4)
    assert frames_of(Segment("P", 0.11, 0.13), 10) == slice(2, 3)  # contains the middle of no frame: the nearest frame
    assert frames_of(Segment("P", 0.5, 0.6), 10) == slice(9, 10)


def test_phones_are_counted_row_by_row():
    class Echo(LipModel):
        def recognise_phones(self, mel):
            return mel, mel[..., :40]

    clip = _utterance(0)
    spoken = np.full((240, 80), SILENCE, np.float16)
    spoken[np.arange(240), clip.phones] = 1.0
    spoken[:60] = SILENCE
    share = heard_phones(Echo(LipModelConfig.tiny()), [replace(clip, mel=spoken)])
    assert share == pytest.approx(0.75 + (clip.phones[:60] == 0).sum() / 240, abs=1e-3)


def test_calibration_never_lowers_the_gain_below_one(corpus, geometry, tmp_path):
    train(TINY, replace(SETTINGS, steps=10), corpus, tmp_path)
    model = averaged_model(tmp_path, TINY)
    calibrate(model, corpus, geometry)
    assert float(model.gain.min()) >= 1.0 and float(model.gain.max()) <= MAX_WIDENING
    assert float(model.rest.min()) >= 0.0


def test_calibration_ignores_an_earlier_calibration(corpus, geometry, tmp_path):
    """Exported weights that a run starts from contain their gain; with it the new gain was measured too small."""
    train(TINY, replace(SETTINGS, steps=10), corpus, tmp_path)
    fresh, inherited = averaged_model(tmp_path, TINY), averaged_model(tmp_path, TINY)
    inherited.gain.fill_(1.2)
    inherited.rest.fill_(0.1)
    for model in (fresh, inherited):
        calibrate(model, corpus, geometry)
    torch.testing.assert_close(inherited.gain, fresh.gain)
    torch.testing.assert_close(inherited.rest, fresh.rest)
