"""Training the tiny prior: losses, masks, resumed runs, windows of batches."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import BadInputError, SoliloquyError
from core.prior.features import FEATURE_GROUPS, FEATURES, d_nl
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.sampling import Sampling
from core.prior.schedule import CosineSchedule
from core.prior.spaces import ChannelSpace, CodeSpace
from core.prior.told.levels import measure_levels
from core.prior.told.mouth import MOUTH
from core.representation.model import Representation, RepresentationConfig
from training.common.checkpoint import load_module, module_weights
from training.common.engine import CHECKPOINT, RunConfig
from training.prior.__main__ import main
from training.prior.batches import BatchSource, feature_weights, statistics, still_weights
from training.prior.data import Clip, blink_starts, draw_mask, draw_window
from training.prior.export import export, trained
from training.prior.train import (
    Denoising,
    TrainConfig,
    draw_times,
    learning_rate,
    listening_loss,
    losses,
    time_weights,
    train,
)
from training.speech.prosody import HEARD, Prosody, heard

MIX = (("synthetic", 0.6), ("grid", 0.2), ("address", 0.2))
CONFIG = TrainConfig(size="tiny", batch=8, shares=MIX, learning_rate=3e-3, warm_up=5)
WEIGHTS = feature_weights(ChannelSpace())
SETTINGS = RunConfig(steps=80, bfloat16=False, device="cpu", ema=0.995, save_every=1000)


@pytest.fixture(scope="module")
def clips():
    """Speech-like loudness with synthetic motion, a tracked clip, and an address without sound."""
    rng = np.random.default_rng(0)
    prosody = Prosody.silent(150)
    mel = rng.normal(size=(600, 80)).astype(np.float16)
    tracked = rng.normal(0, 0.05, size=(75, d_nl)).cumsum(axis=0).astype(np.float32) * 0.1
    return {
        "synthetic": [Clip("a", mel, None, prosody)],
        "grid": [Clip("s1_x", mel[:300], tracked)],
        "address": [Clip("address_01", None, None, prosody, np.zeros((150, 6), np.float32), [30.0, 80.0])],
    }


def test_loss_falls(clips, tmp_path):
    """Compares the weights after one step and after 80 on the same 24 batches: log lines are too noisy for that."""
    found = []
    for steps in (1, 80):
        lines = train(CONFIG, replace(SETTINGS, steps=steps), clips, tmp_path)
        assert lines[-1]["step"] == steps and lines[-1]["norm"] > 0
        pupil = Denoising(AudioToNonlipPrior(CONFIG.network), WEIGHTS)
        load_module(tmp_path / CHECKPOINT, "prior", pupil, "module")
        source = BatchSource(clips, CONFIG, pupil.network.config.window, *statistics(clips))
        with torch.no_grad():
            values = [
                pupil(source.batch(np.random.default_rng(i)), torch.Generator().manual_seed(i)) for i in range(24)
            ]
        found.append(np.mean([float(simple) for simple, *_ in values]))
    assert found[1] < 0.85 * found[0]


def test_a_resumed_run_is_the_same_run(clips, tmp_path, monkeypatch):
    settings = replace(SETTINGS, steps=8, save_every=3)
    train(CONFIG, settings, clips, tmp_path / "whole")
    draws = iter(range(3))  # empty at the fourth batch, as after a power cut behind the third step's checkpoint
    batch = BatchSource.batch
    with monkeypatch.context() as patch, pytest.raises(StopIteration):
        patch.setattr(BatchSource, "batch", lambda self, rng: (next(draws), batch(self, rng))[1])
        train(CONFIG, settings, clips, tmp_path / "parts")
    assert train(CONFIG, settings, clips, tmp_path / "parts")[-1]["step"] == 8
    whole, parts = (module_weights(tmp_path / name / CHECKPOINT, "prior") for name in ("whole", "parts"))
    for name, value in whole.items():
        torch.testing.assert_close(value, parts[name], rtol=0, atol=0)


def test_the_shards_hold_the_average_of_a_run(clips, tmp_path):
    train(CONFIG, replace(SETTINGS, steps=2), clips, tmp_path)
    export(tmp_path, 5, 1.5, tmp_path / "weights")
    prior = NonlipPrior.load("cpu", tmp_path / "weights")
    assert (prior.num_inference_steps, prior.guidance_scale) == (5, 1.5)
    average = module_weights(tmp_path / CHECKPOINT, "prior")
    for name, value in prior.network.state_dict().items():
        torch.testing.assert_close(value, average[f"network.{name}"].half().float())
    np.testing.assert_array_equal(prior.mean, statistics(clips)[0])


def test_a_run_starts_from_exported_weights(clips, tmp_path):
    """Before its first step it has their weights and their statistics, not those of its own clips, and trains from
    there.

    Weights of another shape are refused.
    """
    train(CONFIG, replace(SETTINGS, steps=3), clips, tmp_path / "first")
    export(tmp_path / "first", 5, 1.0, tmp_path / "weights")
    shipped = NonlipPrior.load("cpu", tmp_path / "weights")
    others = {"synthetic": clips["synthetic"]}
    still = replace(CONFIG, learning_rate=0.0, shares=(("synthetic", 1.0),))
    train(still, replace(SETTINGS, steps=1), others, tmp_path / "second", tmp_path / "weights")
    prior, facts = trained(tmp_path / "second")
    assert facts["step"] == 1
    for name, value in shipped.network.state_dict().items():
        torch.testing.assert_close(prior.network.state_dict()[name], value)
    np.testing.assert_array_equal(prior.mean, shipped.mean)
    assert not np.allclose(prior.mean, statistics(others)[0])
    small = replace(CONFIG, size="small")
    with pytest.raises(BadInputError, match="another shape"):
        train(small, SETTINGS, clips, tmp_path / "third", tmp_path / "weights")


def test_a_network_with_levels_and_mouth_can_start_from_weights_without(clips, tmp_path):
    """Before its first step the new network gives the old one's answers for every liveliness and every mouth."""
    plain = replace(CONFIG, levels=False, mouth=False)
    train(plain, replace(SETTINGS, steps=3), clips, tmp_path / "first")
    export(tmp_path / "first", 5, 1.0, tmp_path / "weights")
    still = replace(CONFIG, learning_rate=0.0)
    train(still, replace(SETTINGS, steps=1), clips, tmp_path / "second", tmp_path / "weights")
    export(tmp_path / "second", 5, 1.0, tmp_path / "on")
    before, after = (NonlipPrior.load("cpu", tmp_path / name) for name in ("weights", "on"))
    assert (before.network.config.levels, after.network.config.levels) == (False, True)
    assert (before.network.config.mouth, after.network.config.mouth) == (False, True)
    mel = np.zeros((200, 80), np.float32)
    wanted = before.sample(mel, [1])
    for liveliness in (0.0, 4.0, np.nan):
        np.testing.assert_array_equal(after.sample(mel, [1], Sampling(levels=np.full(7, liveliness))), wanted)
    mouth = np.random.default_rng(0).random((50, len(MOUTH))).astype(np.float32)
    np.testing.assert_array_equal(after.sample(mel, [1], mouth=mouth), wanted)
    with pytest.raises(BadInputError, match="another shape"):  # their knowledge of liveliness would be lost
        train(plain, SETTINGS, clips, tmp_path / "third", tmp_path / "on")


def test_weights_by_time_follow_the_signal_up_to_the_cap():
    schedule = CosineSchedule()
    assert torch.allclose(time_weights(schedule, 0.0), torch.ones(1001))
    weights = time_weights(schedule, 5.0)
    times = draw_times(50_000, schedule.steps, torch.Generator().manual_seed(1))
    assert times.min() >= 1 and times.max() <= 1000
    assert times.float().mean() == pytest.approx(1000 * 4 / 7, rel=0.02)  # of density ∝ t^⅓
    assert weights[times].mean() == pytest.approx(1.0, abs=0.02)
    even = int((schedule.alpha_bar - 0.5).abs().argmin())  # as much noise as signal
    assert weights[even] / weights[1000] == pytest.approx(2.0, rel=0.02)
    assert weights[50] / weights[1000] == pytest.approx(6.0, rel=1e-4) and weights[50] == weights[1]


def test_ablations_leave_out_their_part(clips, tmp_path, monkeypatch):
    """Without L_vel its gradient is missing; without editing the network, also exported, never gets known entries."""
    monkeypatch.setattr("training.prior.__main__.load_clips", lambda part: clips)
    arguments = ["--size", "tiny", "--steps", "3", "--batch", "4", "--device", "cpu", "--fp32"]
    weights = {}
    for name in ("", "--without-velocity", "--without-editing", "--without-levels"):
        folder = tmp_path / f"run{name}"
        main(["train", *arguments, "--run", str(folder), "--shares", "synthetic=0.6,grid=0.4", *name.split()])
        main(["export", "--run", str(folder), "--out", str(folder / "weights"), "--steps", "4"])
        prior = NonlipPrior.load("cpu", folder / "weights")
        assert prior.network.config.editing is (name != "--without-editing")
        assert prior.network.config.levels is (name != "--without-levels")
        weights[name] = prior.network.out.weight
    assert not torch.equal(weights[""], weights["--without-velocity"])
    assert not torch.equal(weights[""], weights["--without-editing"])


def test_the_learned_space_trains_and_samples(clips, tmp_path, monkeypatch):
    torch.manual_seed(0)
    representation = Representation(RepresentationConfig.tiny()).eval()
    monkeypatch.setattr(Representation, "load", classmethod(lambda cls, *_: representation))
    config = replace(CONFIG, learned=True)
    lines = train(config, replace(SETTINGS, steps=4), clips, tmp_path)
    assert np.isfinite(lines[-1]["simple"])
    export(tmp_path, 3, 1.0, tmp_path / "weights")
    with pytest.raises(SoliloquyError, match="weights of the motion prior are not complete"):
        NonlipPrior.load("cpu", tmp_path / "weights")
    prior = NonlipPrior.load("cpu", tmp_path / "weights", learned=True)
    assert isinstance(prior.space, CodeSpace) and prior.network.config.features == 64
    mel = np.random.default_rng(0).normal(size=(400, 80)).astype(np.float32)
    keep = np.full((1, 100, 32), 0.3, np.float32)
    mask = np.zeros((100, 32), bool)
    mask[30:60] = True
    mask[:, -6:] = True
    motion = prior.sample(mel, [1], keep=keep, keep_mask=mask)
    np.testing.assert_array_equal(motion[:, mask], keep[:, mask])
    assert motion.shape == (1, 100, 32) and np.isfinite(motion).all()


def test_losses_of_a_perfect_and_of_a_jittering_prediction(clips, monkeypatch):
    """L_simple and L_vel by hand, with a stand-in network that answers a known error."""
    monkeypatch.setattr("core.prior.denoiser.correct_slowly", lambda predicted, *_: predicted)

    class Answer(AudioToNonlipPrior):
        error = 0.0

        def forward(self, noisy, t, audio, known, known_mask):
            return known + self.error

    network = Answer(PriorConfig.tiny())
    mean, deviation = np.zeros(d_nl, np.float32), np.ones(d_nl, np.float32)
    batch = BatchSource(clips, CONFIG, 40, mean, deviation).batch(np.random.default_rng(0))
    schedule, weights = CosineSchedule(), WEIGHTS
    generator = torch.Generator().manual_seed(0)
    simple, velocity, _ = losses(network, batch, schedule, weights, generator)
    assert simple == 0 and velocity == 0
    network.error = 0.5
    simple, velocity, _ = losses(network, batch, schedule, weights, generator)
    assert simple.item() == pytest.approx(0.25, rel=1e-5) and velocity.item() == pytest.approx(0, abs=1e-10)
    frames = batch.clean.shape[1]
    network.error = 0.5 * (-1.0) ** torch.arange(frames)[None, :, None]
    simple, velocity, _ = losses(network, batch, schedule, weights, generator)
    assert simple.item() == pytest.approx(0.25, rel=1e-5) and velocity.item() == pytest.approx(1.0, rel=1e-5)


def test_errors_count_more_for_talkers_who_keep_still(clips, monkeypatch):
    monkeypatch.setattr("core.prior.denoiser.correct_slowly", lambda predicted, *_: predicted)
    levels = torch.zeros(3, 7)
    levels[0, 0], levels[0, 3], levels[0, 5] = -1.0, -9.0, 3.0  # head turns, gaze, lids
    levels[2] = torch.nan
    weights = still_weights(levels, cap=16.0)
    assert weights.shape == (3, 1, d_nl)
    at = {name: float(weights[0, 0, FEATURES.index(name)]) for name in FEATURES}
    # One level is a factor of √e in the amplitude and of e in its variance.
    assert at["headPitch"] == at["headYaw"] == at["headRoll"] == pytest.approx(np.e)
    assert at["gazeYaw"] == at["gazePitch"] == 16.0
    assert {at[name] for name in ("headX", "headZ", "blink", "eyeWide_L", "browDown_L", "noseSneer_R")} == {1.0}
    assert (weights[1:] == 1).all()

    class Off(AudioToNonlipPrior):
        def forward(self, noisy, t, audio, known, known_mask):
            return known + 0.5

    network, schedule = Off(PriorConfig.tiny()), CosineSchedule()
    mean, deviation = np.zeros(d_nl, np.float32), np.ones(d_nl, np.float32)
    batch = BatchSource(clips, CONFIG, 40, mean, deviation).batch(np.random.default_rng(0))
    simple, *_ = losses(network, batch, schedule, WEIGHTS, torch.Generator(), still_cap=16.0)
    assert simple.item() == pytest.approx(0.25 * (WEIGHTS * still_weights(batch.levels, 16.0)).mean().item(), rel=1e-5)


def test_masks_are_of_every_kind():
    rng = np.random.default_rng(0)
    masks = [draw_mask(100, rng, tuple(FEATURE_GROUPS.values())) for _ in range(400)]
    shares = np.array([m.mean() for m in masks])
    assert 0.2 < np.mean(shares == 0) < 0.35
    prefix = [m for m in masks if m[0].all() and not m[50:60].any()]
    assert len(prefix) > 60
    groups = [m for m in masks if m.any() and (m.any(axis=1) & ~m.all(axis=1)).any()]
    assert len(groups) > 40
    scattered = [m for m in masks if np.abs(np.diff(m[:, 0].astype(int))).sum() > 4]
    assert 0.12 < len(scattered) / len(masks) < 0.28


def test_batches_mix_sources_and_leave_conditions_empty(clips):
    source = BatchSource(clips, CONFIG, 40, np.zeros(d_nl, np.float32), np.ones(d_nl, np.float32))
    batches = [source.batch(np.random.default_rng(i)) for i in range(40)]
    heard = torch.cat([b.has_audio for b in batches]).float().mean().item()
    # Addresses (20 %) have no sound, and a tenth of the others are trained without it.
    assert heard == pytest.approx(0.8 * 0.9, abs=0.08)
    told = torch.cat([b.levels for b in batches])
    assert told.shape[1] == 7 and told.isnan().any(dim=1).equal(told.isnan().all(dim=1))
    assert told.isnan().any(dim=1).float().mean().item() == pytest.approx(0.3, abs=0.08)
    lengths = {b.clean.shape[1] for b in batches}
    assert max(lengths) == 40 and len(lengths) > 3
    again = source.batch(np.random.default_rng(7))
    assert torch.equal(again.clean, batches[7].clean) and torch.equal(again.known_mask, batches[7].known_mask)


def test_window_keeps_sound_and_motion_together():
    motion = np.arange(100, dtype=np.float32)[:, None].repeat(d_nl, axis=1)
    mel = np.arange(400, dtype=np.float16)[:, None].repeat(80, axis=1)
    window = draw_window([Clip("c", mel, motion)], 20, np.random.default_rng(0))
    np.testing.assert_array_equal(window.levels, measure_levels(motion), "of the whole clip, not of the window")
    assert window.mel.shape == (80, 80) and window.motion.shape == (20, d_nl) and window.heard is None
    np.testing.assert_array_equal(window.mel[::4, 0], 4 * window.motion[:, 0])
    voice = replace(Prosody.silent(100), energy=np.arange(100) / 4.0 - 25.0)
    window = draw_window([Clip("c", mel, motion, voice)], 20, np.random.default_rng(0))
    np.testing.assert_allclose(window.heard[:, HEARD.index("loudness")] * 100, window.motion[:, 0], atol=1e-4)
    assert draw_window([Clip("c", None, motion, voice)], 20, np.random.default_rng(0)).heard is None
    mouth = np.arange(100, dtype=np.float32)[:, None].repeat(len(MOUTH), axis=1)
    window = draw_window([Clip("c", mel, motion, mouth=mouth)], 20, np.random.default_rng(0))
    np.testing.assert_array_equal(window.mouth[:, 0], window.motion[:, 0])


def test_facts_of_a_voice():
    accents, strengths = np.array([30, 70]), np.array([0.5, 1.0])
    said = heard(replace(Prosody.silent(100), accents=accents, strengths=strengths, pitch=np.full(100, 3.0)))
    assert said.shape == (100, len(HEARD)) and said.dtype == np.float32
    bumps = said[:, HEARD.index("accents")]
    np.testing.assert_allclose(bumps[accents], 0.5 + strengths, rtol=0.01)
    assert bumps.argmax() == 70 and bumps[50] < 1e-6 and (said[:, HEARD.index("pitch")] == 0.5).all()


def test_unknown_facts_of_a_voice_do_not_count():
    known = torch.tensor([[[1.0, 0.0, torch.nan, 2.0]]])
    found = torch.tensor([[[0.0, 0.0, 9.0, 4.0]]], requires_grad=True)
    loss = listening_loss(found, known)
    loss.backward()
    assert loss.item() == pytest.approx((1 + 4) / 3)
    assert found.grad[0, 0, 2] == 0 and found.grad[0, 0, 0] != 0
    assert listening_loss(found, torch.full_like(known, torch.nan)) == 0


def test_a_listener_learns_to_hear_accents(tmp_path):
    """There is a tone at each accent; the motion is independent of both."""
    rng = np.random.default_rng(0)
    accents = np.arange(10, 190, 15)
    mel = rng.normal(0, 0.1, (800, 80))
    for frame in accents:
        mel[4 * frame - 8 : 4 * frame + 8] += 1.0
    voice = replace(Prosody.silent(200), accents=accents, strengths=np.full(len(accents), 0.5))
    still = Clip("c", mel.astype(np.float16), np.zeros((200, d_nl), np.float32), voice)
    config = replace(CONFIG, batch=8, shares=(("synthetic", 1.0),), learning_rate=3e-3, warm_up=5)
    log = {}
    for weight in (0.0, 1.0):
        settings = RunConfig(steps=80, device="cpu", bfloat16=False, log_every=10)
        run = tmp_path / str(weight)
        log[weight] = train(replace(config, listening_weight=weight), settings, {"synthetic": [still]}, run)
    assert log[1.0][-1]["listening"] < 0.3 * log[0.0][-1]["listening"]


def test_statistics_weight_sources_equally_and_never_vanish(clips):
    mean, deviation = statistics(clips)
    assert mean.shape == deviation.shape == (d_nl,)
    assert deviation.min() >= np.float32(0.03)


def test_learning_rate_warms_up_and_falls():
    config = TrainConfig(warm_up=100, learning_rate=1.0)
    assert learning_rate(0, 1000, config) == pytest.approx(0.01)
    assert learning_rate(500, 1000, config) == 1.0
    assert learning_rate(875, 1000, config) == pytest.approx(0.505)  # halfway down to a hundredth
    assert learning_rate(999, 1000, config) < 0.02
    assert learning_rate(550, 1000, replace(config, decay_from=0.1)) == pytest.approx(0.505)


def test_blink_starts_finds_shallow_blinks():
    closure = np.zeros(200)
    for at in (40, 90, 150):
        closure[at - 2 : at + 3] = (0.1, 0.3, 0.4, 0.25, 0.1)
    closure[110:140] += 0.3  # a lid that stays lowered is not a blink
    assert blink_starts(closure) == [37.5, 87.5, 147.5]
