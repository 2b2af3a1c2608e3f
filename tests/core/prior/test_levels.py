"""Levels of liveliness: how they are measured, and how the network and its lead use them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.prior.denoiser import Denoiser, Networks
from core.prior.features import FEATURES, d_nl
from core.prior.guidance import Guidance, spread_for
from core.prior.kept import Known
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.sampling import Sampling
from core.prior.schedule import CosineSchedule
from core.prior.told.levels import LEVELS, measure_levels
from core.prior.told.personas import centre_of
from core.wire.style import PriorStyle

SCHEDULE = CosineSchedule(1000)
LEVELLED = PriorConfig(**(vars(PriorConfig.tiny()) | {"levels": True}))


def motion(seed=0, frames=120):
    return np.random.default_rng(seed).normal(0, 0.03, (frames, d_nl)).cumsum(axis=0).astype(np.float32)


@given(seed=st.integers(0, 50), factor=st.floats(0.4, 1.2))
def test_a_level_is_a_factor_of_the_swing_about_any_rest_position(seed, factor):
    plain = motion(seed)
    resting = np.random.default_rng(seed).normal(size=d_nl)
    np.testing.assert_allclose(
        measure_levels(factor * plain + resting) - measure_levels(plain), 2 * np.log(factor), atol=0.01
    )


def test_each_part_has_its_own_level_and_stillness_a_lower_limit():
    still = np.zeros((50, d_nl), np.float32)
    np.testing.assert_array_equal(measure_levels(still), -6.0)
    swinging = np.sin(np.arange(50) / 5)
    moved = {}
    for name in FEATURES:
        one = still.copy()
        one[:, FEATURES.index(name)] = swinging
        moved[name] = {LEVELS[i] for i in np.flatnonzero(measure_levels(one) > -6.0)}
    assert moved["headYaw"] == {"head turns", "head speed"} and moved["headX"] == {"head shifts"}
    assert moved["gazePitch"] == {"gaze"} and moved["browInnerUp_L"] == {"brows"} and moved["noseSneer_R"] == {"cheeks"}
    assert moved["eyeSquint_L"] == {"lids"} and moved["blink"] == set(), "blinks are events of one size"


@pytest.fixture
def network():
    torch.manual_seed(0)
    return AudioToNonlipPrior(LEVELLED).eval().requires_grad_(False)


def test_levels_have_no_effect_before_training(network):
    embedded = network.encode_levels(torch.tensor([[3.0] * 7, [torch.nan] * 7]))
    assert embedded.shape == (2, 1, LEVELLED.condition) and not embedded.any()
    plain = AudioToNonlipPrior(PriorConfig.tiny())
    assert not plain.encode_levels(torch.ones(2, 7)).any() and not hasattr(plain, "levels_in")


def test_unknown_levels_have_their_own_embedding(network):
    network.no_levels.normal_()
    network.levels_in[2].weight.normal_()
    partly = torch.full((7,), 0.5)
    partly[3] = torch.nan
    embedded = network.encode_levels(torch.stack([torch.full((7,), torch.nan), partly, torch.zeros(7), torch.ones(7)]))
    for unknown in embedded[:2]:
        torch.testing.assert_close(unknown[0], network.no_levels, rtol=0, atol=0)
    assert not torch.equal(embedded[2], embedded[3]) and not embedded.isnan().any()


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0])
def test_levels_act_with_audio_and_without(network, scale):
    network.levels_in[2].weight.normal_()
    network.no_levels.normal_()
    network.out.weight.normal_(0, 0.05)
    given = torch.randn(2, 20, d_nl, generator=torch.Generator().manual_seed(1))
    nothing = torch.zeros_like(given, dtype=torch.bool)
    made = {}
    for name, levels in (
        ("left out", None),
        ("unknown", torch.full((7,), torch.nan)),
        ("calm", torch.full((7,), -2.0)),
    ):
        guidance = Guidance(scale) if levels is None else Guidance(scale, levels)
        denoiser = Denoiser(Networks(network, network, SCHEDULE), torch.zeros(80, 80), Known(given, nothing), guidance)
        made[name] = denoiser(given, 700)
    assert torch.equal(made["left out"], made["unknown"])
    assert (made["calm"] - made["unknown"]).abs().max() > 1e-3


def test_the_styles_liveliness_gives_the_levels_unless_levels_are_given(network):
    network.levels_in[2].weight.normal_()
    network.out.weight.normal_(0, 0.05)
    prior = NonlipPrior(network, torch.zeros(d_nl), torch.full((d_nl,), 0.1), num_inference_steps=3)
    mel = np.zeros((200, 80), np.float32)
    plain = prior.sample(mel, [1])
    np.testing.assert_array_equal(prior.sample(mel, [1], Sampling(levels=centre_of(0.0))), plain)
    lively = prior.sample(mel, [1], Sampling(style=PriorStyle(liveliness=0.5)))
    given_levels = prior.sample(mel, [1], Sampling(style=PriorStyle(liveliness=0.5), levels=centre_of(0.0)))
    np.testing.assert_array_equal(given_levels, plain)
    assert np.abs(lively - plain).max() > 1e-3
    with pytest.raises(ValueError, match="levels must be 7"):
        Sampling(levels=np.zeros(3))


def test_a_still_talker_is_not_led_away_from_stillness():
    spread = np.linspace(0.9, 1.3, d_nl).astype(np.float32)
    for turns, share in ((1.0, 1.0), (0.0, 1.0), (-1.25, 0.5), (-2.5, 0.0), (-6.0, 0.0), (np.nan, 1.0)):
        levels = np.full(len(LEVELS), -3.0, np.float32)
        levels[LEVELS.index("head turns")] = turns
        np.testing.assert_allclose(spread_for(spread, levels), 1 + share * (spread - 1), rtol=1e-6)


def test_a_take_without_audio_is_led_by_a_fraction(network, monkeypatch):
    """Between 0 and 1 the lead grows with the guidance scale; beyond 1 it does not."""
    spread, typical = np.linspace(0.9, 1.3, d_nl).astype(np.float32), np.zeros(len(LEVELS), np.float32)
    for heard, share in ((0.0, 0.2), (0.5, 0.6), (1.0, 1.0), (2.5, 1.0)):
        np.testing.assert_allclose(spread_for(spread, typical, heard), 1 + share * (spread - 1), rtol=1e-6)
    torch.nn.init.normal_(network.out.weight, 0, 0.1)
    mel = np.random.default_rng(0).normal(size=(240, 80)).astype(np.float32)

    def take(spread: float, scale: float) -> np.ndarray:
        factors = torch.full((d_nl,), spread)
        prior = NonlipPrior(network, torch.full((d_nl,), 0.3), torch.full((d_nl,), 0.1), 3, spread=factors)
        return prior.sample(mel, [1], Sampling(guidance_scale=scale))

    listening, deaf = take(1.3, 1.0), take(1.3, 0.0)
    monkeypatch.setattr("core.prior.guidance.UNHEARD", 1.0)
    np.testing.assert_array_equal(take(1.3, 1.0), listening)
    np.testing.assert_allclose(take(1.06, 0.0), deaf, atol=1e-5)
    assert np.abs(take(1.0, 0.0) - deaf).max() > 1e-3
