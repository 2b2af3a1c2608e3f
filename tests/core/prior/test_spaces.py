"""Noise and kept parts by the window, and motion diffused as learned codes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.motion.channels import GROUPS, NONLIP_CHANNELS
from core.prior.features import d_nl, features_from_channels
from core.prior.kept import Kept
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.spaces import CodeSpace
from core.prior.walk import noise_of
from core.representation.model import Representation, RepresentationConfig
from core.wire.style import PriorStyle


@given(seed=st.integers(0, 2**31 - 1), first=st.integers(0, 300), length=st.integers(1, 200))
def test_noise_of_a_part_is_part_of_the_noise(seed, first, length):
    whole = noise_of(seed, 0, 500, 3)
    np.testing.assert_array_equal(noise_of(seed, first, first + length, 3), whole[first : first + length])


def test_noise_is_normal_and_no_two_takes_share_it():
    noise = np.stack([noise_of(seed, 0, 2000, 4) for seed in range(5)])
    assert noise.dtype == np.float32 and abs(noise.mean()) < 0.02 and noise.std() == pytest.approx(1, abs=0.02)
    flat = noise.reshape(5, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(5)).max() < 0.06
    assert np.abs(np.corrcoef(noise[0, :-50].ravel(), noise[0, 50:].ravel())[0, 1]) < 0.06, "blocks differ"


def test_kept_parts_reach_past_the_take_and_single_entries_give_way():
    keep = np.arange(2 * 10 * 32, dtype=np.float32).reshape(2, 10, 32)
    mask = np.zeros((10, 32), bool)
    mask[4:6] = True
    kept = Kept(2, 10, keep, mask, [(0, 7, -1.0), (5, 7, -2.0)])
    channels, given_ = kept.part(-3, 14)
    assert channels.shape == (2, 17, 32) and given_.shape == (17, 32)
    assert not given_[:3].any() and not given_[13:].any() and given_.sum() == 2 * 32 + 1
    np.testing.assert_array_equal(channels[:, 7:9], keep[:, 4:6])
    assert (channels[:, 3, 7] == -1).all() and not channels[:, 4].any()
    np.testing.assert_array_equal(kept.takes([1]).part(0, 10)[0], channels[1:, 3:13])


@pytest.fixture(scope="module")
def learned():
    """A random representation and a random network over its 64 numbers."""
    torch.manual_seed(0)
    space = CodeSpace(Representation(RepresentationConfig.tiny()).eval().requires_grad_(False))
    config = PriorConfig(**{**vars(PriorConfig.tiny()), "features": space.size, "learned": True})
    network = AudioToNonlipPrior(config)
    torch.nn.init.normal_(network.out.weight, 0, 0.1)
    return NonlipPrior(network, torch.zeros(space.size), torch.full((space.size,), 0.3), 3, space=space)


def test_codes_are_what_the_representation_makes_of_channels(learned):
    representation = learned.space._representation
    rng = np.random.default_rng(0)
    features = rng.uniform(0, 0.3, size=(2, 7, d_nl)).astype(np.float32)
    codes = learned.space.encode(features)
    decoded = learned.space.decode(codes)
    assert codes.shape == (2, 7, 64) and decoded.shape == (2, 7, d_nl)
    with torch.no_grad():
        channels = representation.decode_nonlip(torch.from_numpy(codes)).numpy()
    np.testing.assert_allclose(decoded, features_from_channels(channels), atol=1e-6)
    mask = np.ones((7, d_nl), bool)
    mask[3, 5] = False
    known = learned.space.known(mask)
    assert known.shape == (7, 64) and not known[3].any() and known[[0, 6]].all()


@pytest.mark.parametrize("style", [{}, {"head_amplitude": 0.5, "blink_rate": 30.0}, {"loop": True, "liveliness": 0.5}])
def test_codes_are_sampled_kept_styled_and_streamed(learned, style):
    frames, rng = 130, np.random.default_rng(1)
    mel = rng.normal(size=(4 * frames, 80)).astype(np.float32)
    keep = rng.uniform(0.1, 0.3, size=(1, frames, 32)).astype(np.float32)
    keep[..., -6:] *= 0.3
    mask = np.zeros((frames, 32), bool)
    mask[30:60] = True
    mask[:, [NONLIP_CHANNELS.index(name) for name in GROUPS["brows"]]] = True
    chosen = {"keep": keep, "keep_mask": mask, "style": PriorStyle(**style)}
    motion = learned.sample(mel, [4], **chosen)
    np.testing.assert_array_equal(motion[:, mask], keep[:, mask])
    assert np.isfinite(motion).all() and motion.shape == (1, frames, 32)
    streamed = np.concatenate([part for _, part in learned.stream(mel, 4, **chosen)])
    np.testing.assert_array_equal(streamed, motion[0])
    free = learned.sample(mel, [4], style=PriorStyle(**style))
    assert np.abs(free - motion)[:, 100:].max() > 1e-6, "what is kept is heard of everywhere"
