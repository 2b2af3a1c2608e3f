"""Motion diffused as learned codes, and normalised values."""

import numpy as np
import pytest
import torch

from core.motion.channels import GROUPS, NONLIP_CHANNELS
from core.prior.features import d_nl, features_from_channels
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.sampling import Sampling
from core.prior.spaces import CodeSpace, NormalisedSpace
from core.representation.model import Representation, RepresentationConfig
from core.wire.style import PriorStyle


@pytest.fixture(scope="module")
def learned():
    """A random representation and a random network over its 64 numbers."""
    torch.manual_seed(0)
    space = CodeSpace(Representation(RepresentationConfig.tiny()).eval().requires_grad_(False))
    config = PriorConfig(**{**vars(PriorConfig.tiny()), "features": space.size, "learned": True})
    network = AudioToNonlipPrior(config)
    torch.nn.init.normal_(network.out.weight, 0, 0.1)
    return NonlipPrior(network, torch.zeros(space.size), torch.full((space.size,), 0.3), 3, space=space)


def test_codes_are_the_representations_codes_of_the_channels(learned):
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
def test_codes_are_sampled_kept_and_styled(learned, style):
    frames, rng = 130, np.random.default_rng(1)
    mel = rng.normal(size=(4 * frames, 80)).astype(np.float32)
    keep = rng.uniform(0.1, 0.3, size=(1, frames, 32)).astype(np.float32)
    keep[..., -6:] *= 0.3
    mask = np.zeros((frames, 32), bool)
    mask[30:60] = True
    mask[:, [NONLIP_CHANNELS.index(name) for name in GROUPS["brows"]]] = True
    sampling = Sampling(style=PriorStyle(**style))
    motion = learned.sample(mel, [4], sampling, keep=keep, keep_mask=mask)
    np.testing.assert_array_equal(motion[:, mask], keep[:, mask])
    assert np.isfinite(motion).all() and motion.shape == (1, frames, 32)
    free = learned.sample(mel, [4], sampling)
    assert np.abs(free - motion)[:, 100:].max() > 1e-6, "the kept part changes motion far away from it"
    together = learned.sample(mel, [9, 4], sampling, keep=np.concatenate([keep, keep]), keep_mask=mask)
    np.testing.assert_array_equal(together[1], motion[0])


def test_normalised_values_are_deviations_from_the_mean(learned):
    rng = np.random.default_rng(3)
    mean, deviation = rng.normal(size=64).astype(np.float32), rng.uniform(0.5, 2, size=64).astype(np.float32)
    space = NormalisedSpace(learned.space, mean, deviation)
    features = rng.uniform(0, 0.3, size=(2, 7, d_nl)).astype(np.float32)
    np.testing.assert_allclose(space.encode(features) * deviation + mean, learned.space.encode(features), atol=1e-5)
    values = rng.normal(size=(2, 7, 64)).astype(np.float32)
    np.testing.assert_array_equal(space.decode(values), learned.space.decode(values * deviation + mean))
    assert (space.size, space.exact) == (64, False)
