"""Dense motion: where each place of the frame is in the source's picture, from the keypoints of both.

The volume is 2.5-D: turns move places of different depth by different amounts, but what a slice shows stays in its
slice. Between neighbouring slices lie about seven centimetres. A turn of 15° moves no place of a face by half of that
in depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..renderer.fields import sample
from ..renderer.generator.layers import activate, convolution, enlarge
from .anchors import first_spreads
from .blocks import Hourglass, exact, head_layer, square_grid
from .config import KeypointsConfig
from .pose import HeadPose
from .window import cropped, window_grid

SIDE = 32
"""Side of the grid on which the network works, whatever the picture's side. The surface has twice as many places, and
in the window four times as many."""
DEPTHS = (-0.3, 0.7)
"""Depths of the volume's last and first slice, in the square's coordinates."""
MOST = 8.0
"""Largest change of the logits that mix the motions. Without a limit one motion can win everywhere, and then nothing is
learned any more."""
GAIN = 0.25
"""Factor on the outputs, so that a step of the optimiser changes the motion little."""
REST = -6.0
"""Logit of the resting background when training begins: of places that lie about 3.5 of its deviations from a keypoint.
"""
HEAT = 0.1
"""Deviation of the spots that show the network where keypoints are."""
SURFACE, SURFACE_REACH = 0.35, 0.5
"""Depth of the visible surface when training begins, and its largest change."""
SHOWN, SHOWN_REACH = 2.0, 4.0
"""Logit of what is shown when training begins, and its largest change."""


@dataclass(frozen=True)
class MotionField:
    """The motion of B frames, in the square's coordinates.

    Attributes
    ----------
    volume
        (B, depth, 32, 32, 2) the source's place of each place of the volume, slice by slice.
    surface
        (B, 64, 64, 2) the source's place that is seen at each place of the frame.
    close
        (B, 64, 64, 2) the same for the window.
    shown
        (B, 1, 64, 64) 0..1: how much of the source is to be seen there; least where it is hidden in the source.
    features
        (B, C, 32, 32) what the network knows of the motion, for the decoder.
    """

    volume: Tensor
    surface: Tensor
    close: Tensor
    shown: Tensor
    features: Tensor


class DenseMotion(nn.Module):
    """Mixes the motions of all keypoints and the resting background into one, for each place."""

    grid: Tensor
    level: Tensor
    window: Tensor

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        self.count, self.depth = config.keypoints, config.depth
        inputs = (self.count + 1) * config.depth * config.small + self.count * config.depth
        width = config.motion[0]
        self.body = Hourglass(inputs, config.motion)
        self.to_volume = head_layer(width, (self.count + 1) * config.depth)
        self.fine = convolution(width, width // 2)
        self.to_surface = head_layer(width // 2, self.count + 3)
        self.sharpness = nn.Parameter(-2 * first_spreads(config.keypoints).log())  # log of 1 / deviation²
        levels = torch.linspace(*DEPTHS, config.depth)
        flat = square_grid(SIDE).expand(config.depth, -1, -1, -1)
        grid = torch.cat([flat, levels[:, None, None, None].expand(-1, SIDE, SIDE, 1)], -1)
        self.register_buffer("grid", grid, persistent=False)  # (depth, 32, 32, 3)
        self.register_buffer("level", square_grid(2 * SIDE), persistent=False)  # (64, 64, 2)
        self.register_buffer("window", window_grid(2 * SIDE), persistent=False)  # (64, 64, 2)

    def forward(
        self, small: Tensor, source: Tensor, pose: HeadPose, driven: Tensor, driven_pose: HeadPose
    ) -> MotionField:
        """The motion from source to frame.

        Parameters
        ----------
        small
            (B, small, depth, h, w) the source's small volume.
        source, driven
            (B, K, 3) keypoints of source and frame.
        pose, driven_pose
            Of B heads.
        """
        batch = len(driven)
        with exact(driven):
            turn = driven_pose.between(pose)[:, :2]
            shift = source[..., :2] - driven @ turn.mT  # (B, K, 2)
            volume = self.grid.expand(batch, -1, -1, -1, -1)
            places = moved(volume, turn, shift)  # (B, K + 1, depth, 32, 32, 2)
        slices = sample_slices(small.float(), places.transpose(1, 2).flatten(2, 3))
        seen = slices.unflatten(3, (self.count + 1, SIDE))  # (B, small, depth, K + 1, 32, 32)
        heat = spots(self.grid, driven) - spots(self.grid, source)  # (B, K, depth, 32, 32)
        x = self.body(torch.cat([seen.flatten(1, 3), heat.flatten(1, 2)], 1))
        mix = limited(self.to_volume(x)).unflatten(1, (self.count + 1, self.depth))
        out = self.to_surface(activate(self.fine(enlarge(x))))
        depth = SURFACE + SURFACE_REACH * torch.tanh(GAIN * out[:, self.count + 1 : self.count + 2].float())
        shown = torch.sigmoid(SHOWN + SHOWN_REACH * torch.tanh(GAIN * out[:, -1:].float()))
        of_surface = limited(out[:, : self.count + 1])
        close_mix, close_depth = enlarge(cropped(of_surface)), enlarge(cropped(depth))
        with exact(driven):
            mix = mix + self.first_mix(self.grid, driven)
            surface = self._mixed_at(self.level, of_surface, depth, driven, turn, shift)
            close = self._mixed_at(self.window, close_mix, close_depth, driven, turn, shift)
            return MotionField(mixed(mix, volume, turn, shift), surface, close, shown, x)

    def _mixed_at(
        self, level: Tensor, mix: Tensor, depth: Tensor, driven: Tensor, turn: Tensor, shift: Tensor
    ) -> Tensor:
        """(B, h, w, 2) the source's places of those of a ``level`` (h, w, 2) at a depth (B, 1, h, w)."""
        places = torch.cat([level.expand(len(mix), -1, -1, -1), depth.permute(0, 2, 3, 1)], -1)
        return mixed(mix + self.first_mix(level, driven), places, turn, shift)

    def first_mix(self, places: Tensor, driven: Tensor) -> Tensor:
        """(B, K + 1, ...) logits that give each place (..., 2 or more) to the nearest of the keypoints (B, K, 3), or to
        the background. What is near, each keypoint's own deviation says."""
        sharpness = (0.5 * self.sharpness.exp()).reshape(-1, *(1,) * (places.dim() - 1))
        near = -distances(places, driven) * sharpness
        return torch.cat([torch.full_like(near[:, :1], REST), near], 1)


def limited(out: Tensor) -> Tensor:
    """Changes of logits, at most ``MOST``."""
    return MOST * torch.tanh(out.float() * (GAIN / MOST))


def moved(places: Tensor, turn: Tensor, shift: Tensor) -> Tensor:
    """The source's places (B, K + 1, ..., 2) of places (B, ..., 3), if all rest, and if all move with one of the
    keypoints: turned by (B, 2, 3), then shifted by (B, K, 2)."""
    turned = (places.flatten(1, -2) @ turn.mT).unflatten(1, places.shape[1:-1])
    apart = shift.reshape(*shift.shape[:2], *(1,) * (places.dim() - 2), 2)
    return torch.cat([places[:, None, ..., :2], turned[:, None] + apart], 1)


def mixed(mix: Tensor, places: Tensor, turn: Tensor, shift: Tensor) -> Tensor:
    """(B, ..., 2) the mean of :meth:`moved` with the logits (B, K + 1, ...)."""
    share = torch.softmax(mix, 1).flatten(2).mT  # (B, places, K + 1)
    flat = places.flatten(1, -2)
    rest = share[..., :1]
    place = rest * flat[..., :2] + (1 - rest) * (flat @ turn.mT) + share[..., 1:] @ shift
    return place.unflatten(1, places.shape[1:-1])


def distances(places: Tensor, points: Tensor) -> Tensor:
    """(B, K, ...) squared distances across the square of places (..., 2 or more) from points (B, K, 3)."""
    flat = places[..., :2].flatten(0, -2)
    across = points[..., :2]
    square = across.square().sum(-1, keepdim=True) + flat.square().sum(-1) - 2 * across @ flat.T
    return square.clamp(min=0).unflatten(-1, places.shape[:-1])


def spots(places: Tensor, points: Tensor) -> Tensor:
    """(B, K, d, h, w) spots around points (B, K, 3) in a volume of places (d, h, w, 3)."""
    apart = (places[:, 0, 0, 2] - points[..., 2:]).square()  # (B, K, d)
    return torch.exp(-(distances(places, points) + apart[..., None, None]) / (2 * HEAT**2))


def sample_slices(volume: Tensor, positions: Tensor) -> Tensor:
    """Samples (B, C, D, h, w) of a volume (B, C, D, N, N), slice by slice, at positions (B, D, h, w, 2) in the square's
    coordinates."""
    batch, depth = positions.shape[:2]
    slices = volume.transpose(1, 2).flatten(0, 1)
    seen = sample(slices, (positions.flatten(0, 1) + 1) * (volume.shape[-1] / 2))
    return seen.unflatten(0, (batch, depth)).transpose(1, 2)
