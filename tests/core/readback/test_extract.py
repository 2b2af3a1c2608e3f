"""Extraction: a motion is recovered from the landmarks of a known portrait, and from real frames of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.face.landmark_model import LandmarkModel
from core.head.camera import project
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait, fitted
from core.readback import extract as extract_module
from core.readback.extract import MAX_LOST, extract

JAW = EXPRESSIONS.index("jawOpen")


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    data = pytest.importorskip("skimage.data", reason="the standard photograph comes with scikit-image")
    return fit_portrait(data.astronaut())


def speaking(frames: int) -> Motion:
    """A motion that nods, turns, opens and closes the mouth, and blinks once."""
    time = np.arange(frames) / 25
    motion = Motion.zeros(frames)
    expression = motion.expression.copy()
    expression[:, JAW] = 0.2 - 0.2 * np.cos(8 * time)
    for side in "LR":
        expression[:, EXPRESSIONS.index(f"eyeBlink_{side}")] = np.exp(-(((time - 0.6) / 0.08) ** 2))
    rotation = np.stack([0.06 * np.sin(3 * time), 0.12 * np.sin(2 * time), 0.04 * np.cos(2 * time)], axis=1)
    return Motion(expression, rotation, motion.translation)


class ShownLandmarks:
    """Stand-in for the face mesh: returns the landmarks that the portrait's fitted model has for a motion."""

    def __init__(self, portrait: Portrait, motion: Motion) -> None:
        head = HeadModel.load()
        person = fitted(portrait)
        model = LandmarkModel.face_mesh(head)
        weights = (person.expression + torch.tensor(motion.expression)).clamp(0, 1)
        posed = head.pose(
            model.positions(person.identity, weights), torch.tensor(motion.rotation), torch.tensor(motion.translation)
        )
        still = replace(
            person,
            rotation=person.rotation.expand(len(motion), 3, 3),
            translation=person.translation.expand(len(motion), 3),
        )
        here = project(model.positions(person.identity, person.expression), person)
        shift = torch.from_numpy(portrait.landmarks[:, :2]) - here[0]
        pixels = (project(posed, still) + shift).numpy()
        self.landmarks = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=-1).astype(np.float32)

    def __call__(self, video: bool) -> ShownLandmarks:
        assert video
        return self

    def __enter__(self) -> ShownLandmarks:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def detect(self, image: np.ndarray) -> list[np.ndarray]:
        index = int(image[0, 0, 0])
        return [] if image[0, 0, 1] else [self.landmarks[index]]


def numbered(count: int, without_face: range = range(0)) -> Iterator[np.ndarray]:
    """Frames whose first pixel holds their number and whether they show no face."""
    for index in range(count):
        frame = np.zeros((2, 2, 3), np.uint8)
        frame[0, 0] = index, index in without_face, 0
        yield frame


def test_motion_is_recovered_from_its_landmarks(portrait: Portrait, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = speaking(40)
    monkeypatch.setattr(extract_module, "FaceMesh", ShownLandmarks(portrait, motion))
    found = extract(numbered(40), portrait)
    assert len(found) == 40
    assert np.degrees(np.abs(found.rotation - motion.rotation)).max() < 2
    assert np.corrcoef(found.expression[:, JAW], motion.expression[:, JAW])[0, 1] > 0.95
    blink = EXPRESSIONS.index("eyeBlink_L")
    assert np.corrcoef(found.expression[:, blink], motion.expression[:, blink])[0, 1] > 0.9


def test_short_gaps_are_filled_and_long_ones_are_an_error(portrait: Portrait, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = speaking(30)
    monkeypatch.setattr(extract_module, "FaceMesh", ShownLandmarks(portrait, motion))
    found = extract(numbered(30, range(10, 13)), portrait)
    assert len(found) == 30 and np.degrees(np.abs(found.rotation - motion.rotation)).max() < 4
    with pytest.raises(SoliloquyError) as caught:
        extract(numbered(30, range(5, 6 + MAX_LOST)), portrait)
    assert caught.value.code == "extract_no_face"


def test_no_frames_give_an_empty_motion(portrait: Portrait) -> None:
    assert len(extract(iter(()), portrait)) == 0


def test_frames_at_another_scale_and_position(portrait: Portrait, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = speaking(25)
    shown = ShownLandmarks(portrait, motion)
    monkeypatch.setattr(extract_module, "FaceMesh", shown)
    plain = extract(numbered(25), portrait)
    shown.landmarks = (shown.landmarks - [30, 20, 0]).astype(np.float32) * 2
    moved = extract(numbered(25), portrait, scale=2.0, origin=(30.0, 20.0))
    assert np.abs(moved.rotation - plain.rotation).max() < 1e-3
    assert np.abs(moved.expression - plain.expression).max() < 0.02


@pytest.mark.slow
def test_round_trip_through_real_frames(portrait: Portrait) -> None:
    from core.renderer.renderer import Renderer
    from core.takes.extraction import frame_to_image

    motion = speaking(40)
    head = HeadModel.load()
    renderer = Renderer(head, portrait, size=256, framing="crop")
    turned = np.degrees(np.abs(motion.rotation)).max()
    found = extract(renderer.render(motion), portrait, *frame_to_image(renderer.framing))
    error = np.degrees(np.abs(found.rotation - motion.rotation))
    assert turned > 5 and error.mean() < 1.5 and np.percentile(error, 95) < 3
    assert np.corrcoef(found.expression[:, JAW], motion.expression[:, JAW])[0, 1] > 0.9
