"""What the photograph shows around the head: skin, hair, or neither (background, clothes).

Colours of skin are learned from the face itself, between brows and chin, where nothing else is expected. GrabCut
(Rother, Kolmogorov and Blake, SIGGRAPH 2004) finds what looks like it. Hair is the rest of the person above the chin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..face.points import BROWS, CONTOUR, LID_RINGS, LIPS_OUTER_RING
from ..portrait.portrait import Portrait
from ..renderer.layers.matte import find_person

SIDE = 512
"""Pixels of the square in which the regions are found."""
AROUND = 0.95
"""Side of that square, in heights of the face, on each side of the face's middle."""
PERSON = 0.5
"""Probability of the person from which a pixel can show skin or hair."""
LIKELY, UNLIKELY = 2.5, 6.0
"""Distance from the colours of skin, in standard deviations, up to which a pixel can begin as skin, and from which it
can't be skin."""
LEAST_SPREAD = (9.0, 3.0, 3.5)
"""Least standard deviations of skin, and of hair, in CIELAB. Lightness may differ more than hue."""
SHADOW = (2.0, 1.0, 1.0)
"""Factors on the spread of skin: skin in the shade is still skin."""
CROWN = (0.05, 0.14)
"""Hair is sampled in this band below the person's top, in heights of the face."""
HAIRY, ROUGH = 1.6, 1.6
"""Distance of the crown from the colours of skin, in standard deviations, from which it is hair; or how much rougher it
is than the face's skin."""
ROUGHNESS = 4.0
"""Standard deviation in pixels of the square of the blur beside which lightness is rough."""
EARS, SHOULDERS = 0.62, (0.12, 0.42)
"""Skin ends this far from the face's middle, in its widths; lower than this share of its height below the chin it ends
at the second number."""
FRINGE = 0.7
"""Above the brows, what is nearer to the colours of hair than this share of its distance from skin is hair."""
PASSES = 4
"""Iterations of GrabCut."""
SHADED = (0.8, 1.8)
"""Standard deviations by which skin may be darker than the face's before it counts less, and no more: the shadow of
chin and hair would stay on the skin."""
HOLE = 11
"""Side in pixels of the square of holes in the skin that are closed."""
EDGE = 11
"""Side in pixels of the square by which skin is eroded."""
CLEAR, DOUBTFUL = 1.6, 3.0
"""Distance from the colours of skin, in standard deviations, up to which skin counts fully, and from which no more."""
SOFT = 2.0
"""Standard deviation in pixels by which the masks' edges are softened."""
HAIR_BELOW = 0.45
"""Hair is looked for down to this share of the face's height below the chin."""
HANGING = 13
"""Side in pixels of the square of the thinnest strand that hangs below the eyes: shadows between head and collar, which
have the colour of dark hair, are narrower."""
SIDES = (0.42, 0.75)
"""Where the crown is bare, hair is looked for so far from the face's middle, in its widths, above the eyes."""
SIDES_OFF = 2.0
"""Distance from the colours of skin, in standard deviations, from which it is hair there."""
SIDES_LEAST = 0.008
"""Share of the square of the face's height that such hair covers at least."""
ALIKE = 3.0
"""Distance from the colours of hair, in standard deviations, up to which what hangs beside the face is hair."""


@dataclass(frozen=True)
class Regions:
    """Masks (H, W) float32 0..1 over the whole photograph.

    Attributes
    ----------
    skin
        The face, ears and neck, without hair; brows, eyes and lips count as skin.
    hair
        Hair of the head.
    hair_colour
        (3,) sRGB 0–255: median colour of the hair, or None if there is too little.
    skin_colour
        (3,) sRGB 0–255: median colour of cheeks, nose and chin.
    backdrop
        (3,) sRGB 0–255: median colour of what is behind the head, or None if it fills the photograph.
    """

    skin: np.ndarray
    hair: np.ndarray
    hair_colour: np.ndarray | None
    skin_colour: np.ndarray
    backdrop: np.ndarray | None


def find_regions(portrait: Portrait) -> Regions:
    """Skin and hair in a portrait's photograph."""
    points = portrait.landmarks[:, :2]
    face = points[list(CONTOUR)]
    height = float(np.ptp(face[:, 1]))
    middle = 0.5 * (face.min(0) + face.max(0)) - (0, 0.1 * height)
    scale = SIDE / (2 * AROUND * height)
    to_square = np.array([[scale, 0, SIDE / 2 - scale * middle[0]], [0, scale, SIDE / 2 - scale * middle[1]]])
    square = cv2.warpAffine(
        portrait.image, to_square, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    placed = points * scale + to_square[:, 2]
    person = find_person(square, placed)[0, 0].numpy() > PERSON
    lab = _lab(square)
    sure, plain = _face_areas(placed)
    of_skin = _Colours.of(lab[plain])
    crown = _crown(lab, person, placed, of_skin, plain)
    sample = _sides(lab, person, placed, of_skin) if crown is None else crown
    skin = _skin(square, person, sure, of_skin, sample, placed)
    hair, colour = np.zeros(skin.shape, bool), None
    if sample is not None:
        of_hair = _Colours.of(lab[sample])
        # A bare crown's rim is lit as little as hair, but has the hue of skin.
        can_be = person if crown is not None else person & (of_hair.off(lab) < of_skin.off(lab, SHADOW))
        hair = _hair(lab, can_be, skin, of_hair, of_skin, placed)
        colour = np.median(square[sample], axis=0).astype(np.float32)
    back = cv2.invertAffineTransform(to_square)
    size = portrait.image.shape[1], portrait.image.shape[0]
    # Near its edge skin is mixed with what is beside it, and hair shades it.
    whole = cv2.morphologyEx(skin.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((HOLE, HOLE), np.uint8))
    inner = (cv2.erode(whole, np.ones((EDGE, EDGE), np.uint8)) > 0) & ~hair
    likeness = np.clip((DOUBTFUL - of_skin.off(lab)) / (DOUBTFUL - CLEAR), 0, 1)
    shade = (of_skin.middle[0] - lab[..., 0]) / of_skin.spread[0]
    bright = np.clip((SHADED[1] - shade) / (SHADED[1] - SHADED[0]), 0, 1)
    skin = np.where(sure, 1.0, inner * likeness * bright)
    masks = [
        cv2.warpAffine(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), SOFT), back, size, flags=cv2.INTER_LINEAR)
        for mask in (skin, hair)
    ]
    behind = ~person & (np.arange(SIDE)[:, None] < placed[list(CONTOUR), 1].max())
    backdrop = np.median(square[behind], axis=0).astype(np.float32) if behind.any() else None
    return Regions(masks[0], masks[1], colour, _lit(square[plain]), backdrop)


def _lit(found: np.ndarray) -> np.ndarray:
    """(3,) median colour of the brighter half of pixels (n, 3): skin that isn't in the shade."""
    level = found.mean(1)
    return np.median(found[level >= np.median(level)], axis=0).astype(np.float32)


def _lab(square: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(square.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _filled(points: np.ndarray) -> np.ndarray:
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], (1,))
    return canvas.astype(bool)


def _face_areas(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two masks: the face below the brows, which is skin for sure, and its plain skin without eyes and lips."""
    face = _filled(cv2.convexHull(points[list(CONTOUR)].astype(np.float32))[:, 0])
    brows = np.median(points[list(BROWS), 1])
    rows = np.arange(SIDE)[:, None]
    inner = cv2.erode(face.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    sure = inner & (rows > brows)
    plain = sure.copy()
    for ring in (*LID_RINGS, LIPS_OUTER_RING):
        spot = _filled(points[list(ring)]).astype(np.uint8)
        plain &= ~cv2.dilate(spot, np.ones((25, 25), np.uint8)).astype(bool)
    return sure, plain


@dataclass(frozen=True)
class _Colours:
    """Median (3,) and standard deviation (3,) of colours in CIELAB."""

    middle: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, found: np.ndarray) -> _Colours:
        middle = np.median(found, axis=0)
        return cls(middle, np.maximum(1.4826 * np.median(np.abs(found - middle), axis=0), LEAST_SPREAD))

    def off(self, lab: np.ndarray, slack: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
        """(...) root mean square of the distance in standard deviations, which are multiplied by ``slack``."""
        return np.sqrt((((lab - self.middle) / (self.spread * slack)) ** 2).mean(-1))


def _crown(
    lab: np.ndarray, person: np.ndarray, points: np.ndarray, skin: _Colours, plain: np.ndarray
) -> np.ndarray | None:
    """(S, S) bool: the band below the person's top, if it shows hair."""
    face = points[list(CONTOUR)]
    height = float(np.ptp(face[:, 1]))
    columns = np.arange(SIDE)[None]
    between = (columns > face[:, 0].min()) & (columns < face[:, 0].max())
    rows = np.arange(SIDE)[:, None]
    below = rows - np.where(person.any(0), person.argmax(0), SIDE)[None]
    band = person & between & (below > CROWN[0] * height) & (below < CROWN[1] * height) & (rows < face[:, 1].mean())
    if band.sum() < SIDE:
        return None
    rough = np.abs(lab[..., 0] - cv2.GaussianBlur(lab[..., 0], (0, 0), ROUGHNESS))
    is_rough = np.median(rough[band]) > ROUGH * np.median(rough[plain])
    return band if is_rough or np.median(skin.off(lab[band])) > HAIRY else None


def _sides(lab: np.ndarray, person: np.ndarray, points: np.ndarray, skin: _Colours) -> np.ndarray | None:
    """(S, S) bool: hair at the temples of a head whose crown is bare, if there is any."""
    face = points[list(CONTOUR)]
    width, height = np.ptp(face, axis=0)
    away = np.abs(np.arange(SIDE)[None] - 0.5 * (face[:, 0].min() + face[:, 0].max())) / width
    eyes = np.mean([points[list(ring), 1].mean() for ring in LID_RINGS])
    inner = cv2.erode(person.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    place = inner & (away > SIDES[0]) & (away < SIDES[1]) & (np.arange(SIDE)[:, None] < eyes)
    found = (place & (skin.off(lab, SHADOW) > SIDES_OFF)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0
    return found if found.sum() > SIDES_LEAST * height**2 else None


def _skin(
    square: np.ndarray,
    person: np.ndarray,
    sure: np.ndarray,
    colours: _Colours,
    sample: np.ndarray | None,
    points: np.ndarray,
) -> np.ndarray:
    lab = _lab(square)
    off = colours.off(lab, SHADOW)
    likely = off < LIKELY
    if sample is not None:
        hair = _Colours.of(lab[sample])
        likely &= off < hair.off(lab)
    label = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    face = points[list(CONTOUR)]
    away = np.abs(np.arange(SIDE)[None] - 0.5 * (face[:, 0].min() + face[:, 0].max())) / np.ptp(face[:, 0])
    down = (np.arange(SIDE)[:, None] - face[:, 1].max()) / np.ptp(face[:, 1])
    beside = (away > EARS) | ((down > SHOULDERS[0]) & (away > SHOULDERS[1]))
    label[(off > UNLIKELY) | ~person | beside] = cv2.GC_BGD
    if sample is not None:
        label[sample | ((hair.off(lab) < 1) & (off > LIKELY))] = cv2.GC_BGD
    label[sure] = cv2.GC_FGD
    label = label.astype(np.uint8)
    picture = np.ascontiguousarray(square[..., ::-1])
    cv2.setRNGSeed(1)
    cv2.grabCut(picture, label, (0, 0, SIDE, SIDE), np.zeros((1, 65)), np.zeros((1, 65)), PASSES, cv2.GC_INIT_WITH_MASK)
    skin = np.isin(label, (cv2.GC_FGD, cv2.GC_PR_FGD)) & ((off < UNLIKELY) | sure)
    if sample is not None:  # a fringe can be as bright as skin in the shade
        skin &= sure | (hair.off(lab) > FRINGE * colours.off(lab))
    # Only what hangs together with the face.
    opened = cv2.morphologyEx(skin.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    parts = cv2.connectedComponents(opened)[1]
    own = np.unique(parts[sure])
    return np.isin(parts, own[own > 0]) | sure


def _hair(
    lab: np.ndarray, person: np.ndarray, skin: np.ndarray, colours: _Colours, of_skin: _Colours, points: np.ndarray
) -> np.ndarray:
    """The person without skin above the eyes; below, only what has the hair's colour and hangs together with it."""
    rows = np.arange(SIDE)[:, None]
    brows, chin = points[list(BROWS), 1].min(), points[list(CONTOUR), 1].max()
    eyes = np.mean([points[list(ring), 1].mean() for ring in LID_RINGS])
    low = (rows < chin + HAIR_BELOW * (chin - brows)) & (colours.off(lab, SHADOW) < ALIKE)
    hair = (person & ~skin & ((rows < eyes) | low)).astype(np.uint8)
    wide = cv2.morphologyEx(hair, cv2.MORPH_OPEN, np.ones((HANGING, HANGING), np.uint8))
    hair = cv2.morphologyEx(hair, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    hair = _from_top(np.where(rows < eyes, hair, np.minimum(hair, wide)), brows)
    # Where nothing hangs below the mouth, ears lie beside the head that are as dark as hair.
    ears = (rows > brows) & (colours.off(lab, SHADOW) > of_skin.off(lab, SHADOW))
    below = 0.5 * (points[list(LIPS_OUTER_RING), 1].mean() + chin)
    middle = points[list(CONTOUR), 0].mean()
    left = np.arange(SIDE)[None] < middle
    for side in (left, ~left):
        if (hair & side & (rows > below)).sum() < HANGING**2:
            hair &= ~(side & ears)
    return _from_top(hair.astype(np.uint8), brows)


def _from_top(mask: np.ndarray, brows: float) -> np.ndarray:
    """The parts of a mask (S, S) uint8 that reach above a row, as bool."""
    parts = cv2.connectedComponents(mask)[1]
    top = np.unique(parts[(parts > 0) & (np.arange(SIDE)[:, None] < brows)])
    return np.isin(parts, top[top > 0])
