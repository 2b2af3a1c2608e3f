"""Disturbed photographs of a face through the whole way of a portrait: decoding, the fit, and the first frames."""

from __future__ import annotations

import functools
import io
import random
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from core.face.face_mesh import FaceMesh
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.places import ASSETS
from core.portrait.load import load_portrait
from core.portrait.remarks import remarks
from core.renderer import Renderer
from core.takes.png import encode_png
from training.visible import covers

from .damage import Case, Kind

_MODES = ("RGB", "L", "1", "P", "CMYK", "RGBA", "LA", "I;16", "F")
_FORMATS = {"RGB": ("PNG", "JPEG", "WEBP", "BMP"), "L": ("PNG", "JPEG"), "CMYK": ("JPEG", "TIFF"), "F": ("TIFF",)}


_SIDE = 128
"""Pixels of the square that is rendered."""


def bases() -> dict[str, bytes]:
    """The face of the self-test, and the standard photograph."""
    stream = io.BytesIO()
    Image.fromarray(skimage.data.astronaut()).save(stream, "PNG")
    return {"face.jpg": (ASSETS / "self_test.jpg").read_bytes(), "astronaut.png": stream.getvalue()}


def case(r: random.Random, made: dict[str, bytes]) -> Case:
    """A photograph of a face after a cover or none and up to three disturbances, in any mode and format."""
    name = r.choice(list(made))
    picture, face = _photograph(made[name])
    done = []
    if r.random() < 0.5:
        cover = r.choice([*covers.COVERS, "tinted glasses"])
        draw = covers.COVERS.get(cover, covers.shaded)
        picture = Image.fromarray(draw(r, np.asarray(picture), face))
        done.append(cover)
    others = r.choices(list(_DISTURBANCES), k=r.choice([0, 0, 1, 2, 3] if done else [1, 1, 2, 3]))
    for other in others:
        picture = _DISTURBANCES[other](r, picture)
    mode = r.choice(_MODES) if r.random() < 0.3 else "RGB"
    form = r.choice(_FORMATS.get(mode, ("PNG",)))
    stream = io.BytesIO()
    _in_mode(picture, mode).save(stream, form)
    return Case(" and ".join(dict.fromkeys([*done, *others])), f"face.{form.lower()}", stream.getvalue())


@functools.cache
def _photograph(content: bytes) -> tuple[Image.Image, np.ndarray]:
    """A good photograph and the landmarks of its face."""
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    with FaceMesh() as mesh:
        return picture, mesh.detect(np.asarray(picture))[0]


def read(path: Path, found: Case) -> str:
    """Fit the portrait, whose numbers must be finite and have their shapes, and render the frames of a blink."""
    portrait = load_portrait(path)
    for name, shape in {"landmarks": (478, 3), "expression": (53,), "rotation": (3,), "translation": (3,)}.items():
        value = getattr(portrait, name)
        if value.shape != shape or not np.isfinite(value).all():
            return f"{name} {value.shape}"
    if not (np.isfinite(portrait.identity).all() and np.isfinite([*portrait.crop, portrait.focal]).all()):
        return "numbers that are not finite"
    if not all(remark.endswith(".") for remark in remarks(portrait)):
        return "remarks that are no sentences"
    expression = np.zeros((2, len(EXPRESSIONS)), np.float32)
    for name in ("eyeBlink_L", "eyeBlink_R", "jawOpen", "eyeLookUp_L", "eyeLookUp_R"):
        expression[1, EXPRESSIONS.index(name)] = 1
    turn = np.array([[0, 0, 0], [0.2, -0.2, 0.1]], np.float32)
    renderer = Renderer(HeadModel.load(), portrait, _SIDE)
    frames = list(renderer.render(Motion(expression, turn, np.zeros((2, 3), np.float32))))
    if len(frames) != 2 or any(frame.shape[:2] != renderer.frame_shape for frame in frames):
        return "frames of another size"
    return "" if all(encode_png(frame, {}).startswith(b"\x89PNG") for frame in frames) else "no PNG"


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    return picture.quantize(64) if mode == "P" else picture.convert(mode)


def _turned(r: random.Random, picture: Image.Image) -> Image.Image:
    angle = r.choice([r.uniform(-60, 60), r.uniform(0, 360), 90, 180, 270])
    return picture.rotate(angle, Image.Resampling.BICUBIC, expand=r.random() < 0.5)


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

KIND = Kind(bases, case, read, most_memory=2_500_000_000)
