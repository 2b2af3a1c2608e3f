"""Losses on keypoints: equivariance, the keypoint prior, the deformation prior (face-vid2vid, arXiv 2011.15126)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.keypoints.anchors import ANCHORS
from core.keypoints.blocks import square_grid

from .data import Faces

APART = 0.1
"""Squared distance of two canonical keypoints below which they are too near: about three centimetres."""
MEAN_DEPTH = 0.8
"""Wanted mean depth of the canonical keypoints before the neck's pivot: eight centimetres, a little behind the face."""
MOTION = 4.0
"""Weight of the motion in :func:`guidance`."""
SOFT = 0.02
"""Difference of colours, 0–1, below which L_1 becomes a square."""
AFFINE, BENT = 0.06, 0.006
"""Deviations of the entries of a random warp's affine part, and of the weights of its splines."""
CONTROLS = 5
"""Control points of the splines along each side."""


@dataclass(frozen=True)
class RandomWarp:
    """Thin-plate splines that bend B squares. ``affine`` (B, 2, 3), ``weights`` (B, n, 2) of ``controls`` (n, 2)."""

    affine: Tensor
    weights: Tensor
    controls: Tensor

    @classmethod
    def draw(cls, count: int, generator: torch.Generator, device: torch.device) -> RandomWarp:
        """``count`` random warps."""
        affine = torch.eye(2, 3) + AFFINE * torch.randn(count, 2, 3, generator=generator)
        axis = torch.linspace(-1, 1, CONTROLS)
        controls = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).flatten(0, 1)
        weights = BENT * torch.randn(count, len(controls), 2, generator=generator)
        return cls(affine.to(device), weights.to(device), controls.to(device))

    def places(self, points: Tensor) -> Tensor:
        """Where points (B, n, 2) of the warped squares come from, in the square's coordinates."""
        moved = points @ self.affine[:, :, :2].mT + self.affine[:, None, :, 2]
        square = (points[:, :, None] - self.controls).square().sum(-1)  # (B, n, controls)
        return moved + (square * (square + 1e-6).log()) @ self.weights

    def picture(self, picture: Tensor) -> Tensor:
        """Warped pictures (B, C, S, S)."""
        size = picture.shape[-1]
        grid = square_grid(size, picture.device).flatten(0, 1).expand(len(picture), -1, -1)
        positions = self.places(grid).unflatten(1, (size, size))
        return F.grid_sample(picture, positions, padding_mode="border", align_corners=False)


def soft_l1(made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Mean over pixels of the weighted difference of pictures (B, 3, H, W), weight (B, 1, H, W).

    Differences below ``SOFT`` are squared. Most of a square stands still. With a plain L_1 any change there costs much,
    however small it is.
    """
    return (weight * ((made - truth).square() + SOFT**2).sqrt() - weight * SOFT).mean()


def equivariance(seen: Tensor, of_warped: Tensor, warp: RandomWarp) -> Tensor:
    """Mean distance along an axis between keypoints (B, K, 3) of pictures and those of the warped pictures, which are
    brought back to where they come from."""
    return (warp.places(of_warped[..., :2]) - seen[..., :2]).abs().mean()


def keypoint_prior(canonical: Tensor) -> Tensor:
    """How much nearer than ``APART`` free keypoints lie to the other ones, summed over pairs, for each keypoint of
    canonical (B, K, 3); plus the distance of their mean depth from ``MEAN_DEPTH``. Those that landmarks lead may lie
    near to each other, as lips do."""
    count = canonical.shape[1]
    square = (canonical[:, :, None] - canonical[:, None]).square().sum(-1)
    led = torch.arange(count, device=canonical.device) < len(ANCHORS)
    others = ~torch.eye(count, dtype=torch.bool, device=canonical.device) & ~(led[:, None] & led)
    near = (F.relu(APART - square) * others).sum((1, 2)).mean() / count
    return near + (canonical[..., 2].mean(1) - MEAN_DEPTH).abs().mean()


def guidance(seen: Tensor, driven: Tensor, faces: Faces) -> Tensor:
    """How far the first keypoints (B, K, 3) are from where landmarks put them, along an axis: of sources, and of what
    moves them from source to frame. The motion counts ``MOTION`` times."""
    n = faces.anchors.shape[1]
    moved = driven[:, :n, :2] - seen[:, :n, :2]
    wanted = faces.driven_anchors - faces.anchors
    return (seen[:, :n, :2] - faces.anchors).abs().mean() + MOTION * (moved - wanted).abs().mean()


def deformation_prior(offsets: Tensor) -> Tensor:
    """Mean size of the expression's offsets (B, K, 3)."""
    return offsets.abs().mean()
