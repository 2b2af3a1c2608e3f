"""Heads without trembling: nods pass, noise does not, and nothing but the head changes."""

import numpy as np
import pytest

from core.motion.channels import FPS
from core.prior.features import FEATURE_GROUPS, d_nl
from core.prior.spaces import CodeSpace, NormalisedSpace
from core.prior.steady import steadied, steady_head
from core.representation.model import Representation

HEAD = list(FEATURE_GROUPS["head"])


def swinging(hertz, frames=200):
    return np.repeat(np.sin(2 * np.pi * hertz * np.arange(frames) / FPS)[:, None], d_nl, axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("hertz", "low", "high"), [(0.5, 0.99, 1.01), (2.0, 0.97, 1.03), (3.7, 0.8, 1.02), (10, 0, 0.05)]
)
def test_nods_pass_and_trembling_does_not(hertz, low, high):
    steady = steady_head(swinging(hertz))[20:-20, HEAD[1]]
    assert low <= steady.std() / swinging(hertz)[20:-20, HEAD[1]].std() <= high


def test_other_features_and_the_argument_do_not_change():
    motion = np.random.default_rng(0).normal(size=(60, d_nl)).astype(np.float32)
    before = motion.copy()
    steady = steady_head(motion)
    np.testing.assert_array_equal(motion, before)
    others = [i for i in range(d_nl) if i not in HEAD]
    np.testing.assert_array_equal(steady[:, others], motion[:, others])
    assert steady.dtype == np.float32 and np.abs(steady[:, HEAD] - motion[:, HEAD]).max() > 0.1


@pytest.mark.parametrize("frames", [1, 5, 6, 30])
def test_a_turn_at_constant_speed_does_not_change(frames):
    """Constant speed is not trembling, in the first and last frames too. The shortest takes do not change at all."""
    turn = (np.arange(frames, dtype=np.float32)[:, None] * np.ones(d_nl, np.float32)) - 3.0
    np.testing.assert_allclose(steady_head(turn), turn, atol=1e-4)


def test_a_learned_codes_head_stops_trembling_and_its_face_stays():
    code = CodeSpace(Representation.load().requires_grad_(False))
    space = NormalisedSpace(code, np.zeros(code.size, np.float32), np.full(code.size, 0.5, np.float32))
    calm = 0.1 * swinging(0.5)
    calm[:, len(HEAD) :] = np.abs(calm[:, len(HEAD) :])
    trembling = calm.copy()
    trembling[:, HEAD[:3]] += 0.01 * swinging(10)[:, :3]
    values = space.encode(trembling)
    before, after = space.decode(values), space.decode(steadied(values, space))
    fast = [np.diff(motion[20:-20, HEAD[:3]], n=2, axis=0).std() for motion in (before, after)]
    assert fast[1] < 0.2 * fast[0]
    assert np.abs(after - before)[:, len(HEAD) :].max() < 0.05
    np.testing.assert_allclose(after[:, HEAD[:3]], space.decode(space.encode(calm))[:, HEAD[:3]], atol=0.01)
