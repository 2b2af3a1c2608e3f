"""Made-up pairs: a disc as a face that moves with its head's pose, and whose mouth opens with jawOpen."""

import numpy as np
import torch

from core.keypoints.anchors import ANCHORS, first_places
from core.keypoints.blocks import square_grid
from core.keypoints.pose import HeadPose
from core.motion.channels import EXPRESSIONS
from training.sadtalker.face_render.data import Faces

SIDE = 64
RADIUS = 6
LOWER_LIP = 1
"""Its place in ``ANCHORS``."""
JAW = EXPRESSIONS.index("jawOpen")


class MadeFaces:
    """A stand-in for ``training.sadtalker.face_render.batches.FaceSource``."""

    side = SIDE

    def draw(self, count: int, rng: np.random.Generator) -> Faces:
        """``count`` random pairs: the head moves sideways, and the mouth opens."""
        skin = torch.tensor(rng.uniform(0.4, 0.9, (count, 3, 1, 1))).float()
        pose = HeadPose(torch.eye(3).expand(count, 3, 3), torch.zeros(count, 2), torch.full((count,), 0.5))
        translation = torch.tensor(rng.uniform(-2, 2, (count, 3))).float() * torch.tensor([1.0, 0.0, 0.0])
        driven = pose.moved(torch.zeros(count, 3), translation)
        jaw = torch.tensor(rng.uniform(0, 1, count)).float()
        window = torch.zeros(count, 2 * RADIUS + 1, 59)
        driven_window = window.clone()
        driven_window[..., JAW], driven_window[..., 56:] = jaw[:, None], translation[:, None]
        source, truth = _face(pose, skin, torch.zeros(count)), _face(driven, skin, jaw)
        anchors = first_places(len(ANCHORS)) + pose.place[:, None]
        driven_anchors = anchors + (driven.place - pose.place)[:, None]
        driven_anchors[:, LOWER_LIP, 1] += 0.15 * jaw
        weight = torch.ones(count, 1, SIDE, SIDE)
        return Faces(source, truth, weight, pose, driven, anchors, driven_anchors, window, driven_window)


def _face(pose: HeadPose, skin: torch.Tensor, jaw: torch.Tensor) -> torch.Tensor:
    away = square_grid(SIDE) - pose.place[:, None, None]
    disc = torch.sigmoid((0.5 - away.norm(dim=-1)) * 40)[:, None]
    mouth = (away - torch.tensor([0.0, 0.2])) / torch.stack([torch.full_like(jaw, 0.2), 0.05 + 0.15 * jaw], -1)[
        :, None, None
    ]
    shade = torch.sigmoid((1 - mouth.norm(dim=-1)) * 8)[:, None]
    return 0.1 + disc * (skin * (1 - 0.8 * shade) - 0.1)
