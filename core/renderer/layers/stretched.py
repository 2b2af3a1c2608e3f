"""The person where the flow stretches the photograph, for example next to the ear of a head that turns away from it.

One pixel of the photograph drawn over several pixels of a frame becomes a streak: the grain still changes from row to
row, but no longer along the row. Therefore the photograph is blurred there by about as much as it is stretched: viewers
expect no stripes on a cheek. Skin gets its grain back (``grain``). The colours are the person's own, without the
background along the outline.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..chosen import centres, pixels_of, put, sample_points
from ..fields import blur, resize
from .grain import SkinGrain
from .softer import SOFTER, shares

GRID = 64
"""Side of the grid on which the magnification is computed."""
MOST = 10.0
"""Upper limit of the magnification."""


def magnification(positions: Tensor) -> Tensor:
    """Number of frame pixels that one pixel of the photograph fills, in the direction of the strongest stretching.

    This is one over the least singular value of the flow's Jacobian, limited to 1 … ``MOST``.

    Parameters
    ----------
    positions
        (B, S, S, 2) of ``flow.Flow``.

    Returns
    -------
    Tensor
        (B, 1, S, S).
    """
    size = positions.shape[1]
    coarse = resize(positions.permute(0, 3, 1, 2), GRID, GRID) * (GRID / size)  # (B, 2, 64, 64) in cells of the grid
    right = F.pad(coarse.diff(dim=3), (0, 1, 0, 0), mode="replicate")
    down = F.pad(coarse.diff(dim=2), (0, 0, 0, 1), mode="replicate")
    # Least eigenvalue of [[a, c], [c, b]] = Jᵀ J.
    a, b, c = (right * right).sum(1), (down * down).sum(1), (right * down).sum(1)
    least = (a + b) / 2 - (((a - b) / 2).square() + c.square()).sqrt()
    filled = least.clamp_min(0).sqrt()[:, None].clamp(1 / MOST, 1).reciprocal()
    return F.interpolate(blur(filled, 1, 1), (size, size), mode="bilinear", align_corners=False)


class StretchedPerson:
    """The layer that replaces the warped person where the flow stretches.

    Parameters
    ----------
    pure, alpha
        (1, 3, S, S) and (1, 1, S, S) of ``matte.Layers``.
    softer
        ``softened`` of them.
    grain
        The grain that blurred skin gets; None: none.
    """

    def __init__(self, pure: Tensor, alpha: Tensor, softer: Sequence[Tensor], grain: SkinGrain | None = None) -> None:
        self.matted = torch.cat([pure, alpha], 1)  # (1, 3 + 1, S, S)
        self.softer, self.grain = softer, grain

    def at(self, points: Tensor, filled: Tensor, on_head: Tensor, pixels: Tensor) -> Tensor:
        """The person, multiplied by its matte, and the matte, at chosen pixels of a frame.

        Parameters
        ----------
        points
            (2, N) px of the photograph that are shown.
        filled
            (N,) :func:`magnification` there.
        on_head
            (1, 2, n, n) of the frame; see ``Flow``.
        pixels
            (N,) flat pixels of the frame.

        Returns
        -------
        Tensor
            (3 + 1, N).
        """
        drawn = sample_points(self.matted, points)
        colours, matte = drawn[:3], drawn[3:]
        some = pixels_of(filled > SOFTER[0][0])
        places, parts = points.index_select(1, some), shares(filled.index_select(0, some))
        blurred = colours.index_select(1, some)
        for share, layer in zip(parts, self.softer, strict=True):
            blurred += share * (sample_points(layer, places) - blurred)
        if self.grain is not None:
            size = self.matted.shape[-1]
            cells = centres(pixels.index_select(0, some), size) * (on_head.shape[-1] / size)
            blurred *= self.grain.factors(places, sample_points(on_head, cells), parts)
        put(colours, some, blurred)
        return torch.cat([matte * colours, matte])
