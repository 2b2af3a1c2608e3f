"""The fit recovers known persons, expressions and poses from their projected landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.face.fit_problem import FRAME, FitSettings
from core.face.fitting import Fitter
from core.face.landmark_model import LandmarkModel
from core.head.camera import Fit, gaps, project
from core.head.head_model import HeadModel
from core.head.rotation import euler_to_matrix, rodrigues, rotation_vector
from core.motion.channels import EXPRESSIONS
from core.readback.track import LidRange, joined, lid_ratio, relative_pose, track

FOCAL, SIZE = 900.0, (640.0, 640.0)


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.load()


@pytest.fixture(scope="module")
def model(head: HeadModel) -> LandmarkModel:
    return LandmarkModel.face_mesh(head)


def person(model: LandmarkModel, frames: int, seed: int = 3) -> Fit:
    """A random person who speaks, blinks, nods and looks around, smoothly."""
    generator = torch.Generator().manual_seed(seed)
    identity = 0.8 * torch.randn(model.identity.shape[0], generator=generator)
    time = torch.arange(frames) / 25
    expression = torch.zeros(frames, len(EXPRESSIONS))
    expression[:, EXPRESSIONS.index("jawOpen")] = 0.25 - 0.25 * torch.cos(9 * time)
    for side in "LR":
        expression[:, EXPRESSIONS.index(f"eyeBlink_{side}")] = torch.exp(-(((time - 1.0) / 0.08) ** 2))
        expression[:, EXPRESSIONS.index(f"mouthSmile_{side}")] = 0.2 + 0.2 * torch.sin(2 * time)
    expression[:, EXPRESSIONS.index("eyeLookIn_L")] = 0.3 * torch.sin(3 * time).clamp(min=0)
    expression[:, EXPRESSIONS.index("eyeLookOut_R")] = 0.3 * torch.sin(3 * time).clamp(min=0)
    angles = torch.stack([0.1 * torch.sin(2 * time), 0.25 * torch.sin(1.3 * time), 0.05 * torch.cos(time)], dim=1)
    return Fit(
        identity=identity,
        focal=torch.tensor(FOCAL),
        centre=torch.tensor(SIZE) / 2,
        expression=expression,
        rotation=euler_to_matrix(angles),
        translation=torch.tensor([1.0, -2.0, -75.0]) + 0.5 * torch.sin(time)[:, None],
    )


def seen(model: LandmarkModel, truth: Fit, noise: float, seed: int = 5) -> torch.Tensor:
    pixels = project(model.positions(truth.identity, truth.expression), truth)
    return pixels + noise * torch.randn(pixels.shape, generator=torch.Generator().manual_seed(seed))


def test_projection_follows_the_camera_convention(model: LandmarkModel) -> None:
    fit = replace(person(model, 1), rotation=torch.eye(3)[None], translation=torch.tensor([[0.0, 0.0, -50.0]]))
    centre, left, up = project(torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]]), fit)[0]
    assert torch.allclose(centre, torch.tensor([320.0, 320.0]))
    assert torch.allclose(
        left - centre, torch.tensor([FOCAL / 50, 0.0]), atol=1e-3
    )  # the person's left is the viewer's right
    assert torch.allclose(up - centre, torch.tensor([0.0, -FOCAL / 50]), atol=1e-3)


def test_rotation_vector_inverts_rodrigues() -> None:
    vectors = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.8
    vectors[0] = 0
    assert torch.allclose(rotation_vector(rodrigues(vectors)), vectors, atol=1e-9)


@pytest.mark.parametrize("shared", [False, True])
def test_jacobian_matches_finite_differences(model: LandmarkModel, shared: bool) -> None:
    truth = person(model, 2)
    fitter = Fitter(model, FitSettings(huber=1e6))  # far from the robust loss' corner, whose weight is held constant
    landmarks = seen(model, truth, 1.0)
    rows, by_frame, by_shared = fitter.problem.linearised(truth, fitter.seen(landmarks), shared)
    generator = torch.Generator().manual_seed(1)
    step = torch.randn(2, FRAME, generator=generator) * 2e-3
    # inside their bounds, where the projection to [0, 1] does nothing
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
    blink = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]
    truth.expression[18:22, blink] = 1.0
    landmarks = seen(model, truth, 0.2)
    ratio = lid_ratio(landmarks, model)
    lids = LidRange(ratio.median(0).values, ratio.min(0).values)
    fit = Fitter(model).fit_frames(landmarks, truth, lids.share(ratio))
    assert fit.expression[:15, blink].max() < 0.15
    assert fit.expression[19:21, blink].min() > 0.75


def test_relative_pose_moves_points_as_the_fit_does(head: HeadModel, model: LandmarkModel) -> None:
    truth = person(model, 10)
    points = model.shape(truth.identity)
    rest_rotation, rest_translation = truth.rotation[3], truth.translation[3]
    rotation, translation = relative_pose(truth, rest_rotation, rest_translation, head.neck_pivot)
    moved = head.pose(points.expand(10, -1, -1), torch.from_numpy(rotation), torch.from_numpy(translation))
    camera = moved @ rest_rotation.T + rest_translation
    assert torch.allclose(camera, points @ truth.rotation.mT + truth.translation[:, None], atol=1e-3)
    assert np.abs(rotation[3]).max() < 1e-5 and np.abs(translation[3]).max() < 1e-4
