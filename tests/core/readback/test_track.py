"""Tracking in windows: every frame once, smooth borders, eyelids by the person's own range, pose relative to rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.face.fitting import Fitter
from core.face.landmark_model import LandmarkModel
from core.head.camera import Fit
from core.head.head_model import HeadModel
from core.head.rotation import rotation_vector
from core.motion.channels import EXPRESSIONS
from core.readback.track import LidRange, full_blinks, joined, lid_ratio, relative_pose, track
from tests.core.face.known_person import person, seen

BLINK = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.load()


@pytest.fixture(scope="module")
def model(head: HeadModel) -> LandmarkModel:
    return LandmarkModel.face_mesh(head)


def test_windows_give_every_frame_once_and_agree_with_one_solve(
    model: LandmarkModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = person(model, 61)
    landmarks = seen(model, truth, 0.5)
    fitter = Fitter(model)
    whole = fitter.fit_frames(landmarks, truth)
    monkeypatch.setattr("core.readback.track.WINDOW", 20)
    monkeypatch.setattr("core.readback.track.OVERLAP", 10)
    parts = list(track(fitter, truth, iter(landmarks.numpy())))
    assert sum(len(part.expression) for part in parts) == 61
    assert max(len(part.expression) for part in parts) <= 30
    pieced = joined(parts)
    assert (pieced.expression - whole.expression).abs().mean() < 0.01
    assert rotation_vector((pieced.rotation @ whole.rotation.mT).double()).norm(dim=-1).max() < np.deg2rad(0.5)


def test_lid_calibration_opens_fully_at_the_persons_own_gap(model: LandmarkModel) -> None:
    truth = person(model, 40)
    truth = replace(truth, expression=truth.expression * 0)
    truth.expression[18:22, BLINK] = 1.0
    landmarks = seen(model, truth, 0.2)
    ratio = lid_ratio(landmarks, model)
    lids = LidRange(ratio.median(0).values, ratio.min(0).values)
    fit = Fitter(model).fit_frames(landmarks, truth, lids.share(ratio))
    assert fit.expression[:15, BLINK].max() < 0.15
    assert fit.expression[19:21, BLINK].min() > 0.75


def opening(model: LandmarkModel, fit: Fit) -> torch.Tensor:
    """(T, 2) cm, signed height of the opening between the lids of the left and right eye."""
    points = model.shape(fit.identity) + torch.einsum("te,epk->tpk", fit.expression, model.expression)
    pairs = (model.lid_pairs_left, model.lid_pairs_right)
    return torch.stack([(points[:, p[:, 0]] - points[:, p[:, 1]])[..., 1].mean(1) for p in pairs], dim=1)


@pytest.mark.parametrize("eyes", ["small", "large"])
def test_full_blinks_close_small_eyes_at_weight_1(model: LandmarkModel, eyes: str) -> None:
    """Small eyes close at a weight below 1, which becomes 1. Large eyes stay open at 1; their weights don't change."""
    truth = person(model, 2)
    truth = replace(truth, identity=-truth.identity if eyes == "small" else truth.identity)
    expression = torch.zeros(2, len(EXPRESSIONS))
    expression[1, BLINK] = 1.0
    neutral, blinking = opening(model, replace(truth, expression=expression))
    closed_at = neutral / (neutral - blinking)
    assert ((closed_at < 1) == (eyes == "small")).all(), closed_at
    expression = torch.zeros(3, len(EXPRESSIONS))
    expression[:, BLINK] = torch.tensor([0.0, 0.5, 1.0])[:, None] * closed_at.clamp(max=1)
    fit = replace(truth, expression=expression)
    full = full_blinks(fit, model).expression
    torch.testing.assert_close(full[:, BLINK], torch.tensor([0.0, 0.5, 1.0])[:, None].repeat(1, 2))
    if eyes == "small":
        torch.testing.assert_close(opening(model, fit)[2], torch.zeros(2), atol=1e-5, rtol=0)


def test_relative_pose_moves_points_as_the_fit_does(head: HeadModel, model: LandmarkModel) -> None:
    truth = person(model, 10)
    points = model.shape(truth.identity)
    rest_rotation, rest_translation = truth.rotation[3], truth.translation[3]
    rotation, translation = relative_pose(truth, rest_rotation, rest_translation, head.neck_pivot)
    moved = head.pose(points.expand(10, -1, -1), torch.from_numpy(rotation), torch.from_numpy(translation))
    camera = moved @ rest_rotation.T + rest_translation
    assert torch.allclose(camera, points @ truth.rotation.mT + truth.translation[:, None], atol=1e-3)
    assert np.abs(rotation[3]).max() < 1e-5 and np.abs(translation[3]).max() < 1e-4
