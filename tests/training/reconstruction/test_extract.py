"""Extraction without mediapipe: R's coefficients become the motion that they describe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.face.face_view import VIEW_SIDE, clip_similarity
from core.face.reconstruction import Face, sight_pose, view_camera
from core.head.expression import target_expression
from core.head.head_model import HeadModel
from core.head.rotation import euler_to_matrix
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from core.takes.extraction import frame_to_image
from training.reconstruction import extract as extract_network
from training.reconstruction.extract import extract_by_network

JAW = EXPRESSIONS.index("jawOpen")


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    data = pytest.importorskip("skimage.data", reason="the standard photograph comes with scikit-image")
    return fit_portrait(data.astronaut())


class Oracle(torch.nn.Module):
    """Replaces R: the grey level of a frame is its number, and the oracle knows the truth of each frame. The portrait,
    not one of them, shows the portrait's pose and weights. A constant error is added to all answers."""

    def __init__(self, portrait: Portrait, expression: np.ndarray, rotation: np.ndarray, shift: np.ndarray) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        head = HeadModel.load()
        pivot = head.neck_pivot
        own = torch.from_numpy(portrait.expression).float()
        base = euler_to_matrix(torch.from_numpy(portrait.rotation).float())
        turn = euler_to_matrix(torch.from_numpy(rotation))
        moved = pivot + torch.from_numpy(shift) - turn @ pivot
        rotations = torch.cat([base @ turn, base[None]])
        translations = torch.cat([moved @ base.T, torch.zeros(1, 3)]) + torch.from_numpy(portrait.translation).float()
        focal, centre, roll = view_camera(
            torch.tensor([portrait.focal]).double(),
            torch.from_numpy(np.asarray(portrait.centre)).double()[None],
            torch.from_numpy(clip_similarity(portrait.landmarks))[None],
            VIEW_SIDE,
        )
        count = len(rotations)
        camera = (focal.float().expand(count), centre.float().expand(count, 2))
        roll = roll.float()
        self.rotation, self.place = sight_pose(
            roll @ rotations, (roll @ translations[..., None])[..., 0], camera, VIEW_SIDE
        )
        self.expression = torch.cat([target_expression(own, torch.from_numpy(expression)), own[None]]) + 0.03

    def forward(self, views: torch.Tensor) -> Face:
        level = (views.mean((1, 2, 3)) * 255).round().long()
        flat = views.flatten(1).std(1) < 1e-3
        index = torch.where(flat, level, torch.full_like(level, len(self.place) - 1))
        count = len(views)
        return Face(
            identity=torch.zeros(count, 50),
            expression=self.expression[index],
            rotation=self.rotation[index],
            place=self.place[index],
            gaze=torch.zeros(count, 2, 2),
            light=torch.zeros(count, 9, 3),
        )


def _motion(frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    time = np.arange(frames, dtype=np.float32) / 25
    expression = np.zeros((frames, len(EXPRESSIONS)), np.float32)
    expression[:, JAW] = 0.3 - 0.3 * np.cos(3 * time)
    rotation = np.stack([0.1 * np.sin(2 * time), 0.15 * np.sin(time), 0.05 * np.cos(time) - 0.05], 1)
    return expression, rotation.astype(np.float32), np.zeros((frames, 3), np.float32)


def test_motion_of_known_poses_and_weights_is_found(portrait, monkeypatch):
    expression, rotation, shift = _motion(40)
    oracle = Oracle(portrait, expression, rotation, shift)
    # The oracle answers in the portrait's own view, so the view must not follow the head here.
    look = extract_network._Sight.look

    def still(self, pictures, view, shifts):
        return look(self, pictures, view, np.zeros_like(shifts))

    monkeypatch.setattr(extract_network._Sight, "look", still)
    frames = [np.full((64, 64, 3), index, np.uint8) for index in range(40)]
    found = extract_by_network(frames, portrait, scale=0.5, origin=(10, 5), network=oracle)
    assert np.abs(found.rotation - rotation)[1:-1].max() < 2e-3  # smoothing flattens the curve by this much
    assert np.abs(found.translation)[1:-1].max() < 0.05
    assert np.abs(found.expression[:, JAW] - expression[:, JAW])[1:-1].max() < 5e-3
    others = [index for index in range(len(EXPRESSIONS)) if index != JAW]
    assert found.expression[:, others].max() < 0.03


def test_no_frames_give_an_empty_motion(portrait):
    expression, rotation, shift = _motion(2)
    oracle = Oracle(portrait, expression, rotation, shift)
    assert len(extract_by_network(iter(()), portrait, network=oracle)) == 0


class Blob(torch.nn.Module):
    """Takes a bright blob for the head: returns its place, and records its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.places: list[torch.Tensor] = []

    def forward(self, views: torch.Tensor) -> Face:
        grey, count = views.mean(1), len(views)
        axis = (torch.arange(VIEW_SIDE) + 0.5) / VIEW_SIDE
        x = (grey.sum(1) * axis).sum(1) / grey.sum((1, 2))
        y = (grey.sum(2) * axis).sum(1) / grey.sum((1, 2))
        self.places.append(torch.stack([x, y], 1))
        zero = torch.zeros(count, 3)
        place = torch.stack([x, y, torch.full_like(x, 1.4)], 1)
        return Face(torch.zeros(count, 50), torch.zeros(count, 53), zero, place, zero, zero)


def test_the_view_follows_the_head_and_the_shift_is_added(portrait):
    def blob(x: float, y: float) -> np.ndarray:
        rows, columns = np.mgrid[: portrait.image.shape[0], : portrait.image.shape[1]]
        bell = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 200)
        return np.repeat(bell[..., None], 3, 2).astype(np.uint8)

    middle = portrait.landmarks[:468, :2].mean(0)
    network = Blob()
    shown = replace(portrait, image=blob(*middle))
    found = extract_by_network([blob(middle[0] + 12, middle[1] - 5)], shown, network=network)
    home, first, second = network.places
    assert (first - home).norm() > 0.03
    assert (second - home).norm() < 0.01
    similarity = clip_similarity(portrait.landmarks)
    scale = np.exp(1.4) / 100 / np.hypot(*similarity[:, 0])  # pixels of the picture per centimetre
    assert np.linalg.norm(found.translation[0]) == pytest.approx(np.hypot(12, 5) / scale, rel=0.05)


@pytest.mark.slow
def test_the_shipped_network_sees_the_motion_that_is_rendered(portrait):
    frames = 24
    time = np.arange(frames, dtype=np.float32)
    expression = np.zeros((frames, len(EXPRESSIONS)), np.float32)
    expression[:, JAW] = 0.35 - 0.35 * np.cos(time / 2)
    rotation = np.stack([0.08 * np.sin(time / 3), 0.14 * np.sin(time / 4), 0.06 * np.sin(time / 5)], 1)
    motion = Motion(expression, rotation.astype(np.float32), np.zeros((frames, 3), np.float32))
    renderer = Renderer(HeadModel.load(), portrait, size=256, framing="crop")
    found = extract_by_network(renderer.render(motion), portrait, *frame_to_image(renderer.framing))
    error = np.abs(found.rotation - rotation)
    assert np.degrees(error.mean()) < 3
    # Pitch is the hardest to see: an opening jaw lengthens the face while a nod shortens it.
    for axis, least in enumerate((0.6, 0.8, 0.8)):
        assert np.corrcoef(found.rotation[:, axis], rotation[:, axis])[0, 1] > least
    assert np.corrcoef(found.expression[:, JAW], expression[:, JAW])[0, 1] > 0.8
