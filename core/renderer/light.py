"""The portrait's light, estimated from skin and eyes. It lights the parts that the photograph doesn't show."""

from __future__ import annotations

import torch
from torch import Tensor

from .fields import blur, sample

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luma (ITU-R BT.601)."""
BLUR = 1 / 128
"""Radius of the blur before the skin is read, as a fraction of the square's side."""
SEEN = 0.5
"""Trust from which a skin vertex is used. If none has as much, those with the most are used."""
EVEN_SKIN = (0.5, 1.6)
"""Luma of skin that is used, relative to its median. Hair, beard and highlights lie outside."""
LEAST_SKIN = 12
"""Vertices of even skin below which all that are seen are used."""
LEAST_LUMA = 1 / 255
"""Lower limit of the luma of skin and of the brightness of white: a picture can be black."""
RIDGE = 0.02
"""Ridge on the linear terms, per skin vertex: spots on the skin must not pass for light."""
LEAST_FRONT = 0.3
"""Lower limit of the light on a surface that faces the camera, to which the light is normalised."""
SHADE_RANGE = (0.45, 1.35)
"""Limits of the brightness that the light gives to a surface."""
LEAST_SCLERA = 12
"""Pixels of the eye openings below which they don't tell the colour of white."""
SCLERA_QUANTILES = (0.72, 0.94)
"""Part of the eye openings, sorted by luma, that shows the sclera: darker pixels are iris and lashes, brighter ones are
catchlights."""
SKIN_TO_WHITE = 1.05
"""White is at least this much brighter than the brightest channel of the skin."""
SCLERA_TO_WHITE = 1.1
"""White in full light relative to the sclera, which lies in the shade of the eye sockets."""
WHITE_RANGE = (0.6, 1.0)
"""Limits of the brightness of white."""
WHITE_IN_THE_DARK = 1.6
"""In a dark photograph, the lower limit of white is this times the brighter of skin and sclera: teeth must not glow."""
SCLERA_TINT = 0.15
"""Share of the sclera's tint that is the light's; the rest are reflections of the surroundings on the eyeball."""


class Light:
    """First-order spherical harmonics of the light, relative to the light on a surface that faces the camera."""

    def __init__(self, coefficients: Tensor, white: Tensor, skin: Tensor) -> None:
        self.coefficients = coefficients
        """(4,) brightness over 1, x, y, z of the normal in camera axes."""
        self.white = white
        """(3,) colour of a white surface in this light."""
        self.skin = skin
        """(3,) median colour of the skin."""

    @classmethod
    def estimate(cls, picture: Tensor, pixels: Tensor, normals: Tensor, visible: Tensor, eye_mask: Tensor) -> Light:
        """Fit the brightness of skin as a linear function of its normal.

        These are the constant and the linear terms of Ramamoorthi and Hanrahan, "An efficient representation for
        irradiance environment maps" (2001). The skin is assumed to have the same colour everywhere; a small ridge
        limits the error from that.

        Parameters
        ----------
        picture
            (1, 3, S, S) 0..1.
        pixels, normals
            (N, 2) and (N, 3) of skin vertices; normals in camera axes.
        visible
            (N,) 0..1 trust that the photograph shows the vertex.
        eye_mask
            (S, S) bool, inside the eye openings.
        """
        soft = blur(picture, max(1, int(picture.shape[-1] * BLUR)))
        colour = sample(soft, pixels[None, None])[0, :, 0].T  # (1, 3, 1, N) -> (N, 3)
        luma = colour @ torch.tensor(LUMA)
        chosen = visible >= visible.max().clamp(max=SEEN)
        middle = luma[chosen].median().clamp_min(LEAST_LUMA)
        even = chosen & (luma > EVEN_SKIN[0] * middle) & (luma < EVEN_SKIN[1] * middle)
        if int(even.sum()) >= LEAST_SKIN:
            chosen = even
        design = torch.cat([torch.ones(int(chosen.sum()), 1), normals[chosen]], 1).double()
        target = (luma[chosen] / middle).double()
        ridge = torch.diag(torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64)) * RIDGE * len(target)
        coefficients = torch.linalg.solve(design.T @ design + ridge, design.T @ target).float()
        front = coefficients @ torch.tensor([1.0, 0.0, 0.0, 1.0])
        skin = colour[chosen].median(0).values
        return cls(coefficients / front.clamp_min(LEAST_FRONT), _white(picture, eye_mask, skin), skin)

    def shade(self, normals: Tensor) -> Tensor:
        """(...,) brightness of surfaces with unit normals (..., 3) in camera axes."""
        c = self.coefficients
        value = c[0] + normals[..., 0] * c[1] + normals[..., 1] * c[2] + normals[..., 2] * c[3]
        return value.clamp(*SHADE_RANGE)


def _white(picture: Tensor, eye_mask: Tensor, skin: Tensor) -> Tensor:
    """(3,) colour of a white surface in the portrait's light, from the brighter part of the sclera."""
    inside = picture[0].permute(1, 2, 0)[eye_mask]  # (3, S, S) -> (N, 3)
    if len(inside) < LEAST_SCLERA:
        white = skin.max().expand(3) * SKIN_TO_WHITE
    else:
        order = (inside @ torch.tensor(LUMA)).argsort()
        first, end = (int(quantile * len(order)) for quantile in SCLERA_QUANTILES)
        white = inside[order[first : max(end, first + 1)]].mean(0)
    least = (WHITE_IN_THE_DARK * torch.maximum(white.max(), skin.max())).clamp(max=WHITE_RANGE[0])
    level = torch.maximum(white.max() * SCLERA_TO_WHITE, SKIN_TO_WHITE * skin.max()).clamp(max=WHITE_RANGE[1])
    level = torch.maximum(level, least).clamp_min(LEAST_LUMA)
    tint = white / white.max().clamp_min(1e-3)
    return level * ((1 - SCLERA_TINT) + SCLERA_TINT * tint)
