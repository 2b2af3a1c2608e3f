"""Landmarks without pictures: those of a face that rests, and those that a motion of a portrait shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from core.face.landmark_model import LandmarkModel
from core.face.points import OUTER_EYES
from core.head.camera import project
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.portrait import Portrait, fitted

JAW = EXPRESSIONS.index("jawOpen")


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


def still_face(frames: int) -> np.ndarray:
    """(``frames``, 478, 3) landmarks in pixels of a face that doesn't move."""
    points = np.random.default_rng(0).normal(0, 40, (478, 3)).astype(np.float32) + 200
    points[list(OUTER_EYES)] = [[150, 180, 0], [250, 180, 0]]
    return np.tile(points, (frames, 1, 1))


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

    def __call__(self, video: bool, largest: bool = False) -> ShownLandmarks:
        assert video
        return self

    def __enter__(self) -> ShownLandmarks:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def detect(self, image: np.ndarray) -> list[np.ndarray]:
        index = int(image[0, 0, 0])
        return [] if image[0, 0, 1] else [self.landmarks[index]]
