"""A person in front of a known camera, with known expression and pose, and the landmarks that a tracker would find."""

from __future__ import annotations

import torch

from core.face.landmark_model import LandmarkModel
from core.head.camera import Fit, project
from core.head.rotation import euler_to_matrix
from core.motion.channels import EXPRESSIONS

FOCAL, SIZE = 900.0, (640.0, 640.0)
"""Focal length and picture size in pixels."""


def person(model: LandmarkModel, frames: int, seed: int = 3) -> Fit:
    """A random person who smoothly speaks, blinks, nods and looks around, for ``frames`` frames."""
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
    """(T, P, 2) px: the landmarks of ``truth`` with normal noise of standard deviation ``noise``."""
    pixels = project(model.positions(truth.identity, truth.expression), truth)
    return pixels + noise * torch.randn(pixels.shape, generator=torch.Generator().manual_seed(seed))
