"""Applies G to the warped frames of one portrait."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from ...compute.devices import fast_bfloat16
from ..fields import pixel_grid
from ..warped import WarpedFrames
from .conditions import conditions, half_flow, paintable
from .finish import finished
from .generator import Correction, Generator, resized
from .style import StyleNetworks, identity_of, style_of
from .weights import WEIGHTS, load_generator


@dataclass(frozen=True)
class Painter:
    """The networks of G: the generator, and the networks that give f_cat."""

    generator: Generator
    styles: StyleNetworks

    @classmethod
    def shipped(cls, device: str | torch.device = "cpu") -> Painter | None:
        """The shipped networks, loaded once; None if this build has no weights of them."""
        from ...representation.model import WEIGHTS as REPRESENTATION

        if not (WEIGHTS.is_file() and REPRESENTATION.is_file()):
            return None
        return _load(str(device))


@functools.lru_cache(maxsize=1)
def _load(device: str) -> Painter:
    from ...representation.model import Representation

    generator = load_generator(device=device, dtype=torch.bfloat16 if fast_bfloat16(device) else torch.float32)
    return Painter(generator, Representation.load(device).requires_grad_(False))


class Refiner:
    """A painter with the features of one portrait.

    Parameters
    ----------
    painter
        The networks.
    crop
        (S, S, 3) uint8 RGB: the portrait's square.
    landmarks
        (478, 2 or 3) px of the square.
    """

    def __init__(self, painter: Painter, crop: np.ndarray, landmarks: np.ndarray) -> None:
        self.network, self.styles = painter.generator, painter.styles
        self.side = self.network.config.side
        self.device = next(self.network.parameters()).device
        self.identity = identity_of(self.styles, crop, landmarks, self.device)
        picture = torch.tensor(crop, device=self.device).permute(2, 0, 1)[None].float() / 255
        self.maps = self.network.encode(resized(picture, self.side))
        self.half_grid = pixel_grid(self.side // 2, self.side // 2, self.device).permute(2, 0, 1)[None] * 2

    def correct(self, frames: WarpedFrames, parts: Tensor, normals: Tensor, channels: Tensor) -> Tensor:
        """Corrected pictures (B, 3, S, S) 0..1.

        Parameters
        ----------
        frames
            Of ``Renderer.warp``.
        parts, normals
            Of ``Renderer.surfaces`` at the generator's side.
        channels
            (B, 59) of the motion.
        """
        flow = frames.flow
        alpha, trust, stretch = (resized(v, self.side) for v in (frames.alpha, flow.trust, flow.stretch))
        moved = resized(half_flow(flow.positions), self.side // 2) * (self.side / flow.positions.shape[1])
        geometry = conditions(alpha, trust, stretch, moved, parts, normals)
        paint = paintable(alpha, moved, parts)
        given = (resized(frames.picture, self.side), geometry, self.half_grid + moved, paint, channels)
        # Frame by frame: matrix products and convolutions can round differently for another number of frames.
        corrections = [self._correct_one(*(v[k : k + 1] for v in given)) for k in range(len(channels))]
        correction = Correction(*(torch.cat([getattr(c, f.name) for c in corrections]) for f in fields(Correction)))
        return finished(correction, frames.picture, paint, moved, parts, stretch)

    def _correct_one(
        self, picture: Tensor, geometry: Tensor, positions: Tensor, paint: Tensor, channels: Tensor
    ) -> Correction:
        style = style_of(self.styles, self.identity, channels)
        return self.network.correct(self.maps, picture, geometry, positions, paint, style)
