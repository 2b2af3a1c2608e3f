"""The lashes of a closed lid: a dark margin, hairs that point down from it, and the soft shadow around them."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ..light import LEAST_LUMA, LUMA, Light
from .lid_shape import LidShape
from .lid_skin import LidSkin

FINENESS = 6
"""Lashes are drawn this many times larger along each axis, then averaged."""
FRACTION_BITS = 4
"""Binary digits behind the point in OpenCV's coordinates."""

# The photograph's lashes ----------------------------------------------------------------------------------------------
HEIGHT_CM = (0.03, 0.32)
"""Mean height of the photograph's lashes, in centimetres of full darkness, that counts as short and as long."""
BAND_CM, BAND = (-0.12, 0.04), 0.85
"""Band around the upper margin, and half its width in half widths of the eye, whose darkest pixels are lashes."""
DARKEST = 0.12
"""Share of these pixels whose mean is the lashes' colour."""
LASH_LEVEL = (0.16, 0.6)
"""Limits of the lashes' luma, relative to the skin's."""
WARMTH = 0.5
"""Share of the skin's warmth that lashes have at least."""

# The drawn lashes: for short ones and for long ones -------------------------------------------------------------------
ROOT_CM, ROOT_ENDS = (0.08, 0.15), (0.25, 0.15)
"""Thickness of the dark margin; its thickness and its strength at the ends, as shares."""
TAPER = (0.15, 0.35)
"""Part of the margin over which it grows from the outer and from the inner corner."""
LENGTH_CM = (0.22, 0.4)
"""Length of the longest hairs."""
PER_CM = 18
"""Hairs along a centimetre of the margin."""
HAIR_CM, HAIR_TIP = 0.035, 0.3
"""Width of a hair, and share of it at the tip."""
HAIR_STRENGTH, TIP_STRENGTH = 0.9, 0.2
"""Darkness of a hair at its root, and share of it at the tip."""
SLANT, CURL = (-0.15, 0.75), 1.6
"""Sideways part of a hair's direction at the inner and at the outer corner, and power with which it grows."""
PLACE, TILT, LONG = 0.6, 0.25, 0.4
"""Random parts of the hairs' places, in distances between hairs, of their slants, and of their lengths."""
PIECES = 5
"""Straight pieces of a hair."""
HALO_CM, HALO = 0.1, 0.8
"""Width and strength of the soft shadow around the lashes."""
SEED = 7
"""Of the random parts, so that a portrait has the same lashes in every run."""


class Lashes:
    """The lashes of one eye.

    Attributes
    ----------
    cover
        (1, 1, h, w) 0..1 laid out as they lie when the lid is shut.
    colour
        (1, 3, 1, 1).
    """

    def __init__(self, picture: Tensor, skin: LidSkin, shape: LidShape, light: Light, cm: float) -> None:
        self.colour = _colour(picture, shape, light, cm)
        self.cover = _drawn(shape, _amount(skin, shape, cm), cm)


def _amount(skin: LidSkin, shape: LidShape, cm: float) -> float:
    """0..1 how long and dense the photograph's lashes are."""
    wide = shape.along.abs() < 1
    dark = (1 - skin.relative[0, 0]).clamp(0, 1) * skin.lash[0, 0] * (wide & (shape.below < 0))
    columns = (wide & (shape.below.abs() < 0.5)).sum().clamp_min(1)  # one row of pixels
    low, high = HEIGHT_CM
    return min(1.0, max(0.0, (float(dark.sum() / columns) / cm - low) / (high - low)))


def _colour(picture: Tensor, shape: LidShape, light: Light, cm: float) -> Tensor:
    """(1, 3, 1, 1) the dark colour around the upper margin, but at least half as warm as the skin."""
    weights = torch.tensor(LUMA)
    low, high = (edge * cm for edge in BAND_CM)
    band = (shape.below > low) & (shape.below < high) & (shape.along.abs() < BAND)
    colours = picture[0].permute(1, 2, 0)[band]
    level = (light.skin @ weights).clamp_min(LEAST_LUMA)
    if len(colours):
        luma = colours @ weights
        dark = colours[luma <= luma.quantile(DARKEST)].mean(0)
    else:
        dark = light.skin * LASH_LEVEL[1]
    own = (dark @ weights).clamp_min(LEAST_LUMA)
    wanted = own.clamp(LASH_LEVEL[0] * level, LASH_LEVEL[1] * level)
    red, green, blue = dark * (wanted / own)
    warm = ((1 - WARMTH) + WARMTH * light.skin / level) * wanted
    return torch.stack([torch.maximum(red, warm[0]), green, torch.minimum(blue, warm[2])])[None, :, None, None]


def _drawn(shape: LidShape, amount: float, cm: float) -> Tensor:
    """(1, 1, h, w) 0..1 margin, hairs and shadow for an amount of lashes in 0..1."""
    rows, columns = shape.below.shape
    canvas = np.zeros((rows * FINENESS, columns * FINENESS), np.uint8)
    place = np.linspace(0, 1, len(shape.line))  # 0 is the outer corner
    hairs = canvas.copy()
    _draw_margin(canvas, shape.line, place, _between(ROOT_CM, amount) * cm)
    _draw_hairs(hairs, shape, place, _between(LENGTH_CM, amount) * cm, cm)
    cover = cv2.resize(np.maximum(canvas, hairs), (columns, rows), interpolation=cv2.INTER_AREA)
    cover = np.asarray(cover, np.float32) / 255
    soft = cv2.GaussianBlur(cover, (0, 0), HALO_CM * cm)
    return torch.tensor(1 - (1 - cover) * (1 - HALO * soft))[None, None]


def _draw_margin(canvas: np.ndarray, line: np.ndarray, place: np.ndarray, thickness: float) -> None:
    for start, end, at in zip(line[:-1], line[1:], place[:-1], strict=True):
        full = min(1.0, at / TAPER[0], (1 - at) / TAPER[1])
        width, strength = (least + (1 - least) * full for least in ROOT_ENDS)
        _stroke(canvas, start, end, thickness * width, strength)


def _draw_hairs(canvas: np.ndarray, shape: LidShape, place: np.ndarray, longest: float, cm: float) -> None:
    rng = np.random.default_rng(SEED)
    across, down = shape.across.cpu().numpy(), shape.down.cpu().numpy()
    count = max(8, round(PER_CM * 2 * shape.half / cm))
    for k in range(count):
        at = (k + 0.5 + PLACE * (rng.random() - 0.5)) / count
        root = np.array([np.interp(at, place, shape.line[:, i]) for i in (0, 1)])
        length = longest * (1 + LONG * (rng.random() - 0.5)) * min(1.0, 0.15 + (1 - at) / 0.25)
        slant = _between(SLANT, 1 - at) + TILT * (rng.random() - 0.5)
        before = root
        for t in np.arange(1, PIECES + 1) / PIECES:
            here = root + length * (t * down - slant * t**CURL * across)
            width = HAIR_CM * cm * (1 + (HAIR_TIP - 1) * t)
            _stroke(canvas, before, here, width, HAIR_STRENGTH * (1 + (TIP_STRENGTH - 1) * t))
            before = here


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def _stroke(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, width: float, strength: float) -> None:
    """Draw a line between points (2,) px; ``width`` px, ``strength`` 0..1."""
    a, b = (np.round((point * FINENESS - 0.5) * (1 << FRACTION_BITS)).astype(int).tolist() for point in (start, end))
    thickness = max(1, round(width * FINENESS))
    cv2.line(canvas, a, b, (int(255 * strength),), thickness, cv2.LINE_AA, FRACTION_BITS)
