"""Sampling with a tiny network: any length, kept entries, guidance, seeds, shards."""

import copy

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.motion.channels import GROUPS, HEAD, NONLIP_CHANNELS
from core.prior.features import FEATURE_GROUPS, d_nl
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.sampling import Sampling
from training.prior.export import save_shards


@pytest.fixture(scope="module")
def prior():
    torch.manual_seed(0)
    network = AudioToNonlipPrior(PriorConfig.tiny())
    with torch.no_grad():  # an untrained network predicts the mean for any sound; make it listen
        network.out.weight.normal_(0, 0.05)
        network.no_audio.normal_()
    return NonlipPrior(network, torch.full((d_nl,), 0.3), torch.full((d_nl,), 0.2), num_inference_steps=3)


def mel(frames, seed=0):
    return np.random.default_rng(seed).normal(size=(4 * frames, 80)).astype(np.float32)


@pytest.mark.parametrize("frames", [1, 3, 39, 40, 41, 5000])
def test_any_length(prior, frames):
    motion = prior.sample(mel(frames), [1], Sampling(num_inference_steps=2))
    assert motion.shape == (1, frames, len(NONLIP_CHANNELS)) and motion.dtype == np.float32
    assert np.isfinite(motion).all()
    expressions = motion[..., : -len(HEAD)]
    assert expressions.min() >= 0 and expressions.max() <= 1


def test_a_take_depends_only_on_its_seed(prior):
    alone = prior.sample(mel(90), [7])
    together = prior.sample(mel(90), [3, 7, 11])
    np.testing.assert_array_equal(alone[0], together[1])
    np.testing.assert_array_equal(alone, prior.sample(mel(90), [7]))
    assert np.abs(together[0] - together[1]).mean() > 1e-3


def steps_asked(prior, monkeypatch, steps):
    """The times t at which the exact and the coarse network were called for one take."""
    asked = {"exact": [], "coarse": []}
    coarse = copy.deepcopy(prior.network)
    for name, network in (("exact", prior.network), ("coarse", coarse)):

        def note(noisy, t, *others, seen=asked[name], forward=network.forward):
            seen.append(int(t[0]))
            return forward(noisy, t, *others)

        monkeypatch.setattr(network, "forward", note)
    monkeypatch.setattr(prior, "coarse", coarse)
    prior.sample(mel(30), [1], Sampling(num_inference_steps=steps))
    return asked["exact"], asked["coarse"]


@pytest.mark.parametrize("steps", [3, 5, 6, 10, 50])
def test_the_coarse_network_takes_most_steps_but_never_the_last(prior, monkeypatch, steps):
    exact, coarse = steps_asked(prior, monkeypatch, steps)
    assert len(exact) + len(coarse) == steps and len(coarse) > 0.6 * (steps - 1)
    assert exact and max(exact) < min(coarse)


def test_a_single_step_is_exact(prior, monkeypatch):
    exact, coarse = steps_asked(prior, monkeypatch, 1)
    assert len(exact) == 1 and coarse == []


def test_the_ancestral_sampler_is_seeded_too(prior):
    ancestral = Sampling(sampler="ddpm", num_inference_steps=6)
    first = prior.sample(mel(50), [5], ancestral)
    np.testing.assert_array_equal(first[0], prior.sample(mel(50), [2, 5], ancestral)[1])


def test_guidance_one_listens_and_zero_does_not(prior):
    heard, other = mel(60, 1), mel(60, 2)
    empty, conditional = Sampling(guidance_scale=0.0), Sampling(guidance_scale=1.0)
    np.testing.assert_array_equal(prior.sample(heard, [1], empty), prior.sample(other, [1], empty))
    assert np.abs(prior.sample(heard, [1], conditional) - prior.sample(other, [1], conditional)).max() > 1e-4


def test_guidance_extrapolates_along_the_difference(prior):
    """With one step the sample is n̂⁰ itself, so P_s must lie on the line through P(∅) and P(audio)."""
    empty, conditional, double = (
        prior.sample(mel(20), [1], Sampling(guidance_scale=s, num_inference_steps=1))[..., -6:] for s in (0.0, 1.0, 2.0)
    )
    np.testing.assert_allclose(double, 2 * conditional - empty, atol=1e-5)


def test_kept_entries_are_bit_identical_and_affect_the_others(prior):
    frames = 120
    rng = np.random.default_rng(0)
    keep = np.clip(rng.normal(0.4, 0.1, size=(2, frames, len(NONLIP_CHANNELS))), 0, 1).astype(np.float32)
    mask = np.zeros((frames, len(NONLIP_CHANNELS)), dtype=bool)
    head = [NONLIP_CHANNELS.index(name) for name in GROUPS["head"]]
    mask[30:70, head] = True
    mask[:, NONLIP_CHANNELS.index("browDown_L")] = True
    mask[90:, NONLIP_CHANNELS.index("eyeLookIn_L")] = True
    motion = prior.sample(mel(frames), [1, 2], keep=keep, keep_mask=mask)
    np.testing.assert_array_equal(motion[:, mask], keep[:, mask])
    free = prior.sample(mel(frames), [1, 2])
    assert np.abs(motion[:, :30, head] - free[:, :30, head]).max() > 1e-4


def test_keeping_everything_returns_it(prior):
    keep = np.random.default_rng(0).uniform(size=(1, 57, len(NONLIP_CHANNELS))).astype(np.float32)
    mask = np.ones(keep.shape[1:], dtype=bool)
    np.testing.assert_array_equal(prior.sample(mel(57), [1], keep=keep, keep_mask=mask), keep)


def test_windows_that_are_kept_whole_are_not_sampled(prior, monkeypatch):
    frames, calls = 400, []
    forward = prior.network.forward
    monkeypatch.setattr(prior.network, "forward", lambda *a: calls.append(1) or forward(*a))
    keep = np.full((1, frames, len(NONLIP_CHANNELS)), 0.4, np.float32)
    mask = np.ones(keep.shape[1:], dtype=bool)
    mask[200:210] = False
    motion = prior.sample(mel(frames), [1], keep=keep, keep_mask=mask)
    assert 0 < len(calls) <= 2 * prior.num_inference_steps
    assert (motion[0, 200:210] != keep[0, 200:210]).any()
    np.testing.assert_array_equal(motion[0, mask], keep[0, mask])


def test_progress_counts_windows_and_can_stop(prior):
    seen = []
    prior.sample(mel(100), [1, 2], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, len(seen)) for i in range(len(seen))] and len(seen) > 2

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prior.sample(mel(100), [1], progress=stop)


def test_wrong_shapes_are_refused(prior):
    with pytest.raises(ValueError, match="mel"):
        prior.sample(np.zeros((5, 80), np.float32), [1])
    with pytest.raises(ValueError, match="together"):
        prior.sample(mel(5), [1], keep=np.zeros((1, 5, 32)))
    with pytest.raises(ValueError, match="keep"):
        prior.sample(mel(5), [1], keep=np.zeros((1, 4, 32)), keep_mask=np.zeros((4, 32), bool))


def test_spread_weights_move_further(prior, tmp_path):
    spread = []
    for factor in (0.7, 1.0, 1.3):
        factors = torch.ones(d_nl)
        factors[list(FEATURE_GROUPS["head"])] = factor
        save_shards(
            prior.network, torch.from_numpy(prior.mean), torch.from_numpy(prior.deviation), tmp_path, 4, spread=factors
        )
        loaded = NonlipPrior.load(folder=tmp_path)
        np.testing.assert_array_equal(loaded.spread, factors.numpy())
        spread.append(loaded.sample(mel(100), [1])[..., -6:].std())
    assert spread == sorted(spread) and spread[0] < 0.95 * spread[2]


def test_shards_load_back(prior, tmp_path):
    paths = save_shards(
        prior.network, torch.from_numpy(prior.mean), torch.from_numpy(prior.deviation), tmp_path, 7, 1.5
    )
    loaded = NonlipPrior.load(folder=tmp_path)
    assert (loaded.num_inference_steps, loaded.guidance_scale) == (7, 1.5)
    assert loaded.network.config == prior.network.config
    ours = prior.sample(mel(30), [4], Sampling(guidance_scale=1.5, num_inference_steps=7))
    np.testing.assert_allclose(loaded.sample(mel(30), [4]), ours, atol=5e-3)
    paths[0].unlink()
    with pytest.raises(SoliloquyError):
        NonlipPrior.load(folder=tmp_path)
