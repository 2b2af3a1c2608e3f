"""ExpNet's losses against other ways to compute them: eye ratios by hand, landmarks from whole heads, torch's own."""

import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from training.sadtalker.clips import LIDS, Windows
from training.sadtalker.expression_losses import CM_UNIT, WEIGHT_UNIT, ExpressionLosses, Landmarks, LossWeights
from training.sadtalker.reader import MouthLandmarks, Reader, reading_loss


@pytest.fixture(scope="module")
def head():
    return HeadModel.load()


def windows(blink=0.0, frames=6, count=3):
    reference = 0.2 * torch.rand(count, 53)
    reference[:, LIDS] = 0.05
    shut = torch.full((count, frames), blink)
    target = reference[:, None].repeat(1, frames, 1)
    target[..., LIDS] += shut[..., None] * (1 - target[..., LIDS])
    phones = torch.rand(count, 4 * frames, 40).softmax(-1)
    return Windows(phones, torch.zeros(count, frames, 3), reference, shut, target, torch.tensor([True, True, False]))


def test_landmarks_are_those_of_the_whole_head(head):
    weights = torch.rand(4, 53)
    whole = (head.mean + head.expression_offsets(weights))[:, head.landmarks68]
    torch.testing.assert_close(Landmarks(head)(weights), whole, atol=1e-4, rtol=0)


def test_eye_ratio_by_hand(head):
    points = Landmarks(head)(torch.zeros(53)).numpy()
    left = np.mean([np.linalg.norm(points[43] - points[47]), np.linalg.norm(points[44] - points[46])])
    ratio = Landmarks(head).eye_ratio(torch.zeros(53))
    assert float(ratio[0]) == pytest.approx(left / np.linalg.norm(points[45] - points[42]), rel=1e-5)
    assert float(ratio[0]) == pytest.approx(float(ratio[1]), abs=1e-3)


def test_asked_ratios_run_from_the_reference_to_shut_eyes(head):
    landmarks = Landmarks(head)
    reference = 0.2 * torch.rand(2, 53)
    asked = landmarks.asked_ratio(reference, torch.tensor([[0.0, 1.0], [0.0, 1.0]]))
    torch.testing.assert_close(asked[:, 0], landmarks.eye_ratio(reference))
    assert asked[:, 1].sub(landmarks.shut).abs().max() < 1e-6 and landmarks.shut < 0.2 * float(asked[:, 0].min())


@pytest.mark.parametrize("blink", [0.0, 0.5, 1.0])
def test_the_target_costs_nothing_but_what_lids_can_t_show(head, blink):
    losses = ExpressionLosses(LossWeights(), head, None)
    batch = windows(blink)
    terms = losses(batch.target, batch)
    assert terms["distillation"] == 0 and terms["landmarks"] == 0 and terms["eyes"] < 0.5
    other = losses(windows(1.0 - blink).target if blink != 0.5 else windows(0.0).target, batch)
    assert other["eyes"] > 2 * terms["eyes"] + 0.4


def test_terms_against_other_ways(head):
    losses = ExpressionLosses(LossWeights(), head, None)
    batch, predicted = windows(0.3), torch.rand(3, 6, 53)
    terms = losses(predicted, batch)
    torch.testing.assert_close(
        terms["distillation"], torch.nn.functional.mse_loss(predicted, batch.target) / WEIGHT_UNIT**2
    )
    here, there = ((head.mean + head.expression_offsets(w))[:, :, head.landmarks68] for w in (predicted, batch.target))
    torch.testing.assert_close(
        terms["landmarks"], (here - there).square().sum(-1).mean() / CM_UNIT**2, rtol=1e-3, atol=0
    )
    weights = LossWeights()
    wanted = sum(getattr(weights, name) * terms[name] for name in ("distillation", "landmarks", "eyes"))
    torch.testing.assert_close(terms["total"], wanted)


def test_reading_is_torchs_cross_entropy_of_filmed_windows(head):
    torch.manual_seed(0)
    reader = Reader.of_size("tiny", head).eval()
    batch, predicted = windows(), torch.rand(3, 6, 53)
    terms = ExpressionLosses(LossWeights(reading=0.5), head, reader)(predicted, batch)
    logits = reader(predicted)[:2]
    heard = batch.phones[:2].unflatten(1, (6, 4)).mean(2)
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), heard.flatten(0, 1))
    torch.testing.assert_close(terms["reading"], expected)
    rest = 2 * terms["distillation"] + terms["landmarks"] + 0.2 * terms["eyes"]
    torch.testing.assert_close(terms["total"], rest + 0.5 * terms["reading"])


def test_a_sure_and_right_reader_costs_nothing():
    phones = torch.eye(40)[torch.tensor([[3, 5, 0]])]
    assert reading_loss(40 * phones, phones).abs().max() < 1e-5
    assert reading_loss(torch.zeros(1, 3, 40), phones)[0] == pytest.approx(np.log(40), rel=1e-5)


def test_the_reader_sees_nothing_but_the_mouth(head):
    seen = MouthLandmarks(head)
    weights = torch.zeros(53)
    weights[EXPRESSIONS.index("noseSneer_L")] = weights[EXPRESSIONS.index("cheekPuff_L")] = 1.0
    assert seen(weights).abs().max() == 0
    weights[EXPRESSIONS.index("jawOpen")] = 0.5
    points = Landmarks(head)
    moved = (points(weights) - points(torch.zeros(53)))[48:68]
    only_jaw = torch.zeros(53)
    only_jaw[EXPRESSIONS.index("jawOpen")] = 0.5
    eyes = (points(torch.zeros(53))[36] - points(torch.zeros(53))[45]).norm()
    jaw_moved = (points(only_jaw) - points(torch.zeros(53)))[48:68]
    torch.testing.assert_close(seen(weights), (jaw_moved / eyes / 0.02).flatten(), atol=1e-3, rtol=1e-3)
    assert not torch.allclose(moved, jaw_moved)
