"""The portrait's light, estimated from its skin and eyes, for what the photograph doesn't show."""

from __future__ import annotations

import torch
from torch import Tensor

from .fields import blur, sample

LUMA = (0.299, 0.587, 0.114)
RIDGE = 0.02
SHADE_RANGE = (0.45, 1.35)


class Light:
    """First-order spherical harmonics of the light, relative to light on a surface that faces the camera."""

    def __init__(self, coefficients: Tensor, white: Tensor, skin: Tensor) -> None:
        self.coefficients = coefficients
        self.white = white
        """(3,) colour of something white, like the eye's white, in this light."""
        self.skin = skin
        """(3,) median colour of the skin."""

    @classmethod
    def estimate(cls, picture: Tensor, pixels: Tensor, normals: Tensor, visible: Tensor, eye_mask: Tensor) -> Light:
        """Fit brightness of skin as a linear function of its normal.

        Ramamoorthi and Hanrahan, "An efficient representation for irradiance environment maps" (2001): the constant and
        linear terms; the skin's own colour is taken as even, which a small ridge keeps from mattering much.

        Parameters
        ----------
        picture
            (1, 3, S, S) 0..1.
        pixels, normals
            (N, 2) and (N, 3) of skin vertices, normals in camera axes.
        visible
            (N,) 0..1 weights.
        eye_mask
            (S, S) bool, inside the eye openings.
        """
        soft = blur(picture, max(1, picture.shape[-1] // 128))
        colour = sample(soft, pixels[None, None])[0, :, 0].T  # (1, 3, 1, N) -> (N, 3)
        luma = colour @ torch.tensor(LUMA)
        chosen = visible > 0.5
        middle = luma[chosen].median()
        # Hair, beard and highlights stray far from the skin's brightness: leave them out.
        chosen &= (luma > 0.5 * middle) & (luma < 1.6 * middle)
        design = torch.cat([torch.ones(int(chosen.sum()), 1), normals[chosen]], 1).double()
        target = (luma[chosen] / middle).double()
        ridge = torch.diag(torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64)) * RIDGE * len(target)
        coefficients = torch.linalg.solve(design.T @ design + ridge, design.T @ target).float()
        front = coefficients @ torch.tensor([1.0, 0.0, 0.0, 1.0])
        skin = colour[chosen].median(0).values
        return cls(coefficients / front.clamp_min(0.3), _white(picture, eye_mask, skin), skin)

    def shade(self, normals: Tensor) -> Tensor:
        """(...,) brightness of surfaces with unit normals (..., 3) in camera axes."""
        c = self.coefficients
        value = c[0] + normals[..., 0] * c[1] + normals[..., 1] * c[2] + normals[..., 2] * c[3]
        return value.clamp(*SHADE_RANGE)


def _white(picture: Tensor, eye_mask: Tensor, skin: Tensor) -> Tensor:
    """Colour of something white in the portrait's light, from the brighter part of the sclera."""
    inside = picture[0].permute(1, 2, 0)[eye_mask]  # (3, S, S) -> (N, 3)
    if len(inside) < 12:
        white = skin.max().expand(3) * 1.05
    else:
        luma = inside @ torch.tensor(LUMA)
        order = luma.argsort()
        # The brightest few are catchlights.
        chosen = order[int(0.72 * len(order)) : max(int(0.94 * len(order)), int(0.72 * len(order)) + 1)]
        white = inside[chosen].mean(0)
    # Eyes lie in the shade of their sockets, so the skin's brightest channel sets a floor; most of the tint is the
    # surroundings' reflection on the eyeball, not the light's.
    level = torch.maximum(white.max() * 1.1, 1.05 * skin.max()).clamp(0.6, 1.0)
    tint = white / white.max().clamp_min(1e-3)
    return level * (0.85 + 0.15 * tint)
