"""Which pictures are decoded: named formats only, and none whose decoding would take too much memory or time.

A small file can hold a huge picture: 1,200 bytes are enough for a JPEG of 45,000 × 45,000 pixels. Everything here is
decided from the header, before the first pixel is decoded. The figures were measured with Pillow 13.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from functools import cache

from PIL import Image

from ..errors import BadInputError

FORMATS = (
    *("PNG", "JPEG", "WEBP", "HEIF", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PSD", "ICO", "PPM", "PCX", "SGI"),
    "TGA",  # last, because it has no mark of its own
)
"""Pillow's names of the formats that are read. Pillow knows more, some of which start other programs (Ghostscript).
HEIF, the format of iPhones (HEIC), comes from pillow-heif."""
MAX_PIXELS = 210_000_000
"""Width times height: the largest cameras make 200 million pixels."""
MAX_SIDE = 65_535
"""Pixels; no JPEG is longer. Each row takes its time, however short it is."""
MAX_DECODED_BYTES = 1_700_000_000
"""Memory that the file, its decoding and its conversion may take together."""
_MAX_SCANNED_PIXELS = 4_000_000_000
"""Pixels of a JPEG times its scans. A progressive one has about ten scans, and each visits the whole picture."""
_MAX_PYTHON_PIXELS = 6_000_000
"""Pixels of a picture that Pillow decodes in Python, which takes a microsecond for each."""
_MAX_STRIPS = 200_000
"""Strips or tiles of a TIFF; Pillow makes a Python object of each."""

_DECODING = {"WEBP": 17, "AVIF": 16, "HEIF": 16, "JPEG2000": 25, "TIFF": 12}
"""Bytes a pixel that decoders hold, where it is more than 8."""
_HDR_FILES = (b"#?RADIANCE", b"#?RGBE", b"\x76\x2f\x31\x01")
"""Beginnings of Radiance and OpenEXR files."""
_HDR_TRANSFERS = (16, 18)
"""Transfer characteristics of ITU-T H.273 for high dynamic range: PQ and HLG."""
_NCLX = b"colrnclx"
"""Begins the box in HEIF and AVIF that names the colours: two bytes of primaries follow, then two of transfer."""
_CICP_WITHIN = 4096
"""Bytes at the beginning of a PNG in which its chunk ``cICP`` is looked for: primaries, transfer, …"""
_ALPHA_MODES = ("P", "PA", "LA", "La", "RGBA", "RGBa")
_PLAIN_MODES = ("1", "L", "I", "F", "RGB", "RGBX", "CMYK")
"""Modes of Pillow that are scaled down as they are. All others are converted to RGB or RGBA first."""

# Pillow itself refuses twice this number, also in pictures that lie inside others (ICO).
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2


@cache
def formats() -> tuple[str, ...]:
    """Those of `FORMATS` that can be read here. The first call registers HEIF with Pillow, for the whole process."""
    Image.init()
    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    return tuple(name for name in FORMATS if name in Image.OPEN)


def check_content(content: bytes, name: str) -> None:
    """Refuse a file that would already cost too much when Pillow reads its header.

    Raises BadInputError: ``portrait_too_large`` for a TIFF of more than 200,000 strips or tiles, ``portrait_hdr`` for
    OpenEXR and Radiance.
    """
    if content.startswith(_HDR_FILES):
        raise _high_dynamic_range(name)
    if _strips(content) > _MAX_STRIPS:
        raise too_large(name, "too many strips")


def check_dynamic_range(picture: Image.Image, content: bytes, name: str) -> None:
    """Refuse a picture whose numbers are light on a screen of high dynamic range.

    Read as ordinary numbers it would be grey and dull. A photograph of a phone that only carries a gain map beside an
    ordinary picture is no such picture. Raises BadInputError ``portrait_hdr``.
    """
    place = content.find(_NCLX) if picture.format in ("AVIF", "HEIF") else -1
    if place >= 0:
        transfer = int.from_bytes(content[place + 10 : place + 12], "big")
    else:
        place = content.find(b"cICP", 0, _CICP_WITHIN) if picture.format == "PNG" else -1
        transfer = content[place + 5] if 0 <= place < len(content) - 5 else 0
    if transfer in _HDR_TRANSFERS:
        raise _high_dynamic_range(name)


def check_size(picture: Image.Image, content: bytes, name: str, shown: tuple[int, int]) -> None:
    """Refuse a picture whose header, or whose content once it is loaded, asks for too much.

    Parameters
    ----------
    picture
        As opened; a JPEG may have been told already to decode at a fraction of its size.
    content
        The whole file.
    shown
        Width and height by the file's header.

    Raises BadInputError ``portrait_too_large``.
    """
    width, height = shown
    pixels = width * height
    if (
        pixels > MAX_PIXELS
        or max(width, height) > MAX_SIDE
        or _bytes_needed(picture, pixels) + len(content) > MAX_DECODED_BYTES
        or (_in_python(picture) and pixels > _MAX_PYTHON_PIXELS)
        or (_is_jpeg(picture) and pixels * content.count(b"\xff\xda") > _MAX_SCANNED_PIXELS)
    ):
        raise too_large(name, f"{width} × {height} pixels")


def too_large(name: str, what: str) -> BadInputError:
    """The error for a picture that has ``what``, which is more than can be decoded."""
    return BadInputError(
        "portrait_too_large",
        f"{name} has {what}, more than can be decoded here.",
        "Scale it down and save it as PNG or JPEG; 4096 pixels on the long side are plenty.",
    )


def _high_dynamic_range(name: str) -> BadInputError:
    return BadInputError(
        "portrait_hdr",
        f"{name} is a picture of high dynamic range (HDR), which can't be read.",
        "Save it as an ordinary picture with 8 bits a channel: PNG or JPEG.",
    )


def _bytes_needed(picture: Image.Image, pixels: int) -> int:
    """Most bytes that decoding and conversion hold at once, without the file itself."""
    mode = picture.mode.partition(";")[0]
    decoded = picture.width * picture.height  # a fraction of ``pixels`` in large JPEGs
    if mode in _ALPHA_MODES or "transparency" in picture.info:
        converting = 16  # as it is, as RGBA, as RGBA with premultiplied alpha, and scaled in one direction
    else:
        converting = 8 if mode in _PLAIN_MODES else 12
    if _is_jpeg(picture):  # of a progressive one, libjpeg holds all coefficients, two bytes each
        decoding = 4 * decoded + 2 * len(picture.getbands()) * pixels
    else:
        decoding = _DECODING.get(picture.format or "", 8) * decoded
    return max(decoding, converting * decoded)


def _is_jpeg(picture: Image.Image) -> bool:
    return picture.format in ("JPEG", "MPO")


def _in_python(picture: Image.Image) -> bool:
    return any(tile[0] in Image.DECODERS for tile in getattr(picture, "tile", ()))


def _strips(content: bytes) -> int:
    """Entries of the strip and tile tables in the first directory of a TIFF; 0 for other files."""
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None:
        return 0
    try:
        big = struct.unpack_from(order + "H", content, 2)[0] == 43
        start = struct.unpack_from(order + ("Q" if big else "I"), content, 8 if big else 4)[0]
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), content, start)
        first, size = start + (8 if big else 2), 20 if big else 12
        entry = struct.Struct(order + ("HHQ" if big else "HHI"))
        fields = (entry.unpack_from(content, first + size * index) for index in range(min(count, 1 << 16)))
        return max((number for tag, _, number in fields if tag in (273, 324)), default=0)
    except struct.error:
        return 0
