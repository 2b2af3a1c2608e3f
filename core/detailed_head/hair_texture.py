"""The colours and the opacity of hair: the photograph's where it shows the hair, strands in its colours elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from ..neural_head.regions import Regions
from ..neural_head.spill import without_spill
from ..portrait.portrait import Portrait
from ..portrait.texture import sample

SIDE = 1536
"""Texels of the square texture; each layer has a band of it."""
LAYERS = 3
"""Layers of hair on one another."""
STRANDS = (1.2, 160.0)
"""Standard deviations in texels, across and along, of the noise that is drawn out to strands."""
LOCKS = (9.0, 260.0)
"""The same for locks, which are wider."""
CURLS, RINGLETS = (2.0, 3.0), (8.0, 9.0)
"""The same for curls, in place of both."""
CONTRAST = 0.13
"""Standard deviation of the strands' brightness, relative to the hair's; curls have up to twice as much."""
ENDS = ((0.95, 1.0), (0.9, 1.0), (0.84, 1.0))
"""Share of the way along a strand at which the first strands of each layer end, and the last."""
THIN = (0.0, 0.25, 0.5)
"""Share of the strands that are missing in each layer."""
HUE, HUE_SHARE, DARK = 0.1, 2.0, 30.0
"""Hair whose channels, relative to the brightness, are off the hair's median colour by less than the first number or by
less than this multiple of its median counts fully. Brightness below the third number tells no hue."""
SHRUNK = 8
"""Smooth colours are made with this share of the texels along each side."""
DARKER = (0.72, 0.88, 1.0)
"""Brightness of the layers, the innermost in the shade of the others."""


def strand_texture(
    portrait: Portrait, regions: Regions, pixels: np.ndarray, seen: np.ndarray, curls: float
) -> np.ndarray:
    """(SIDE, SIDE, 4) uint8 colour and opacity of all layers of hair that the photograph shows.

    Parameters
    ----------
    portrait, regions
        The photograph, and where it shows hair.
    pixels, seen
        (R, C, 2) pixels of the photograph and (R, C) 0..1 how well it shows them, on a grid along and across strands.
    curls
        0 to 1, see :func:`core.detailed_head.curls.curliness`.
    """
    height = SIDE // LAYERS
    grid = np.stack(np.meshgrid(
        np.linspace(0, seen.shape[0] - 1, height), np.linspace(0, seen.shape[1] - 1, SIDE), indexing="ij"
    ))  # fmt: skip
    places = np.stack([ndimage.map_coordinates(pixels[..., k], grid, order=1) for k in range(2)])
    at = [places[1] - 0.5, places[0] - 0.5]
    trust = ndimage.map_coordinates(seen, grid, order=1)
    trust = trust * np.clip((ndimage.map_coordinates(regions.hair, at, order=1) - 0.6) / 0.35, 0, 1)
    photograph = sample(portrait.image.astype(np.float32), places.reshape(2, -1).T).reshape(*trust.shape, 3)
    colour = regions.hair_colour
    assert colour is not None
    trust = trust * _of_hue(photograph, trust, colour)
    photograph, colour = (without_spill(one, regions.backdrop) for one in (photograph, colour))
    rng = np.random.default_rng(1)
    out = np.zeros((SIDE, SIDE, 4), np.float32)
    along = np.linspace(0, 1, height)[:, None]
    smooth = _spread(photograph, trust, colour)
    sizes = [between(straight, curly, curls) for straight, curly in ((STRANDS, CURLS), (LOCKS, RINGLETS))]
    for layer in range(LAYERS):
        strands, locks = (_drawn_out(rng, (height, SIDE), size) for size in sizes)
        made = smooth * np.clip(1 + CONTRAST * (1 + curls) * (0.7 * strands + 0.7 * locks), 0.3, 1.8)[..., None]
        shown = trust[..., None] * photograph + (1 - trust[..., None]) * made
        band = slice(layer * height, (layer + 1) * height)
        out[band, :, :3] = shown * DARKER[layer]
        rank = ndimage.gaussian_filter(rng.random((1, SIDE)), (0, 1.0), mode="wrap")
        rank = rank.ravel().argsort().argsort()[None] / SIDE
        first, last = ENDS[layer]
        ends = np.clip((first + (last - first) * rank - along) / 0.03, 0, 1)
        fine = _drawn_out(rng, (height, SIDE), sizes[0])
        kept = np.clip((fine - np.quantile(fine, THIN[layer])) / 0.4 + 0.5, 0, 1) if THIN[layer] else 1.0
        out[band, :, 3] = 255 * ends * kept
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def between(straight: tuple[float, float], curly: tuple[float, float], curls: float) -> tuple[float, float]:
    """Sizes of noise between those of straight hair and those of curls, by their logarithms."""
    across, along = (a ** (1 - curls) * b**curls for a, b in zip(straight, curly, strict=True))
    return across, along


def _drawn_out(rng: np.random.Generator, shape: tuple[int, int], size: tuple[float, float]) -> np.ndarray:
    """Noise of this shape with mean 0 and deviation 1, drawn out by ``size``: deviations across and along."""
    # What is drawn out so far needs few rows, which are made larger again.
    rows = max(4, round(4 * shape[0] / size[1]))
    noise = ndimage.gaussian_filter(rng.standard_normal((rows, shape[1])), (1.4, size[0]), mode=("nearest", "wrap"))
    noise = cv2.resize(noise.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (noise - noise.mean()) / noise.std()


def _of_hue(photograph: np.ndarray, trust: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """(h, w) 0..1: how near colours (h, w, 3) are to the hue of the hair (3,): at its rim the background shines in."""
    level = np.maximum(photograph.mean(-1, keepdims=True), DARK)
    off = np.abs(photograph / level - colour / max(float(colour.mean()), DARK)).max(-1)
    inner = trust > 0.9
    limit = max(HUE, HUE_SHARE * float(np.median(off[inner]))) if inner.any() else HUE
    return np.clip(2 - off / limit, 0, 1)


def _spread(photograph: np.ndarray, trust: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """(h, w, 3) smooth colours: those that are seen, spread along and across, and the hair's median far away."""
    planes = np.concatenate([trust[..., None], trust[..., None] * photograph], -1).astype(np.float32)
    small = cv2.resize(planes, None, fx=1 / SHRUNK, fy=1 / SHRUNK, interpolation=cv2.INTER_AREA)
    small = ndimage.gaussian_filter(small, (40 / SHRUNK, 40 / SHRUNK, 0), mode=("nearest", "wrap", "nearest"))
    mixed = (small[..., 1:] + 0.02 * colour) / (small[..., :1] + 0.02)
    return cv2.resize(mixed.astype(np.float32), trust.shape[::-1], interpolation=cv2.INTER_LINEAR)
