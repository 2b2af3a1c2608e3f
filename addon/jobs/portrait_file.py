"""What is known of a portrait's file before the worker reads it: its bytes and its size in pixels.

The size comes from the header of a PNG or JPEG, where EXIF says how the camera was held. Pillow isn't there in Blender,
and Blender's own images don't know EXIF.
"""

from __future__ import annotations

import functools
import struct
import time
from pathlib import Path
from typing import NamedTuple

from ...core.files import is_file
from ..properties import trusted

_LOOK_EVERY = 2.0
"""Seconds between two looks at a file."""
_HEADER = 1 << 18
"""Bytes of a file that are read. EXIF takes at most 64 KiB, and few files have more before their size."""
_PNG = b"\x89PNG\r\n\x1a\n"
_SIZES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
"""Markers of a JPEG's segments that hold its size (ITU-T T.81, table B.1)."""
_EXIF, _SCAN = 0xE1, 0xDA
_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)
"""Orientations of EXIF in which width and height change places."""


class PortraitFile(NamedTuple):
    """``bytes`` of the file, by which earlier takes of the portrait are known, and its upright (width, height) in
    pixels; None where they aren't known."""

    bytes: int | None = None
    size: tuple[int, int] | None = None


UNKNOWN = PortraitFile()


def look(file: Path) -> PortraitFile:
    """What a picture file says. Cached, because panels ask at every redraw."""
    return _look(str(file), int(time.monotonic() / _LOOK_EVERY)) if trusted.may_look(file) else UNKNOWN


@functools.lru_cache(maxsize=64)
def _look(file: str, _when: int) -> PortraitFile:
    try:
        if not is_file(Path(file)):  # nobody waits for a pipe
            return UNKNOWN
        with Path(file).open("rb") as stream:
            content = stream.read(_HEADER)
        return PortraitFile(Path(file).stat().st_size, size_of(content))
    except (OSError, ValueError):
        return UNKNOWN


def size_of(content: bytes) -> tuple[int, int] | None:
    """Upright (width, height) of a PNG or JPEG by its first bytes; None for other files, and where it isn't there."""
    try:
        if content.startswith(_PNG):
            width, height = struct.unpack_from(">II", content, 16)
            return (width, height) if width and height else None
        return _of_jpeg(content) if content.startswith(b"\xff\xd8") else None
    except struct.error:
        return None


def _of_jpeg(content: bytes) -> tuple[int, int] | None:
    """The same of a JPEG. Raises struct.error if ``content`` ends before its size."""
    place, lies = 2, False
    while True:
        start, marker, length = struct.unpack_from(">BBH", content, place)
        if start != 0xFF or marker == _SCAN:
            return None
        if marker == 0xFF:  # a byte that only fills
            place += 1
            continue
        if marker == _EXIF:
            lies = _orientation(content[place + 4 : place + 2 + length]) in _LYING
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            if not width or not height:
                return None
            return (height, width) if lies else (width, height)
        place += 2 + length


def _orientation(segment: bytes) -> int:
    """EXIF's orientation in a JPEG's segment; 1 (upright) where there is none."""
    if not segment.startswith(b"Exif\0\0"):
        return 1
    tiff = segment[6:]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, first)
        for entry in range(count):
            tag, _kind, _number, value = struct.unpack_from(order + "HHIH", tiff, first + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return int(value)
    except struct.error:
        pass
    return 1
