"""A caller's choices: what None stands for, and which values are refused."""

import numpy as np
import pytest
import torch

from core.prior.features import d_nl
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.sampling import Sampling
from core.prior.told.personas import centre_of
from core.prior.windows import SEAM_FRAMES
from core.wire.style import PriorStyle

OWN = {"guidance_scale": 2.0, "num_inference_steps": 4, "sampler": "ddim"}


@pytest.fixture(scope="module")
def prior():
    torch.manual_seed(0)
    network = AudioToNonlipPrior(PriorConfig(**(vars(PriorConfig.tiny()) | {"levels": True})))
    with torch.no_grad():
        network.out.weight.normal_(0, 0.1)
        network.no_audio.normal_()
        network.levels_in[2].weight.normal_()
    return NonlipPrior(network, torch.zeros(d_nl), torch.full((d_nl,), 0.1), **OWN)


def take(prior, **chosen):
    mel = np.random.default_rng(0).normal(size=(160, 80)).astype(np.float32)
    return prior.sample(mel, [1], Sampling(**chosen))


def test_none_means_the_values_of_the_weights(prior):
    plain = take(prior)
    style = PriorStyle()
    np.testing.assert_array_equal(plain, take(prior, **OWN, style=style, transition=SEAM_FRAMES, levels=centre_of(0.0)))
    for other in (
        {"guidance_scale": 1.0},
        {"num_inference_steps": 5},
        {"sampler": "dpm_solver_pp"},
        {"levels": centre_of(0.5)},
        {"style": PriorStyle(head_amplitude=0.5)},
    ):
        assert np.abs(take(prior, **other) - plain).max() > 1e-4, other


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sampler": "euler"}, "sampler must be one of ddpm, ddim, dpm_solver_pp, not 'euler'"),
        ({"transition": 0}, "transition must be at least 1 frame, not 0"),
        ({"levels": np.zeros(3)}, r"levels must be 7 numbers, not \(3,\)"),
    ],
)
def test_wrong_choices_are_refused_at_once(wrong, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**wrong)


def test_too_many_steps_are_refused(prior):
    with pytest.raises(ValueError, match="num_inference_steps must be 1 … 1000"):
        take(prior, num_inference_steps=1001)
