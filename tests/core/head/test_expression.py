"""The expression that is shown, and the motion that shows a given one: each is the other's inverse."""

import torch

from core.head.expression import motion_expression, target_expression
from core.motion.channels import EXPRESSIONS, LIP_CHANNELS

SMILE, JAW, PUCKER = (EXPRESSIONS.index(name) for name in ("mouthSmile_L", "jawOpen", "mouthPucker"))


def test_a_motion_that_shows_what_is_wanted():
    own, motion = 0.3 * torch.rand(53), 0.5 * torch.rand(20, 53)
    torch.testing.assert_close(motion_expression(own, target_expression(own, motion)), motion)


def test_lips_are_their_own_and_everything_else_is_on_top_of_the_portrait():
    own = torch.full((53,), 0.4)
    moved = motion_expression(own, torch.full((1, 53), 0.6))[0]
    for index, name in enumerate(EXPRESSIONS):
        if name not in LIP_CHANNELS:
            torch.testing.assert_close(moved[index], torch.tensor(0.2))
    torch.testing.assert_close(moved[JAW], torch.tensor(0.6))


def test_a_smile_of_the_portrait_is_left_out_unless_the_lips_are_round():
    own, shown = torch.zeros(53), torch.zeros(2, 53)
    own[SMILE], shown[:, SMILE], shown[1, PUCKER] = 0.5, 0.4, 1.0
    torch.testing.assert_close(motion_expression(own, shown)[:, SMILE], torch.tensor([0.4 - 0.45 * 0.5, 0.4]))


def test_what_the_portrait_shows_already_can_t_be_taken_back():
    assert motion_expression(torch.full((53,), 0.9), torch.zeros(1, 53)).min() == 0
