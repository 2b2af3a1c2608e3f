"""The upper rim of dark glasses, where it passes in front of a lid. It stays while the lid moves behind it."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..fields import smoothstep
from .lid_shape import LidShape

COLUMNS, SPAN = 91, 1.5
"""The rim is looked for in so many columns, as far to both sides as this, in half widths of the eye."""
ABOVE_CM, UNDER_CM = 2.0, 0.9
"""Region above and below the line of the eye's corners in which it is looked for."""
PER_CM = 24
"""Rows along a centimetre of it."""
BEND = 2.5
"""Cost of a step of one row from column to column, against a row's luma relative to the skin's."""
STEEPEST = 3
"""Largest such step."""
BESIDE = 1.08
"""The rim shows itself beside the eye, from this distance on, in half widths. Lashes and creases end there."""
CLEAR_CM, HAIR, FORBIDDEN = 0.1, 0.3, 10.0
"""Height above the open margin in which lashes lie; costs of a row there or in the brow, and of one below."""
LASHES_CM, MOST_LASHES = 0.3, 0.5
"""Lashes reach this far above the open margin. A line that lies there in more than this share of the eye's columns is
the lash line itself, which looks like a rim where the lid's fold goes on beside the eye."""
ORDER = 4
"""Degree of the polynomial along the rim."""
MOST, DARK, CONTRAST = 0.8, 0.68, 0.25
"""In so many of the columns a rim is at most so bright there, relative to the skin, and the skin above and below is
brighter by so much."""
BLACK, LEAST_CONTRAST = 0.2, 0.1
"""A rim as black as this needs only so much contrast, in half of the columns: a thick one hides the skin there."""
THIN_CM = 0.4
"""Distance of that skin from the middle of the rim."""
HALF_CM = (0.2, 0.12)
"""Distance from the middle at which the rim ends, and is whole."""
RIM_LEVEL = (0.85, 0.65)
"""Luma relative to the skin's below which a pixel near the middle belongs to the rim."""


def rim_in_front(relative: Tensor, shape: LidShape, cm: float) -> Tensor:
    """(1, 1, h, w) 0..1 the rim of glasses in front of the eye; 0 everywhere if there is none.

    It is the darkest smooth line from one side of the eye to the other, if it is dark and thin beside the eye as well.

    Parameters
    ----------
    relative
        (1, 1, h, w) luma relative to the skin's around.
    shape
        The lids' shape.
    cm
        Pixels per centimetre at the eye.
    """
    level = relative[0, 0].clamp(0, 1.5).cpu().numpy().astype(np.float32)
    across = np.linspace(-SPAN, SPAN, COLUMNS)
    down = np.arange(-ABOVE_CM, UNDER_CM, 1 / PER_CM)
    axis, below = shape.across.cpu().numpy(), shape.down.cpu().numpy()
    places = shape.middle + across[None, :, None] * shape.half * axis + down[:, None, None] * cm * below
    x, y = (np.ascontiguousarray(places[..., k] - 0.5, np.float32) for k in (0, 1))
    seen = cv2.remap(level, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    margin = cv2.remap(shape.below.cpu().numpy(), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) / cm
    eye = np.abs(across) < BESIDE
    brow = cv2.remap(shape.brow.cpu().numpy(), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) / cm
    hair = (eye & (margin > -CLEAR_CM)) | (margin < -brow)
    path = _darkest_line(seen + HAIR * hair + FORBIDDEN * (eye & (margin > 0)))
    if (margin[path, np.arange(COLUMNS)][eye] > -LASHES_CM).mean() > MOST_LASHES:
        return torch.zeros_like(relative)
    beside = np.abs(across) > BESIDE
    thin = round(THIN_CM * PER_CM)
    here, over, under = (seen[np.clip(path + step, 0, len(down) - 1), np.arange(COLUMNS)] for step in (0, -thin, thin))
    for side in (across < 0, across > 0):
        chosen = beside & side
        dark = np.quantile(here[chosen], MOST)
        contrast = np.minimum(over[chosen], under[chosen]) - here[chosen]
        thick = dark < BLACK and np.median(contrast) > LEAST_CONTRAST
        if dark > DARK or not (thick or np.quantile(contrast, 1 - MOST) > CONTRAST):
            return torch.zeros_like(relative)
    curve = np.polyval(np.polyfit(across, down[path] * cm, ORDER), across)
    middle = torch.tensor(np.interp(shape.along.cpu().numpy(), across, curve).astype(np.float32))
    away = (shape.height - middle).abs() / cm
    near = smoothstep(*HALF_CM, away) * smoothstep(SPAN, SPAN - 0.1, shape.along.abs())
    return near[None, None] * smoothstep(*RIM_LEVEL, relative)


def _darkest_line(seen: np.ndarray) -> np.ndarray:
    """(COLUMNS,) rows of the cheapest way through luma (R, COLUMNS) from the first column to the last."""
    rows = len(seen)
    total, before = seen[:, 0].astype(float), np.zeros((COLUMNS, rows), int)
    for column in range(1, COLUMNS):
        padded = np.pad(total, STEEPEST, constant_values=np.inf)
        steps = range(-STEEPEST, STEEPEST + 1)
        ways = np.stack([padded[STEEPEST + s : STEEPEST + s + rows] + BEND * s * s / PER_CM for s in steps])
        best = ways.argmin(0)
        before[column] = np.arange(rows) + best - STEEPEST
        total = ways.min(0) + seen[:, column]
    path = np.empty(COLUMNS, int)
    path[-1] = int(total.argmin())
    for column in range(COLUMNS - 1, 0, -1):
        path[column - 1] = before[column][path[column]]
    return path
