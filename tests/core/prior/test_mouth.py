"""What the prior is told about the mouth, and that it acts on motion only as a condition."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.face.landmark_model import LandmarkModel
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS, LIP_CHANNELS
from core.prior.denoiser import Denoiser, Networks
from core.prior.features import d_nl
from core.prior.guidance import Guidance
from core.prior.kept import Known
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.sampling import Sampling
from core.prior.schedule import CosineSchedule
from core.prior.told.mouth import _TABLE, MOUTH, mouth_curves
from core.systems.diffusion import Diffusion

SEEN = PriorConfig(**(vars(PriorConfig.tiny()) | {"mouth": True}))
SCHEDULE = CosineSchedule(1000)


def talking(frames=200, pause=slice(80, 110), size=0.4):
    """(frames, 27) lips that open and close five times a second, except in a pause."""
    lips = np.zeros((frames, len(LIP_CHANNELS)), np.float32)
    lips[:, LIP_CHANNELS.index("jawOpen")] = size * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frames) / 5))
    lips[pause] = 0.0
    return lips


def of(curves, name):
    return curves[:, MOUTH.index(name)]


def test_the_table_is_that_of_the_mean_head():
    head = HeadModel.load()
    model = LandmarkModel.ibug68(head)
    weights = torch.zeros(len(LIP_CHANNELS) + 1, len(EXPRESSIONS))
    for row, name in enumerate(LIP_CHANNELS):
        weights[row + 1, EXPRESSIONS.index(name)] = 1.0
    points = model.positions(torch.zeros(head.identity_basis.shape[0]), weights)
    eyes = (points[0, 45] - points[0, 36]).norm()
    gap = (points[:, model.lip_pairs[:, 0], 1] - points[:, model.lip_pairs[:, 1], 1]).mean(1) / eyes
    width = (points[:, 54, 0] - points[:, 48, 0]) / eyes
    np.testing.assert_allclose(_TABLE, torch.stack([gap - gap[0], width - width[0]], 1)[1:], atol=2e-3)


def test_curves_are_those_of_the_recording_whatever_its_size():
    small, large = mouth_curves(talking(size=0.6)), mouth_curves(talking(size=0.9))
    assert small.shape == (200, len(MOUTH)) and small.dtype == np.float32
    np.testing.assert_allclose(small, large, atol=1e-4)
    assert 0.9 < of(small, "opening").max() < 1.1 and abs(of(small, "opening").min()) < 0.1


def test_phrases_and_pauses_are_told_with_their_times():
    curves = mouth_curves(talking())
    speaks = of(curves, "speaking") > 0.5
    assert speaks[5:75].all() and speaks[115:].all() and not speaks[88:102].any()
    begun = int(np.flatnonzero(~speaks)[-1])
    assert of(curves, "since the phrase began")[begun + 25] == pytest.approx(np.log1p(1.0), abs=0.01)
    assert of(curves, "until the phrase ends")[int(np.flatnonzero(~speaks)[0]) - 25] == pytest.approx(np.log1p(1.0))
    assert of(curves, "since the phrase ended")[95] > 0 == of(curves, "since the phrase ended")[30]


def test_a_mouth_at_rest_is_silent_and_one_frame_will_do():
    for frames in (1, 300):
        curves = mouth_curves(np.full((frames, len(LIP_CHANNELS)), 0.1, np.float32))
        assert np.isfinite(curves).all() and not of(curves, "speaking").any() and not of(curves, "movement").any()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return AudioToNonlipPrior(SEEN).eval().requires_grad_(False)


def test_the_mouth_has_no_effect_before_training_and_an_unknown_one_its_own_embedding(network):
    curves = torch.from_numpy(mouth_curves(talking()))[None]
    assert not network.encode_mouth(curves).any()
    network.mouth_in[2].weight.normal_()
    network.no_mouth.normal_()
    hidden = curves.clone()
    hidden[:, 50:] = torch.nan
    embedded = network.encode_mouth(hidden)
    assert torch.equal(embedded[:, 50:], network.no_mouth.expand(1, 150, -1))
    assert torch.equal(embedded[:, :50], network.encode_mouth(curves)[:, :50])
    assert not AudioToNonlipPrior(PriorConfig.tiny()).encode_mouth(curves).any()


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0])
def test_guidance_leads_away_from_motion_without_sound_and_mouth(network, scale):
    network.mouth_in[2].weight.normal_()
    network.no_mouth.normal_()
    network.out.weight.normal_(0, 0.05)
    mel, noisy = torch.randn(80, 80), torch.randn(1, 20, d_nl)
    curves = torch.from_numpy(mouth_curves(talking(20)))
    nothing = torch.zeros_like(noisy, dtype=torch.bool)
    networks = Networks(network, network, SCHEDULE)

    def answer(scale, mouth):
        return Denoiser(networks, mel, Known(noisy, nothing), Guidance(scale), mouth=mouth)(noisy, 700)

    if scale == 2.0:
        torch.testing.assert_close(
            answer(2.0, curves), 2.0 * answer(1.0, curves) - answer(0.0, None), rtol=1e-4, atol=1e-4
        )
    assert (answer(scale, curves) - answer(scale, None)).abs().max() > 1e-3


def test_takes_follow_the_mouth_and_kept_parts_stay(network):
    network.mouth_in[2].weight.normal_()
    network.out.weight.normal_(0, 0.1)
    prior = NonlipPrior(network, torch.full((d_nl,), 0.2), torch.full((d_nl,), 0.1), num_inference_steps=3)
    mel = np.random.default_rng(0).normal(size=(4 * 230, 80)).astype(np.float32)
    told = [mouth_curves(talking(230, pause)) for pause in (slice(80, 110), slice(30, 60))]
    first, other = (prior.sample(mel, [1], mouth=mouth) for mouth in told)
    assert np.abs(first - other).max() > 1e-3
    mask = np.zeros((230, 32), bool)
    mask[:120] = mask[200:] = True
    again = prior.sample(mel, [1], Sampling(), mouth=told[1], keep=first, keep_mask=mask)
    np.testing.assert_array_equal(again[:, mask], first[:, mask])
    with pytest.raises(ValueError, match=r"mouth must be \(230, 9\), not \(100, 9\)"):
        prior.sample(mel, [1], mouth=told[0][:100])


@pytest.mark.parametrize("reads", [True, False])
def test_the_mouth_is_computed_only_for_a_prior_that_reads_it(reads):
    """With a transcript it costs the lips a second time."""
    asked = []
    prior = SimpleNamespace(network=SimpleNamespace(config=SimpleNamespace(mouth=reads)))
    wish = SimpleNamespace(heard_lips=lambda: asked.append("asked") or talking(30, slice(0)))
    curves = Diffusion(prior)._mouth(wish)
    assert (len(asked), curves is not None) == (int(reads), reads)
