"""The teeth that the photograph shows: where they are, their colour, and the light on them."""

from __future__ import annotations

import torch
from torch import Tensor

from .fields import blur, erode, fill_smoothly, smoothstep
from .light import LUMA, Light

INSIDE = 0.5
"""Eroded opening above which a pixel counts as within the lips."""
LEAST_PIXELS = 12
"""Pixels below which an opening, or the teeth in it, are too small to be used."""
BRIGHT = (0.35, 0.55)
"""Luma over white at which a pixel begins to count as tooth, and counts fully."""
COLOURED = (0.5, 0.35)
"""Saturation at which a pixel begins to count as tooth, and counts fully; gums and lips have more."""
LEAST_BRIGHTNESS = 0.05
"""Lower limit of the denominator of the saturation."""
SOLID = 0.9
"""Mask above which a pixel shows nothing but tooth."""
SHADE_RANGE = (0.86, 1.1)
"""Limits of the photograph's teeth relative to the colour around them. The lip's shadow on the teeth is drawn for each
frame; the photograph's own shadow, worn a little lower, would look like a brace."""
LIT = 0.7
LEAST_LIT = 25
"""The light on the teeth is read where the mask is above ``LIT``, if there are at least so many pixels."""
BRIGHT_QUANTILE = 0.6
"""Quantile of the luma above which pixels show teeth in full light."""
MOST_LIGHT = 1.15
"""Upper limit of that light."""


def teeth_mask(picture: Tensor, opening: Tensor, light: Light) -> Tensor:
    """(1, 1, S, S) soft mask of the teeth in a photograph: bright pixels with little colour between the lips.

    Parameters
    ----------
    picture
        (1, 3, S, S) 0..1.
    opening
        (1, 1, S, S) mask of the opening between the inner lips.
    light
        The portrait's light.
    """
    inner = (erode(opening, 1) > INSIDE).float()
    if float(inner.sum()) < LEAST_PIXELS:
        return torch.zeros_like(inner)
    luma = (picture * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    spread = picture.amax(1, keepdim=True) - picture.amin(1, keepdim=True)
    saturation = spread / picture.amax(1, keepdim=True).clamp_min(LEAST_BRIGHTNESS)
    level = luma / light.white.max()
    mask = inner * smoothstep(*BRIGHT, level) * smoothstep(*COLOURED, saturation)
    return blur(mask, 1, 1) * inner


def teeth_colour(picture: Tensor, mask: Tensor) -> Tensor:
    """(1, 3, S, S) the photograph's teeth without the lip's shadow on them and without the gaps between them."""
    solid = (mask > SOLID).float()
    if float(solid.sum()) < LEAST_PIXELS:
        return picture
    filled = fill_smoothly(picture, solid)
    luma = torch.tensor(LUMA)[:, None, None]
    shade = (picture * luma).sum(1, keepdim=True) / (filled * luma).sum(1, keepdim=True).clamp_min(1e-3)
    return filled * shade.clamp(*SHADE_RANGE)


def teeth_light(picture: Tensor, mask: Tensor, light: Light, albedo: tuple[float, float, float]) -> Tensor:
    """(3,) light on the teeth: from the photograph's teeth if it shows them, else from the white of the eye.

    ``albedo`` is the teeth's colour under white light.
    """
    lit = mask[0, 0] > LIT
    if int(lit.sum()) < LEAST_LIT:
        return light.white
    teeth = picture[0].permute(1, 2, 0)[lit]
    luma = teeth @ torch.tensor(LUMA)
    bright = teeth[luma >= luma.quantile(BRIGHT_QUANTILE)].mean(0)
    return (bright / torch.tensor(albedo)).clamp(max=MOST_LIGHT)
