"""Applies G to the warped frames of one portrait."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...compute.devices import fast_bfloat16
from ..chosen import box_of
from ..fields import pixel_grid
from ..warped import WarpedFrames
from .conditions import conditions, half_flow, paintable
from .finish import finished
from .generator import Correction, Generator, resized
from .style import StyleNetworks, identity_of, style_of
from .weights import WEIGHTS, load_generator

STEP = 16
"""What the sides of a window are multiples of: the network halves them four times."""
MARGIN = 24
"""Pixels of a window around what may be painted. On eleven portraits × 48 frames colours then differ from those of the
whole square by at most 5 of 255 levels, by 0.001 on average; with 16 pixels by up to 7."""


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
        # Frame by frame: each has a window of its own, and convolutions can round differently for another number.
        corrections = [self._correct_one(*(v[k : k + 1] for v in given)) for k in range(len(channels))]
        correction = Correction(*(torch.cat([getattr(c, f.name) for c in corrections]) for f in fields(Correction)))
        return finished(correction, frames.picture, paint, moved, parts, stretch)

    def _correct_one(
        self, picture: Tensor, geometry: Tensor, positions: Tensor, paint: Tensor, channels: Tensor
    ) -> Correction:
        """The correction of one frame, computed in :func:`window_of` it and zero elsewhere."""
        style = style_of(self.styles, self.identity, channels)
        window = window_of(paint[0, 0])
        rows, columns = window
        half_rows, half_columns = (slice(at.start // 2, at.stop // 2) for at in window)
        corrected = self.network.correct(
            self.maps,
            picture[..., rows, columns],
            geometry[..., half_rows, half_columns],
            positions[..., half_rows, half_columns],
            paint[..., rows, columns],
            style,
        )
        around = (columns.start, self.side - columns.stop, rows.start, self.side - rows.stop)
        return Correction(*(F.pad(getattr(corrected, field.name), around) for field in fields(Correction)))


def window_of(paint: Tensor) -> tuple[slice, slice]:
    """(rows, columns) of the window that is enough for what may be painted of a square, (S, S) 0..1.

    Around that it has ``MARGIN`` pixels, because beyond a window the network sees zeros. It is trained on windows. Its
    sides are multiples of ``STEP``.
    """
    side = len(paint)
    rows, columns = (
        slice(max(at.start - MARGIN, 0) // STEP * STEP, min(-(-(at.stop + MARGIN) // STEP) * STEP, side))
        for at in box_of(paint > 0) or (slice(0, 0), slice(0, 0))
    )
    return rows, columns
