"""Where the photograph shows teeth."""

from __future__ import annotations

import torch
from torch import Tensor

from ..fields import blur, erode, smoothstep
from ..light import LUMA, Light

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
