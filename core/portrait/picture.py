"""Picture files of any kind → upright 8-bit sRGB with its alpha, or one sentence that says why not."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import BadInputError
from ..inputs import InputKind, read_input
from .colours import to_srgb
from .picture_limits import check_content, check_dynamic_range, check_size, formats, too_large

PICTURE = InputKind(
    noun="picture",
    code="portrait",
    most_bytes=512_000_000,
    choose="Choose a picture file.",
    again="Export or copy the picture again.",
)
"""A photograph. 512 MB hold an uncompressed TIFF of 85 million pixels with 16 bits a channel."""
MAX_LONG_SIDE = 4096
"""Pixels; larger pictures are scaled down to it. A face that fills a tenth of it is still sharper than any output."""
GREY = 128
"""Level of the grey behind what is transparent."""
_ROWS = 256
"""Rows that are converted at a time, where a conversion takes many times the memory of a picture."""
_ORIENTATION = 0x0112
"""EXIF's tag of how the camera was held."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its orientation."""


def read_bytes(path: str | Path) -> bytes:
    """Content of a picture file. Raises BadInputError (``portrait_missing``, ``portrait_unreadable``,
    ``portrait_empty``, ``portrait_too_large``)."""
    return read_input(path, PICTURE)


@dataclass(frozen=True)
class Pixels:
    """A decoded picture.

    Attributes
    ----------
    image
        (H, W, 3) uint8 sRGB; what is transparent is laid over grey.
    alpha
        (H, W) uint8, or None where the whole picture is opaque.
    """

    image: np.ndarray
    alpha: np.ndarray | None

    def turned(self, quarters: int) -> Pixels:
        """The picture turned against the clock by this many quarter turns."""
        if quarters % 4 == 0:
            return self
        image = np.ascontiguousarray(np.rot90(self.image, quarters))
        return Pixels(image, None if self.alpha is None else np.ascontiguousarray(np.rot90(self.alpha, quarters)))


def decode(content: bytes, name: str) -> Pixels:
    """The pixels of an encoded picture: EXIF rotation and colour profile applied; CMYK, palette, grey and 16 bits
    converted.

    Pictures over ``MAX_LONG_SIDE`` are scaled down. Raises BadInputError: ``portrait_not_image``, ``portrait_damaged``,
    ``portrait_too_large``, ``portrait_hdr``.
    """
    hint = "Save it as PNG or JPEG and try again."
    check_content(content, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of small damages in what surrounds the pixels
        try:
            picture = Image.open(io.BytesIO(content), formats=formats())
            size = picture.size
            if picture.format == "JPEG":
                picture.draft(None, (MAX_LONG_SIDE, MAX_LONG_SIDE))
            check_size(picture, content, name, size)
            check_dynamic_range(picture, content, name)
            picture.load()
            check_size(picture, content, name, size if picture.format == "JPEG" else picture.size)
            return _converted(picture)
        except UnidentifiedImageError:
            raise BadInputError("portrait_not_image", f"{name} is not a picture that can be read.", hint) from None
        except Image.DecompressionBombError:
            raise too_large(name, "too many pixels") from None
        except (MemoryError, BadInputError):
            raise
        except Exception as error:  # decoders raise whatever they like: RuntimeError, struct.error, AssertionError, …
            raise BadInputError("portrait_damaged", f"{name} is damaged and can't be decoded.", hint) from error


def _converted(picture: Image.Image) -> Pixels:
    turn, profile = _TURNS.get(_orientation(picture)), picture.info.get("icc_profile")
    picture = _to_eight_bits(picture)
    if picture.mode in ("P", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    factor = max(picture.size) / MAX_LONG_SIDE
    if factor > 1:
        if picture.mode == "1":
            picture = picture.convert("L")
        if picture.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
            picture = picture.convert("RGB")
        size = (max(round(picture.width / factor), 1), max(round(picture.height / factor), 1))
        picture = picture.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    if picture.mode in ("La", "RGBa"):
        picture = picture.convert("RGBA")
    picture = to_srgb(picture, profile)
    alpha = None
    if picture.mode in ("LA", "RGBA"):
        picture = picture.convert("RGBA")
        layer = picture.getchannel("A")
        alpha = layer if np.asarray(layer).min() < 255 else None
        behind = Image.new("RGBA", picture.size, (GREY, GREY, GREY, 255))
        picture = Image.alpha_composite(behind, picture)
    picture = picture.convert("RGB")
    if turn is not None:
        picture, alpha = picture.transpose(turn), None if alpha is None else alpha.transpose(turn)
    return Pixels(np.array(picture), None if alpha is None else np.array(alpha))


def _orientation(picture: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 (upright) where it is missing, damaged or impossible."""
    try:
        value = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - a picture whose pixels can be read is not refused for what stands beside them
        return 1
    return value if isinstance(value, int) else 1


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """Modes of 16 and 32 bits a channel, scaled to 8: integers by their range, floats by theirs (0–1, else
    minimum–maximum)."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    ends = [(float(rows.min()), float(rows.max())) for rows in _float_rows(picture)]
    lowest, highest = min(low for low, _ in ends), max(high for _, high in ends)
    if picture.mode == "F":
        low, high = (0.0, 1.0) if lowest >= 0 and highest <= 1 else (lowest, highest)
    else:
        low, high = 0.0, 65535.0 if highest > 255 else 255.0
    parts = []
    with np.errstate(over="ignore"):  # the range of floats may be wider than floats
        for rows in _float_rows(picture):
            scaled = np.clip((rows - low) / max(high - low, 1e-6), 0, 1)
            parts.append((scaled * 255 + 0.5).astype(np.uint8))
    return Image.fromarray(np.concatenate(parts))


def _float_rows(picture: Image.Image) -> Iterator[np.ndarray]:
    """(rows, W) float32 values, from the top to the bottom; 0 for what is not a number."""
    for top in range(0, picture.height, _ROWS):
        rows = picture.crop((0, top, picture.width, min(top + _ROWS, picture.height)))
        yield np.nan_to_num(np.asarray(rows, dtype=np.float32))
