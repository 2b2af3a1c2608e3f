"""The detailed head's texture: the skin that the photograph shows, and skin that is made up where it shows none.

Hair, clothes and background of the photograph are left out. What is missing gets the smooth colours of the skin around
it, the detail of the mirrored side where that is seen, and grain as fine as the person's own elsewhere. Lids get the
skin around the eye, because an open eye's photograph shows lashes and a fold where a closed lid is.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import ndimage

from ..head.head_model import HeadModel
from ..neural_head.regions import Regions
from ..portrait.eye_paint import SCLERA, EyePoints, eye_colours
from ..portrait.portrait import Portrait
from ..portrait.texture import (
    AT_ONCE,
    EXPOSURE,
    PAINT,
    PhotographProjection,
    Texels,
    as_bytes,
    at_texels,
    continued,
    diffuse,
    mirrored_texels,
    sample,
    texels_of,
    texels_per_cm,
    to_vertices,
)
from .lids import lid_zone
from .model import DetailedHead
from .parts import DETAILED_PARTS

SKIN = ("skin", "lips", "eye_socket_left", "eye_socket_right")
SURE = (0.6, 0.95)
"""Share of skin in the photograph's mask from which a texel begins to count, and counts fully."""
MIRRORED = 0.25
"""Weight of the mirrored side in the smooth colours, which have the light of their own side."""
RANGE = (0.88, 1.1)
"""Limits of the brightness of completed skin, relative to the person's own."""
HUE = 0.06
"""Largest difference of a channel of completed skin from the person's own hue."""
GRAIN_CM = (0.03, 0.07, 0.16)
"""Standard deviations of the blurs between which grain is measured and made."""
STRETCHED = 1.8
"""Mean of stretch and its inverse at which a triangle gets no grain."""
GRAIN_SIDE = 512
"""Texels of the square of grain, which repeats."""
GRAIN_LIMIT = 2.0
"""Grain beyond this many standard deviations is no grain: moles, folds, hairs."""
LIPS_LIGHTER = (1.15, 1.35)
"""Brightness relative to the median of the lips at which a texel begins to be a tooth, and is one."""


def paint_texture(head: DetailedHead, model: HeadModel, portrait: Portrait, regions: Regions, size: int) -> np.ndarray:
    """Texture (size, size, 3) uint8 of a person's detailed head.

    Parameters
    ----------
    head, model
        The detailed head, and the head model on the processor.
    portrait, regions
        The fitted photograph, and where it shows skin.
    size
        Side in texels.
    """
    texels = texels_of(head, size)
    part = head.triangle_part.numpy()[texels.triangle]
    skin = texels.only(np.isin(part, [DETAILED_PARTS.index(name) for name in SKIN]))
    picture, covered = np.zeros((size, size, 3), np.float32), np.zeros((size, size), bool)
    projection = PhotographProjection(head, portrait, texels_per_cm(head, size))
    picture[skin.row, skin.column] = _skin_colours(head, projection, regions, skin, size)
    covered[skin.row, skin.column] = True
    exposure = []
    for side, name in enumerate(("eye_left", "eye_right")):
        eye = texels.only(part == DETAILED_PARTS.index(name))
        pixels, confidence = projection.confidence(eye)
        points = at_texels(head.mean.numpy(), projection.triangles, eye)
        colours, white = eye_colours(EyePoints.of(model, side, points, sample(projection.image, pixels), confidence))
        picture[eye.row, eye.column] = colours
        covered[eye.row, eye.column] = True
        exposure.append(np.clip(white.mean() / np.mean(SCLERA), *EXPOSURE))
    for name, paint in PAINT.items():
        painted = texels.only(part == DETAILED_PARTS.index(name))
        picture[painted.row, painted.column] = np.array(paint) * np.mean(exposure)
        covered[painted.row, painted.column] = True
    return as_bytes(continued(picture, covered))


def _skin_colours(
    head: DetailedHead, projection: PhotographProjection, regions: Regions, texels: Texels, size: int
) -> np.ndarray:
    """(n, 3) colours of the texels of the skin."""
    triangles = projection.triangles
    mirror = mirrored_texels(head, texels)
    # The zone is one of vertices, so that both sides of a pair have it.
    open_lid = lid_zone(head)
    own_colour, own = _seen(projection, regions, texels, open_lid)
    other_colour, other = _seen(projection, regions, mirror, open_lid)
    lips = head.triangle_part.numpy()[texels.triangle] == DETAILED_PARTS.index("lips")
    own[lips] *= _lip_like(own_colour[lips], own[lips])
    other[lips] *= _lip_like(other_colour[lips], other[lips])
    other *= 1 - own

    count = len(head.mean)
    surface = triangles[head.part_triangles(*SKIN).numpy()]
    seen, trust = to_vertices(own_colour, own, texels, triangles, count)
    mirrored, mirrored_trust = to_vertices(other_colour, other, texels, triangles, count)
    total = trust + MIRRORED * mirrored_trust
    known = (trust[:, None] * seen + MIRRORED * mirrored_trust[:, None] * mirrored) / np.maximum(total, 1e-9)[:, None]
    smooth = _within(diffuse(known, total, surface), total, regions.skin_colour)
    grain = _grain(own_colour, own, texels, size, texels_per_cm(head, size))
    unstretched, mirrored_smooth = _unstretched(head), smooth[head.symmetry.numpy()]
    for first in range(0, len(own), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        part, mine, theirs = texels.only(some), own[some, None], other[some, None]
        detail = other_colour[some] - at_texels(mirrored_smooth, triangles, part)
        made_up = (1 - other[some]) * (grain[some] * unstretched[part.triangle])
        completed = at_texels(smooth, triangles, part) + theirs * detail + made_up[:, None]
        own_colour[some] = mine * own_colour[some] + (1 - mine) * completed
    return own_colour


def _seen(
    projection: PhotographProjection, regions: Regions, texels: Texels, open_lid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Colours (n, 3) of the photograph at texels, and how far they can be used (n,)."""
    colours, trust = np.empty((len(texels.triangle), 3), np.float32), np.empty(len(texels.triangle))
    for first in range(0, len(trust), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        part = texels.only(some)
        pixels, confidence = projection.confidence(part)
        share = sample(regions.skin[..., None], pixels)[:, 0]
        t = np.clip((share - SURE[0]) / (SURE[1] - SURE[0]), 0, 1)
        lid = at_texels(open_lid[:, None], projection.triangles, part)[:, 0]
        colours[some], trust[some] = sample(projection.image, pixels), confidence * t * (1 - lid)
    return colours, trust


def _lip_like(colour: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """(n,) 0..1: how little the colours (n, 3) on the lips look like teeth between them."""
    known = trust > 0.5
    if known.sum() < 100:
        return np.ones(len(colour))
    # Green tells lips from teeth: lips are red.
    level = colour[:, 1] / max(float(np.median(colour[known, 1])), 1.0)
    return 1 - np.clip((level - LIPS_LIGHTER[0]) / (LIPS_LIGHTER[1] - LIPS_LIGHTER[0]), 0, 1)


def _within(colour: np.ndarray, trust: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Completed colours (V, 3) held near the person's own skin (3,); where ``trust`` is high they stay."""
    level = colour.mean(1, keepdims=True)
    own_level = float(own.mean())
    hue = np.clip(colour / np.maximum(level, 1) - own / own_level, -HUE, HUE) + own / own_level
    held = hue * np.clip(level, RANGE[0] * own_level, RANGE[1] * own_level)
    share = np.clip(trust, 0, 1)[:, None]
    return share * colour + (1 - share) * held


def _grain(colour: np.ndarray, trust: np.ndarray, texels: Texels, size: int, detail: float) -> np.ndarray:
    """(n,) brightness of made-up grain, as strong in each band of sizes as in the skin that is seen."""
    known = np.zeros((size, size), bool)
    known[texels.row, texels.column] = trust > 0.9
    known = ndimage.binary_erosion(known, iterations=round(GRAIN_CM[-1] * detail))
    noise = np.random.default_rng(1).standard_normal((GRAIN_SIDE, GRAIN_SIDE)).astype(np.float32)
    out = np.zeros((GRAIN_SIDE, GRAIN_SIDE), np.float32)
    if not known.any():
        return np.zeros(len(colour), np.float32)
    box = ndimage.find_objects(known.astype(np.int8))[0]
    level = np.zeros((size, size), np.float32)
    level[texels.row, texels.column] = colour.mean(1)
    for small, large in pairwise(GRAIN_CM):
        found = (_blurred(level[box], small * detail) - _blurred(level[box], large * detail))[known[box]]
        random = _blurred(noise, small * detail, "wrap") - _blurred(noise, large * detail, "wrap")
        strength = 1.4826 * np.median(np.abs(found - np.median(found)))
        out += strength * np.clip(random / random.std(), -GRAIN_LIMIT, GRAIN_LIMIT)
    return out[texels.row % GRAIN_SIDE, texels.column % GRAIN_SIDE]


def _unstretched(head: DetailedHead) -> np.ndarray:
    """(F,) 0..1: how little the texture is stretched one way on each triangle. Stretched grain would be streaks."""
    corners, flat = head.mean.numpy()[head.triangles.numpy()], head.uv.numpy()[head.triangle_uv.numpy()]
    edges, across = corners[:, 1:] - corners[:, :1], flat[:, 1:] - flat[:, :1]
    lengths, areas = edges @ edges.transpose(0, 2, 1), across @ across.transpose(0, 2, 1)
    trace = np.einsum("fij,fji->f", np.linalg.pinv(lengths), areas)
    root = 2 * np.sqrt(np.maximum(np.linalg.det(areas), 0) / np.maximum(np.linalg.det(lengths), 1e-12))
    # trace / root = (s + 1 / s) / 2 for a stretch s.
    return np.clip((STRETCHED - trace / np.maximum(root, 1e-12)) / (STRETCHED - 1), 0, 1)


def _blurred(plane: np.ndarray, deviation: float, mode: str = "nearest") -> np.ndarray:
    return ndimage.gaussian_filter(plane, deviation, mode=mode)
