"""The fit recovers known persons, expressions and poses from their projected landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.face.fit_problem import FRAME, FitSettings
from core.face.fitting import Fitter
from core.face.landmark_model import LandmarkModel
from core.head.camera import Fit, gaps
from core.head.head_model import HeadModel
from core.head.rotation import rotation_vector
from core.motion.channels import EXPRESSIONS
from tests.core.face.known_person import SIZE, person, seen


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.load()


@pytest.fixture(scope="module")
def model(head: HeadModel) -> LandmarkModel:
    return LandmarkModel.face_mesh(head)


@pytest.mark.parametrize("shared", [False, True])
def test_jacobian_matches_finite_differences(model: LandmarkModel, shared: bool) -> None:
    truth = person(model, 2)
    fitter = Fitter(model, FitSettings(huber=1e6))  # a quadratic loss: the Jacobian holds Huber's weights constant
    landmarks = seen(model, truth, 1.0)
    rows, by_frame, by_shared = fitter.problem.linearised(truth, fitter.seen(landmarks), shared)
    generator = torch.Generator().manual_seed(1)
    step = torch.randn(2, FRAME, generator=generator) * 2e-3
    # Weights move into their bounds, so that the projection to [0, 1] changes nothing.
    step[:, : len(EXPRESSIONS)] = step[:, : len(EXPRESSIONS)].abs() * torch.where(truth.expression < 0.5, 1.0, -1.0)
    shared_step = torch.randn(by_shared.shape[-1], generator=generator) * 2e-3 if shared else None
    moved = fitter.problem.linearised(fitter.problem.moved(truth, step, shared_step), fitter.seen(landmarks), False)[0]
    linear = (by_frame @ step[..., None])[..., 0]
    if shared:
        linear = linear + by_shared @ shared_step
    assert (moved - rows - linear).norm() < 0.02 * linear.norm()


def test_single_picture_recovers_pose_and_fits_within_noise(model: LandmarkModel) -> None:
    truth = person(model, 60)
    frame = 40
    one = Fit(
        truth.identity,
        truth.focal,
        truth.centre,
        truth.expression[[frame]],
        truth.rotation[[frame]],
        truth.translation[[frame]],
    )
    fit = Fitter(model).fit_identity(seen(model, one, 0.7), SIZE)
    angle = rotation_vector(fit.rotation[0].double() @ one.rotation[0].double().T).norm()
    assert torch.rad2deg(angle) < 4
    assert float(fit.residual[0]) < 0.01
    assert float(fit.expression.min()) >= 0 and float(fit.expression.max()) <= 1


def test_track_recovers_motion_of_a_known_person(model: LandmarkModel) -> None:
    truth = person(model, 60)
    landmarks = seen(model, truth, 0.7)
    fit = Fitter(model).fit_frames(landmarks, truth)
    angles = torch.rad2deg(rotation_vector((fit.rotation @ truth.rotation.mT).double()).norm(dim=-1))
    assert angles.median() < 1 and angles.max() < 2
    shown = [gaps(model.positions(truth.identity, each.expression), model.lip_pairs) for each in (truth, fit)]
    assert np.corrcoef(shown[0], shown[1])[0, 1] > 0.99
    for name, least in (("jawOpen", 0.95), ("eyeBlink_L", 0.9), ("eyeBlink_R", 0.9), ("eyeLookOut_R", 0.8)):
        column = EXPRESSIONS.index(name)
        assert np.corrcoef(truth.expression[:, column], fit.expression[:, column])[0, 1] > least, name


def test_track_is_smooth_under_noise(model: LandmarkModel) -> None:
    truth = replace(
        person(model, 40), expression=torch.zeros(40, len(EXPRESSIONS)), rotation=torch.eye(3).repeat(40, 1, 1)
    )
    truth = replace(truth, translation=truth.translation[:1].repeat(40, 1))
    landmarks = seen(model, truth, 1.0)
    smooth = Fitter(model).fit_frames(landmarks, truth)
    rough = Fitter(model, FitSettings(smoothness=(1e3, 1e3, 1e3))).fit_frames(landmarks, truth)

    def shake(fit: Fit) -> float:
        return float(rotation_vector((fit.rotation[1:] @ fit.rotation[:-1].mT).double()).norm(dim=-1).mean())

    assert shake(smooth) < 0.5 * shake(rough)
