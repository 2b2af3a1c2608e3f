"""The size of a portrait's file, as its header says it."""

from __future__ import annotations

import os
import struct

import pytest
from soliloquy.addon.jobs.portrait_file import UNKNOWN, look, size_of


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 2, 0, 0, 0)


def jpeg(width: int, height: int, *segments: bytes, marker: int = 0xC0) -> bytes:
    frame = struct.pack(">BBHBHHB", 0xFF, marker, 17, 8, height, width, 3) + b"\0" * 9
    return b"\xff\xd8" + b"".join(segments) + frame


def exif(orientation: int, order: str = ">") -> bytes:
    mark = b"MM" if order == ">" else b"II"
    tiff = mark + struct.pack(order + "HIHHHIHH", 42, 8, 1, 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0" + tiff
    return struct.pack(">BBH", 0xFF, 0xE1, len(body) + 2) + body


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (png(640, 480), (640, 480)),
        (jpeg(640, 480), (640, 480)),
        (jpeg(640, 480, marker=0xC2), (640, 480)),
        (jpeg(640, 480, exif(1)), (640, 480)),
        (jpeg(640, 480, exif(3)), (640, 480)),
        (jpeg(640, 480, exif(6)), (480, 640)),
        (jpeg(640, 480, exif(8, "<")), (480, 640)),
        (jpeg(640, 480, b"\xff\xe0\x00\x04ab", b"\xff"), (640, 480)),
        (jpeg(0, 480), None),
        (png(0, 1), None),
        (jpeg(640, 480)[:8], None),
        (b"\xff\xd8" + b"\0" * 40, None),
        (b"\xff\xd8\xff\xe1\x00\x00" * 9, None),
        (b"RIFF....WEBP", None),
        (b"", None),
    ],
)
def test_size_of_a_header(content, size):
    assert size_of(content) == size


def test_files_and_what_is_none(scene, tmp_path):
    file = tmp_path / "face.png"
    file.write_bytes(png(30, 40))
    assert look(file) == (len(png(30, 40)), (30, 40))
    assert look(tmp_path) == look(tmp_path / "gone") == UNKNOWN
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        assert look(tmp_path / "pipe.png") == UNKNOWN
