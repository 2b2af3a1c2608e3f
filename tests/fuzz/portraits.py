"""Disturbed photographs of a face through the whole way of a portrait: decoding and the fit of the head model."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from core.places import ASSETS
from core.portrait.load import load_portrait

from .damage import Case, Kind

_MODES = ("RGB", "L", "1", "P", "CMYK", "RGBA", "LA", "I;16", "F")
_FORMATS = {"RGB": ("PNG", "JPEG", "WEBP", "BMP"), "L": ("PNG", "JPEG"), "CMYK": ("JPEG", "TIFF"), "F": ("TIFF",)}


def bases() -> dict[str, bytes]:
    """The face of the self-test."""
    return {"face.jpg": (ASSETS / "self_test.jpg").read_bytes()}


def case(r: random.Random, made: dict[str, bytes]) -> Case:
    """A photograph of the face after up to three disturbances, in any mode and format."""
    picture = Image.open(io.BytesIO(made["face.jpg"])).convert("RGB")
    names = r.choices(list(_DISTURBANCES), k=r.choice([1, 1, 2, 3]))
    for name in names:
        picture = _DISTURBANCES[name](r, picture)
    mode = r.choice(_MODES) if r.random() < 0.3 else "RGB"
    form = r.choice(_FORMATS.get(mode, ("PNG",)))
    stream = io.BytesIO()
    _in_mode(picture, mode).save(stream, form)
    return Case(" and ".join(dict.fromkeys(names)), f"face.{form.lower()}", stream.getvalue())


def read(path: Path, found: Case) -> str:
    """Fit the portrait, whose numbers must be finite and have their shapes."""
    portrait = load_portrait(path)
    for name, shape in {"landmarks": (478, 3), "expression": (53,), "rotation": (3,), "translation": (3,)}.items():
        value = getattr(portrait, name)
        if value.shape != shape or not np.isfinite(value).all():
            return f"{name} {value.shape}"
    if not (np.isfinite(portrait.identity).all() and np.isfinite([*portrait.crop, portrait.focal]).all()):
        return "numbers that are not finite"
    return ""


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    return picture.quantize(64) if mode == "P" else picture.convert(mode)


def _turned(r: random.Random, picture: Image.Image) -> Image.Image:
    return picture.rotate(
        r.choice([r.uniform(-60, 60), 90, 180, 270]), Image.Resampling.BICUBIC, expand=r.random() < 0.5
    )


def _cut(r: random.Random, picture: Image.Image) -> Image.Image:
    x, y = sorted(r.choices(range(picture.width), k=2)), sorted(r.choices(range(picture.height), k=2))
    return picture.crop((x[0], y[0], x[1] + 1, y[1] + 1))


def _lit(r: random.Random, picture: Image.Image) -> Image.Image:
    factor, shift = r.choice([0.0, 0.05, 0.18, 1.9, 8.0]), r.choice([0, 20, 120, -60])
    return picture.point(lambda level: level * factor + shift)


def _covered(r: random.Random, picture: Image.Image) -> Image.Image:
    draw = ImageDraw.Draw(picture)
    for _ in range(r.choice([1, 2, 5])):
        x, y = r.randrange(picture.width), r.randrange(picture.height)
        colour = tuple(r.randrange(256) for _ in range(3))
        draw.ellipse((x, y, x + r.randrange(1, 160), y + r.randrange(1, 160)), fill=colour)
    return picture


def _blurred(r: random.Random, picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(r.choice([1, 4, 15])))


def _scaled(r: random.Random, picture: Image.Image) -> Image.Image:
    width, height = (max(round(side * r.choice([0.02, 0.1, 0.3, 1.0, 2.5])), 1) for side in picture.size)
    return picture.resize((width, height))


def _noisy(r: random.Random, picture: Image.Image) -> Image.Image:
    noise = np.random.default_rng(r.randrange(1 << 30)).normal(0, r.choice([10, 60, 200]), (*picture.size[::-1], 3))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def _beside_itself(r: random.Random, picture: Image.Image) -> Image.Image:
    pair = Image.new("RGB", (picture.width * 2, picture.height), (90, 110, 140))
    pair.paste(picture, (0, 0))
    pair.paste(picture.resize((max(picture.width // r.choice([1, 2, 6]), 1), picture.height)), (picture.width, 0))
    return pair


def _far(r: random.Random, picture: Image.Image) -> Image.Image:
    scene = Image.new("RGB", (1600, 1200), (120, 130, 110))
    scene.paste(picture, (r.randrange(-100, 1500), r.randrange(-100, 1100)))
    return scene


def _flat(r: random.Random, picture: Image.Image) -> Image.Image:
    return r.choice([ImageOps.posterize, ImageOps.solarize])(picture, r.choice([1, 2, 4]))


def _mirrored(r: random.Random, picture: Image.Image) -> Image.Image:
    return r.choice([ImageOps.mirror, ImageOps.flip, ImageOps.invert])(picture)


_DISTURBANCES = {
    **{"turned": _turned, "cut": _cut, "lit otherwise": _lit, "covered": _covered, "blurred": _blurred},
    **{"scaled": _scaled, "noisy": _noisy, "beside itself": _beside_itself, "far away": _far, "flat": _flat},
    **{"mirrored": _mirrored},
}

KIND = Kind(bases, case, read, most_memory=1_900_000_000)
