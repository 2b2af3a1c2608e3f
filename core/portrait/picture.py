"""Reads picture files of any kind as upright 8-bit RGB, or says in one sentence why that is impossible."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import BadInputError

MAX_LONG_SIDE = 4096
"""Pixels; larger pictures are scaled down to this. A face that fills a tenth of it is still sharper than any output."""
MAX_DECODED_BYTES = 1_700_000_000
"""Memory that decoding may use. JPEGs are decoded at a fraction of their size and need far less."""
_BYTES = {"1": 1, "L": 1, "P": 5, "PA": 8, "I": 13, "F": 13}
"""Bytes per pixel that decoding and conversion need at once, by Pillow's mode; 4 for all other modes, also for RGB."""
_BACKGROUND = (128, 128, 128)
"""Grey behind transparent pixels."""
_ORIENTATION = 0x0112
"""EXIF tag of the picture's orientation."""


def read_bytes(path: Path) -> bytes:
    """Content of a picture file.

    Raises BadInputError: ``portrait_missing``, ``portrait_unreadable``, ``portrait_empty``.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadInputError("portrait_missing", f"There is no picture at {path}.", "Choose another file.") from None
    except IsADirectoryError:
        raise BadInputError(
            "portrait_missing", f"{path} is a folder, not a picture.", "Choose a picture file."
        ) from None
    except OSError as error:
        reason = error.strerror or "read error"
        raise BadInputError(
            "portrait_unreadable",
            f"{path.name} can't be read ({reason}).",
            "Check the file's permissions and its disk.",
        ) from error
    if not content:
        raise BadInputError("portrait_empty", f"{path.name} is empty (0 bytes).", "Export or copy the picture again.")
    return content


def decode(content: bytes, name: str) -> np.ndarray:
    """Decode a picture to (H, W, 3) uint8 RGB.

    EXIF rotation is applied, transparent pixels are laid over grey, and CMYK, palettes, grey and 16 bits are converted.
    Pictures over ``MAX_LONG_SIDE`` are scaled down. Raises BadInputError: ``portrait_not_image``, ``portrait_damaged``,
    ``portrait_too_large``.
    """
    hint = "Save it as PNG or JPEG and try again."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            # Pillow refuses large pictures. Here only the memory is limited, which is checked below.
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                picture = Image.open(io.BytesIO(content))
            finally:
                Image.MAX_IMAGE_PIXELS = limit
        except UnidentifiedImageError:
            raise BadInputError("portrait_not_image", f"{name} is not a picture that can be read.", hint) from None
        except (OSError, SyntaxError, ValueError) as error:
            raise BadInputError("portrait_damaged", f"{name} is damaged and can't be decoded.", hint) from error
        width, height = picture.size
        if picture.format == "JPEG":
            picture.draft(None, (MAX_LONG_SIDE, MAX_LONG_SIDE))
        bytes_per_pixel = _BYTES.get(picture.mode.partition(";")[0], 4)
        if picture.width * picture.height * bytes_per_pixel > MAX_DECODED_BYTES:
            raise BadInputError(
                "portrait_too_large",
                f"{name} has {width} × {height} pixels, more than can be decoded here.",
                f"Scale it down; {MAX_LONG_SIDE} pixels on the long side are plenty.",
            )
        try:
            picture.load()
            return np.array(_to_rgb(picture))
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise BadInputError("portrait_damaged", f"{name} is damaged and can't be decoded.", hint) from error


def _to_rgb(picture: Image.Image) -> Image.Image:
    """The picture upright, in RGB, and no larger than ``MAX_LONG_SIDE``."""
    orientation = picture.getexif().get(_ORIENTATION, 1)
    picture = _to_eight_bits(picture)
    if picture.mode in ("P", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    factor = max(picture.size) / MAX_LONG_SIDE
    if factor > 1:
        if picture.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
            picture = picture.convert("RGB")
        size = (max(round(picture.width / factor), 1), max(round(picture.height / factor), 1))
        picture = picture.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    if picture.mode in ("LA", "La", "RGBa", "RGBA"):
        picture = picture.convert("RGBA")
        behind = Image.new("RGBA", picture.size, (*_BACKGROUND, 255))
        picture = Image.alpha_composite(behind, picture)
    picture = picture.convert("RGB")
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    picture.info["exif"] = exif.tobytes()
    return ImageOps.exif_transpose(picture)


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """The picture with channels of 16 and 32 bits scaled to 8 bits.

    Integers are scaled by 65535, or by 255 if none is larger; floats by 0–1 if they lie in it, else by their minimum
    and maximum.
    """
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32))
    if picture.mode == "F":
        low, high = (
            (0.0, 1.0) if values.min() >= 0 and values.max() <= 1 else (float(values.min()), float(values.max()))
        )
    else:
        low, high = 0.0, 65535.0 if values.max() > 255 else 255.0
    scaled = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    return Image.fromarray((scaled * 255 + 0.5).astype(np.uint8))
