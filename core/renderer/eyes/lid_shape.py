"""The shape of one eye's lids in the photograph: margins, crease and brow, as pictures of distances.

All shapes are told in the eye's own axes: along the line of its corners, and at right angles to it, downward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...face.points import EYE_CORNERS, LOWER_LIDS, MIDDLE_LIDS, UPPER_LIDS
from ..fields import pixel_grid

BROWS = ((276, 283, 282, 295, 285), (46, 53, 52, 65, 55))
"""Points along the lower edge of each brow, from the outer end to the inner one."""
PLATFORM_CM = 0.45
"""Height of the lid between its margin and its crease in the photograph's middle of an open eye ..."""
PLATFORM_SHARE = 0.55
"""... and at most this share of the way to the brow."""
TAPER = 0.35
"""Power with which that height falls toward the corners."""
LEAST_BROW_CM = 0.1
"""Lower limit of the distance to the brow."""
LEAST_OPENING_PX = 1.5
"""Lower limit of an opening in the photograph: it can show the eye shut."""
LOWER_SHARE = 0.1
"""Share of a blink's way that the lower lid makes, upward."""
KNOTS = 129
"""Points along an eye at which its curves are stored."""
BENDS = 3
"""Free numbers of the curve of a margin between the corners."""
SPAN = 1.6
"""The curves reach this far to both sides of the eye's middle, in half widths of the eye."""


@dataclass(frozen=True)
class LidShape:
    """Pictures (h, w) of a part of the photograph around an eye.

    Attributes
    ----------
    side
        0 is the person's left eye.
    middle
        (2,) px of the part: between the eye's corners.
    across, down
        (2,) directions along the line of the corners, toward the inner one, and at right angles to it, of length 1.
    half
        Half the eye's width, pixels.
    along
        Place along the eye: −1 at the outer corner, 1 at the inner one.
    height
        Distance below the line of the corners, pixels.
    below
        Distance below the open upper lid's margin, pixels.
    opening
        Height of the photograph's opening at this place along the eye.
    platform
        Height of the lid that the photograph shows above the margin.
    brow
        Distance from the margin up to the brow.
    line
        (N, 2) px of the part: where the lids meet when they are shut, from the outer corner to the inner one.
    """

    side: int
    middle: np.ndarray
    across: Tensor
    down: Tensor
    half: float
    along: Tensor
    height: Tensor
    below: Tensor
    opening: Tensor
    platform: Tensor
    brow: Tensor
    line: np.ndarray


def with_open_lids(points: Tensor, side: int, down: Tensor) -> Tensor:
    """Points (468, 2) px in which the middle of an eye is open by at least ``LEAST_OPENING_PX``, downward (2,).

    Of an eye that the photograph shows shut, the lids need a place from which they can open.
    """
    out = points.clone()
    upper, lower = torch.tensor(UPPER_LIDS[side]), torch.tensor(LOWER_LIDS[side])
    heights = ((points[lower] - points[upper]) * down).sum(-1)
    if float(heights[MIDDLE_LIDS].mean()) < LEAST_OPENING_PX:
        apart = (LEAST_OPENING_PX - heights).clamp_min(0)[:, None] * down / 2
        out[upper], out[lower] = points[upper] - apart, points[lower] + apart
    return out


def lid_shape(points: Tensor, side: int, box: Tensor, cm: float) -> LidShape:
    """The shape of an eye's lids.

    Parameters
    ----------
    points
        (468, 2) px of the square: the face mesh in the photograph.
    side
        0 is the person's left eye.
    box
        (4,) int: first pixel (x, y), width and height of the part of the square.
    cm
        Pixels per centimetre at the eye.
    """
    outer, inner = points[list(EYE_CORNERS[side])]
    half = ((inner - outer).norm() / 2).clamp_min(1.0)
    across = (inner - outer) / (2 * half)
    down = torch.stack([-across[1], across[0]])
    down = down if down[1] > 0 else -down
    middle = (outer + inner) / 2
    knots = np.linspace(-SPAN, SPAN, KNOTS)
    inside = np.clip(1 - knots**2, 0, None)

    def places(indices: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Along and down (N,) of face-mesh points; along in half widths of the eye, down in pixels."""
        seen = points[list(indices)] - middle
        along, below = ((seen * axis).sum(-1).cpu().numpy().astype(float) for axis in (across / half, down))
        return along, below

    def margin(indices: tuple[int, ...]) -> np.ndarray:
        """(KNOTS,) smooth curve through a lid's points; both ends lie at the corners."""
        along, below = places(indices)
        fitted = np.clip(1 - along**2, 0, None)[:, None] * along[:, None] ** np.arange(BENDS)
        weights = np.linalg.lstsq(fitted, below, rcond=None)[0]
        return np.asarray(inside * (knots[:, None] ** np.arange(BENDS) @ weights))

    upper, lower = margin(UPPER_LIDS[side]), margin(LOWER_LIDS[side])
    brow_along, brow_below = places(BROWS[side])
    order = np.argsort(brow_along)
    opening = np.clip(lower - upper, 0, None)
    brow = np.clip(upper - np.interp(knots, brow_along[order], brow_below[order]), LEAST_BROW_CM * cm, None)
    platform = np.minimum(PLATFORM_CM * cm, PLATFORM_SHARE * brow) * inside**TAPER
    shut = (np.abs(knots) <= 1).nonzero()[0]
    meeting = (upper + (1 - LOWER_SHARE) * opening)[shut, None]
    line = (middle - box[:2]).cpu().numpy() + knots[shut, None] * (across * half).cpu().numpy()
    line = line + meeting * down.cpu().numpy()

    first, (width, rows) = box[:2], box[2:].tolist()
    grid = pixel_grid(rows, width) + first - middle
    along, below = (grid * across).sum(-1) / half, (grid * down).sum(-1)

    def picture(values: np.ndarray) -> Tensor:
        """(h, w) of values (KNOTS,) along the eye."""
        return torch.tensor(np.interp(along.cpu().numpy(), knots, values).astype(np.float32))

    return LidShape(
        side=side,
        middle=(middle - first).cpu().numpy(),
        across=across,
        down=down,
        half=float(half),
        along=along,
        height=below,
        below=below - picture(upper),
        opening=picture(opening),
        platform=picture(platform),
        brow=picture(brow),
        line=line,
    )
