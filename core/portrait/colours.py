"""Colour profiles: what a picture's numbers mean, converted to sRGB.

Cameras write Adobe RGB, phones Display P3, and printing houses CMYK, each with an ICC profile in the file. Without it
the same numbers show other colours. A picture without a profile is taken for sRGB, as Blender and browsers do.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
"""Pillow's mode of a picture by the colour space that its profile names."""
_MOST_BYTES = 8_000_000
"""Size of the largest profile that is used. Those of printing machines have up to two million bytes."""
_SAME = 2
"""Levels up to which a profile counts as sRGB. The picture then stays as it is, bit by bit."""
_STEPS = 9
"""Levels of each channel in the chart of colours on which profiles are compared."""


def to_srgb(picture: Image.Image, profile: object) -> Image.Image:
    """``picture`` (8 bits; L, LA, RGB, RGBA or CMYK) in sRGB by its ICC profile, the bytes of which are given.

    Alpha is kept. The picture comes back unchanged if there is no profile, or one that is damaged, of another kind of
    colours, or close to sRGB. A grey picture with a profile stays grey.
    """
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= _MOST_BYTES:
        return picture
    bands = {"LA": "L", "RGBA": "RGB"}.get(picture.mode, picture.mode)
    if _MODES.get(profile[16:20]) != bands:
        return picture
    try:
        transform = _transform(profile, bands)
        if transform is None:
            return picture
        if bands == picture.mode:
            return _applied(transform, picture)
        alpha = picture.getchannel("A")
        converted = _applied(transform, picture.convert(bands))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    converted.putalpha(alpha)
    return converted


@cache
def _srgb() -> Any:
    return ImageCms.createProfile("sRGB")


def _transform(profile: bytes, bands: str) -> Any:
    """The transform to sRGB (to grey for grey pictures), or None if it changes nothing that can be seen."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    # Perceptual, as photographs are shown; profiles of screens and cameras have only one rendering and ignore it.
    transform = ImageCms.buildTransform(
        source, _srgb(), bands, "RGB", ImageCms.Intent.PERCEPTUAL, ImageCms.Flags.BLACKPOINTCOMPENSATION
    )
    if bands == "CMYK":
        return transform
    if bands == "L":
        chart = np.arange(256, dtype=np.uint8)[None]
        shown = np.repeat(chart[..., None], 3, 2)
    else:
        levels = np.linspace(0, 255, _STEPS).round().astype(np.uint8)
        chart = shown = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(_STEPS, -1, 3)
    converted = np.asarray(ImageCms.applyTransform(Image.fromarray(chart), transform)).astype(int)
    return None if np.abs(converted - shown).max() <= _SAME else transform


def _applied(transform: Any, picture: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(picture, transform)
    if converted is None:
        raise ValueError("the transform gave no picture")
    return converted.convert("L") if picture.mode == "L" else converted
