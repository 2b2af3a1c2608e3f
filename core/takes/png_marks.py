"""The header of PNGs, and their tEXt chunks, in which our pictures say what they are."""

from __future__ import annotations

import struct
import zlib

HEADER_BYTES = 33
"""Signature and IHDR of a PNG, which hold its size and colour type. Our marks follow them."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_size(data: bytes) -> tuple[int, int]:
    """(height, width) of a PNG from its first ``HEADER_BYTES``. Raises ValueError for anything else."""
    if data[:8] != SIGNATURE or len(data) < HEADER_BYTES:
        raise ValueError("no PNG")
    width, height = struct.unpack(">II", data[16:24])
    return height, width


def colour_type(data: bytes) -> int:
    """How a PNG with these first ``HEADER_BYTES`` stores colours, by the format's numbers: 6 is RGBA."""
    return data[25]


def text_chunks(marks: dict[str, str]) -> bytes:
    """``marks`` as tEXt chunks (Latin-1)."""
    return b"".join(
        chunk(b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1")) for key, text in marks.items()
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG: length, kind (4), data and checksum."""
    return b"".join([struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))])


def marked_again(png: bytes, marks: dict[str, str], shape: tuple[int, int]) -> bytes:
    """A whole PNG with ``marks`` in place of its own tEXt chunks. Its pixels stay as they are, also in their encoding.

    Raises ValueError for anything but an intact PNG of ``shape`` (height, width).
    """
    if png_size(png) != shape:
        raise ValueError("no PNG of this size")
    kept = [png[:HEADER_BYTES], text_chunks(marks)]
    place, kind = HEADER_BYTES, b""
    while kind != b"IEND":
        length = int.from_bytes(png[place : place + 4], "big")
        part = png[place : place + 12 + length]
        kind, check = part[4:8], part[8 + length :]
        if len(check) != 4 or int.from_bytes(check, "big") != zlib.crc32(part[4 : 8 + length]):
            raise ValueError("a damaged PNG")
        if kind != b"tEXt":
            kept.append(part)
        place += len(part)
    return b"".join(kept)
