"""ExpNet: it begins at the reference, hears only what is near, and its last layer is linear."""

import pytest
import torch

from core.head.expression import target_expression
from core.motion.channels import EXPRESSIONS
from core.sadtalker.exp_net import ExpNet, ExpNetConfig

CONFIG = ExpNetConfig.tiny()


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ExpNet(CONFIG).eval()


def heard(frames, seed=0):
    random = torch.Generator().manual_seed(seed)
    phones = torch.rand(2, 4 * frames, 40, generator=random).softmax(-1)
    return phones, torch.randn(2, frames, CONFIG.manner, generator=random)


@pytest.mark.parametrize("frames", [1, 2, 31])
def test_shapes(network, frames):
    made = network(*heard(frames), torch.rand(2, 53), torch.zeros(2, frames))
    assert made.shape == (2, frames, len(EXPRESSIONS))


def test_a_new_network_shows_what_the_product_does_of_the_reference(network):
    phones, manner = heard(20)
    one, other = torch.rand(2, 53), torch.rand(2, 53)
    blink = torch.zeros(2, 20)
    moved = network(phones, manner, one, blink) - network(phones, manner, other, blink)
    nothing = torch.zeros(1, 53)
    rest = [target_expression(reference, nothing) for reference in torch.cat([one, other])]
    wanted = torch.stack(rest[:2]) - torch.stack(rest[2:])
    torch.testing.assert_close(moved, wanted.expand_as(moved))


def test_nothing_far_away_is_heard(network):
    phones, manner = heard(60)
    reference, blink = torch.rand(2, 53), torch.zeros(2, 60)
    before = network(phones, manner, reference, blink)
    louder = phones.clone()
    louder[:, 4 * 40 : 4 * 41] = phones[:, 4 * 40 : 4 * 41].flip(-1)
    moved = (network(louder, manner, reference, blink) - before).abs().amax((0, 2)) > 0
    reach = CONFIG.context_frames
    assert moved[40] and not moved[: 40 - reach].any() and not moved[41 + reach :].any()


def test_blinks_are_those_of_the_frame_alone(network):
    phones, manner = heard(10)
    reference, blink = torch.rand(2, 53), torch.zeros(2, 10)
    before = network(phones, manner, reference, blink)
    blink[:, 4] = 0.7
    moved = network(phones, manner, reference, blink) - before
    torch.testing.assert_close(moved[:, 4], (0.7 * network.out.weight[:, -1]).expand(2, -1))
    assert moved[:, :4].abs().max() == 0 and moved[:, 5:].abs().max() == 0
