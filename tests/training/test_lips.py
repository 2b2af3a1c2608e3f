"""Training the lip model: tiny runs learn, resume exactly, and nothing held out is heard."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.head_model import HeadModel
from core.mel import SILENCE
from training import lips, lips_data
from training.lips import MAX_WIDENING, TrainConfig, averaged_model, calibrate, learning_rate, train
from training.lips_data import Sampler, Utterance, quiet_utterances, window
from training.lips_evaluation import against, closures, correlation
from training.mel_augment import AugmentConfig, augment, warp_bands
from training.mouth_geometry import MouthGeometry
from training.phones import PHONES, Segment
from training.visemes import closure_rows, hand_targets, mouth_targets

TINY = TrainConfig(
    size="tiny", steps=40, batch=4, window=24, learning_rate=3e-3, warm_up=5, bfloat16=False, save_every=20
)


def _utterance(seed: int, source: str = "grid", frames: int = 60) -> Utterance:
    """Phones that can be heard: each has a spectrum of its own."""
    rng = np.random.default_rng(seed)
    spectra = np.random.default_rng(99).normal(0.0, 1.0, (len(PHONES), 80))
    names = [str(rng.choice(PHONES)) for _ in range(frames // 3)]
    segments = [Segment(name, 0.12 * i, 0.12 * (i + 1)) for i, name in enumerate(names)]
    labels = np.repeat([PHONES.index(name) for name in names], 12)
    mel = (spectra[labels] + 0.1 * rng.normal(size=(len(labels), 80))).astype(np.float16)
    mouth = mouth_targets(segments, frames, hand_targets())
    closed = closure_rows(segments, 4 * frames)
    return Utterance(f"{source}_{seed}", source, mel, labels, closed, mouth, mouth[:, 2], tuple(segments))


@pytest.fixture(scope="module")
def corpus() -> list[Utterance]:
    return [_utterance(i, "grid" if i % 2 else "synthetic") for i in range(8)] + quiet_utterances(hand_targets(), 4, 0)


def test_the_loss_falls(corpus, tmp_path):
    history = train(TINY, corpus, tmp_path, AugmentConfig(warp=0.02, mask=0.0, noise=0.0, babble=0.0))
    assert np.mean(history[-5:]) < 0.4 * np.mean(history[:3])
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0]["config"]["seed"] == 0 and lines[-1]["step"] == 39


def test_an_interrupted_run_ends_where_an_unbroken_one_does(corpus, tmp_path, monkeypatch):
    config = replace(TINY, steps=6, save_every=3)
    train(config, corpus, tmp_path / "whole")
    save = lips._save

    def save_and_stop(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(lips, "_save", save_and_stop)
        train(config, corpus, tmp_path / "parts")
    assert len(train(config, corpus, tmp_path / "parts")) == 3
    whole, parts = (averaged_model(tmp_path / run / "checkpoint.pt", config).state_dict() for run in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_learning_rate_warms_up_and_ends_low():
    config = TrainConfig()
    rates = [learning_rate(config, step) for step in range(config.steps)]
    assert rates[0] < 0.02 * config.learning_rate and max(rates) <= config.learning_rate
    assert rates[-1] < 0.02 * config.learning_rate


def test_windows_keep_sound_and_mouth_together():
    clip = _utterance(3)
    rows, frames = np.arange(240)[:, None], np.arange(60)[:, None]  # a bump about the middle of frame 30 in both
    marked = np.repeat(np.exp(-(((rows - 121.5) / 8.0) ** 2)), 80, 1).astype(np.float16)
    mouth = np.repeat(np.exp(-(((frames - 30) / 2.0) ** 2)), 27, 1).astype(np.float32)
    clip = Utterance("m", "grid", marked, clip.phones, clip.closed, mouth, None, ())
    for start, speed in ((10.0, 1.0), (12.3, 0.9), (8.7, 1.13)):
        mel, _, _, track = window(clip, start, speed, 40)
        heard = float(np.average(np.arange(160), weights=mel[:, 0].clip(min=0))) / 4 - 0.375
        seen = float(np.average(np.arange(40), weights=track[:, 0]))
        assert heard == pytest.approx(seen, abs=0.04)
        assert seen == pytest.approx((30.5 - start) / speed - 0.5, abs=0.04)


def test_short_utterances_lie_in_silence():
    clip = _utterance(1, frames=12)
    mel, labels, closed, track = window(clip, -6.0, 1.0, 24)
    assert np.allclose(mel[:20], SILENCE) and not labels[:20].any() and not closed[:20].any()
    np.testing.assert_allclose(mel[24:72], clip.mel.astype(np.float32), atol=1e-3)
    np.testing.assert_allclose(track[6:18], clip.mouth, atol=1e-5)


def test_the_sampler_keeps_to_the_shares(corpus):
    batch = Sampler(corpus, {"grid": 0.5, "synthetic": 0.25, "quiet": 0.25}, 24, 0.1).draw(
        400, np.random.default_rng(0)
    )
    share = np.bincount(batch.source, minlength=4) / 400
    np.testing.assert_allclose(share, [0.5, 0.25, 0.0, 0.25], atol=0.07)


def test_no_held_out_talker_or_clip_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(lips_data, "TRACKS", tmp_path)
    monkeypatch.setattr(lips_data, "_mel", lambda path, corpus, frames: np.zeros((4 * frames, 80), np.float16))
    names = [f"s1_bbaf{digit}n" for digit in "123456789z"] + ["s1_lgwm5a", "s4_bbaf2a", "s4_swwz3p"]
    for name in names:
        np.savez(tmp_path / f"{name}.npz", expression=np.zeros((75, 53), np.float32), opening=np.zeros(75, np.float32))
    parts = {which: {u.name for u in lips_data.grid_utterances(which)} for which in ("train", "test", "unseen")}
    assert set.union(*parts.values()) == set(names) and sum(map(len, parts.values())) == len(names)
    assert parts["unseen"] == {"s4_bbaf2a", "s4_swwz3p"}


def test_augmentation_changes_the_voice_and_keeps_the_time():
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
    assert closures(clips, lambda u: np.zeros(u.frames))["met"] == 1.0
    assert closures(clips, lambda u: np.full(u.frames, 0.1))["met"] == 0.0


def test_calibration_only_ever_widens(corpus, tmp_path):
    train(TINY, corpus, tmp_path)
    model = averaged_model(tmp_path / "checkpoint.pt", TINY)
    calibrate(model, corpus, MouthGeometry.of(HeadModel.load()))
    assert float(model.gain.min()) >= 1.0 and float(model.gain.max()) <= MAX_WIDENING
    assert float(model.rest.min()) >= 0.0
