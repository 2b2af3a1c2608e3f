"""G at work: one portrait's warped frames, corrected one by one."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...models import fast_bfloat16
from ..fields import pixel_grid
from .conditions import conditions, half_flow, paintable
from .finish import finished
from .generator import Generator, resized
from .style import StyleNetworks, identity_of, style_of
from .weights import load_generator, weights_path

if TYPE_CHECKING:
    from ..renderer import WarpedFrames


@dataclass(frozen=True)
class Painter:
    """The networks that G needs: itself, and what gives it f_cat."""

    generator: Generator
    styles: StyleNetworks

    @classmethod
    def shipped(cls, device: str | torch.device = "cpu") -> Painter | None:
        """The shipped networks, the same ones each time; None where this build has no weights of them."""
        from ...representation.model import WEIGHTS

        if not (weights_path().is_file() and WEIGHTS.is_file()):
            return None
        return _load(str(device))


@functools.lru_cache(maxsize=1)
def _load(device: str) -> Painter:
    from ...representation.model import Representation

    generator = load_generator(device=device)
    assert isinstance(generator, Generator)
    return Painter(generator, Representation.load(device).requires_grad_(False))


class Refiner:
    """A painter who knows one portrait.

    Parameters
    ----------
    painter
        The networks.
    crop
        (S, S, 3) uint8 RGB, the portrait's square.
    landmarks
        (478, 2 or 3) pixels of the square.
    """

    def __init__(self, painter: Painter, crop: np.ndarray, landmarks: np.ndarray) -> None:
        self.network, self.styles = painter.generator, painter.styles
        self.side = self.network.config.side
        self.device = next(self.network.parameters()).device
        self.bfloat16 = fast_bfloat16(self.device)
        self.identity = identity_of(self.styles, crop, landmarks, self.device)
        picture = torch.tensor(crop, device=self.device).permute(2, 0, 1)[None].float() / 255
        with self._autocast():
            self.maps = self.network.encode(resized(picture, self.side))
        self.half_grid = pixel_grid(self.side // 2, self.side // 2, self.device).permute(2, 0, 1)[None] * 2

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)

    def correct(self, frame: WarpedFrames, parts: Tensor, normals: Tensor, channels: Tensor) -> Tensor:
        """Corrected picture (1, 3, S, S) 0..1.

        Parameters
        ----------
        frame
            One frame of ``Renderer.warp``.
        parts, normals
            Of ``Renderer.surfaces`` at the generator's side.
        channels
            (1, 59) of the motion.
        """
        flow = frame.flow
        alpha, trust, stretch = (resized(v, self.side) for v in (frame.alpha, flow.trust, flow.stretch))
        moved = resized(half_flow(flow.positions), self.side // 2) * (self.side / flow.positions.shape[1])
        geometry = conditions(alpha, trust, stretch, moved, parts, normals)
        paint = paintable(alpha, moved, parts)
        with self._autocast():
            correction = self.network.correct(
                self.maps,
                resized(frame.picture, self.side),
                geometry,
                self.half_grid + moved,
                paint,
                style_of(self.styles, self.identity, channels),
            )
        return finished(correction, frame.picture, paint, moved, parts)
