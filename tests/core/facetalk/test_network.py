"""The decoder: a frame sees the past and hears its own time alone, FiLM tells the step, known frames come back."""

from dataclasses import replace

import pytest
import torch

from core.facetalk.denoiser import predict_clean
from core.facetalk.network import MOTION, ExpressionDecoder, FaceTalkConfig
from core.prior.schedule import CosineSchedule

FRAMES = 12
TIME = torch.tensor([400])


def network(**changes):
    torch.manual_seed(0)
    made = ExpressionDecoder(replace(FaceTalkConfig.tiny(), **changes)).eval().requires_grad_(False)
    for name, value in made.named_parameters():
        if name.startswith("out") or ".of." in name:
            value.normal_(0.0, 0.2)
    return made


def inputs(made):
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randn(1, FRAMES, made.config.width, generator=generator)
    return torch.randn(1, FRAMES, MOTION, generator=generator), tokens, torch.zeros(1, FRAMES, dtype=torch.bool)


def changed(before, after):
    """Numbers of the frames that differ."""
    return (before != after).any(-1)[0].nonzero()[:, 0].tolist()


def test_a_frame_sees_itself_and_those_before():
    made = network()
    noisy, tokens, known = inputs(made)
    other = noisy.clone()
    other[:, 7] += 1.0
    assert changed(made(noisy, TIME, tokens, known), made(other, TIME, tokens, known)) == list(range(7, FRAMES))


@pytest.mark.parametrize(("reach", "first"), [(0, 7), (2, 5), (-1, 0)])
def test_a_frame_hears_its_own_time_alone(reach, first):
    made = network(reach=reach, layers=2)
    noisy, tokens, known = inputs(made)
    other = tokens.clone()
    other[:, 7] += 1.0
    assert changed(made(noisy, TIME, tokens, known), made(noisy, TIME, other, known)) == list(range(first, FRAMES))


def test_film_tells_the_time_step():
    made = network()
    noisy, tokens, known = inputs(made)
    torch.nn.init.zeros_(made.time_to_frame.weight)
    early, late = (made(noisy, torch.tensor([t]), tokens, known) for t in (20, 900))
    assert not torch.allclose(early, late, atol=1e-3)
    deaf = network(film=False)
    torch.nn.init.zeros_(deaf.time_to_frame.weight)
    early, late = (deaf(noisy, torch.tensor([t]), tokens, known) for t in (20, 900))
    torch.testing.assert_close(early, late)


def test_known_frames_come_back_and_are_told_from_others():
    made = network()
    noisy, tokens, known = inputs(made)
    known[:, :4] = True
    clean = predict_clean(made, CosineSchedule(), noisy, TIME, tokens, known)
    assert torch.equal(clean[:, :4], noisy[:, :4]) and not torch.allclose(clean[:, 4:], noisy[:, 4:])
    assert changed(clean, predict_clean(made, CosineSchedule(), noisy, TIME, tokens, ~known)) == list(range(FRAMES))


def test_before_training_the_answer_is_the_mean():
    torch.manual_seed(0)
    made = ExpressionDecoder(FaceTalkConfig.tiny())
    noisy, tokens, known = inputs(made)
    assert not made(noisy, TIME, tokens, known).any()
