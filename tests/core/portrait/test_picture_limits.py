"""Which picture files are decoded at all: named formats, bounded memory, and a sentence for whatever decoders raise."""

from __future__ import annotations

import io
import os
import stat
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from core.errors import BadInputError
from core.portrait import picture_limits
from core.portrait.picture import decode


def refused(content: bytes) -> str:
    """Code of the error that a picture file gives."""
    with pytest.raises(BadInputError) as caught:
        decode(content, "face.png")
    assert caught.value.message.endswith(".") and caught.value.hint.endswith(".")
    return caught.value.code


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, colour: int, extra: bytes = b"") -> bytes:
    """A PNG of this size whose pixels are missing."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def progressive(width: int, height: int) -> bytes:
    """A progressive JPEG whose header says this size, with the data of a small one."""
    data = bytearray(encoded(Image.new("RGB", (64, 64), (90, 110, 140)), "JPEG", progressive=True))
    place = data.find(b"\xff\xc2")
    data[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(data)


GREY, COLOUR = chunk(b"tRNS", struct.pack(">H", 1)), chunk(b"tRNS", struct.pack(">HHH", 1, 1, 1))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(png(40_000, 40_000, 1, 0), id="1 bit"),
        pytest.param(png(40_000, 40_000, 8, 0, GREY), id="grey with tRNS"),
        pytest.param(png(41_000, 41_000, 8, 0), id="grey"),
        pytest.param(png(20_000, 20_000, 8, 2, COLOUR), id="RGB with tRNS"),
        pytest.param(png(11_000, 11_000, 8, 2, COLOUR), id="RGB with tRNS, within the number of pixels"),
        pytest.param(png(11_000, 11_000, 8, 6), id="RGBA, within the number of pixels"),
        pytest.param(png(1, 400_000_000, 1, 0), id="a line"),
        pytest.param(png(2, 70_000, 1, 0), id="a line, within the number of pixels"),
        pytest.param(progressive(45_000, 45_000), id="progressive JPEG"),
        pytest.param(progressive(8_190, 24_500), id="progressive JPEG that isn't decoded at a fraction"),
    ],
)
def test_small_files_that_hold_huge_pictures_are_refused_by_their_header(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def must_not_run(_: object) -> None:
        raise AssertionError("decoded")

    assert picture_limits.formats() == picture_limits.FORMATS
    for kind in (ImageFile.ImageFile, Image.Image):
        monkeypatch.setattr(kind, "load", must_not_run)
    assert len(content) < 3000
    assert refused(content) == "portrait_too_large"


def test_a_picture_inside_an_icon_has_the_same_limit() -> None:
    inside = png(15_000, 15_000, 8, 6)
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inside), 22)
    assert refused(struct.pack("<HHH", 0, 1, 1) + entry + inside) == "portrait_too_large"


def test_scans_strips_and_slow_decoders_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg = encoded(Image.new("RGB", (2000, 2000), (90, 110, 140)), "JPEG", progressive=True)
    assert decode(jpeg, "face.jpg").image.shape == (2000, 2000, 3)
    scan = jpeg[jpeg.rfind(b"\xff\xda") : -2]
    assert refused(jpeg[:-2] + scan * 1000 + b"\xff\xd9") == "portrait_too_large"
    tiff = encoded(Image.new("L", (40, 40), 7), "TIFF")
    assert decode(tiff, "face.tif").image.shape == (40, 40, 3)
    monkeypatch.setattr(picture_limits, "_MAX_STRIPS", 0)
    assert refused(tiff) == "portrait_too_large"
    rows = b"P3 3000 2500 255\n"  # three numbers as text for each pixel, read one by one
    assert refused(rows) == "portrait_too_large"


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_strips_of_a_tiff_are_counted_from_its_directory(endian: str, big: bool) -> None:
    mark, number, size, where = (43, "Q", 20, 16) if big else (42, "I", 12, 8)
    head = (b"II" if endian == "<" else b"MM") + struct.pack(endian + "H", mark)
    head += struct.pack(endian + "HHQ", 8, 0, where) if big else struct.pack(endian + "I", where)
    entries = [(256, 4, 1, 10), (273, 4, 3_000_000, 8)]
    table = struct.pack(endian + ("Q" if big else "H"), len(entries))
    table += b"".join(struct.pack(f"{endian}HH{number}{number}", *entry) for entry in entries)
    assert len(table) == (8 if big else 2) + size * len(entries)
    assert picture_limits._strips(head + table) == 3_000_000
    assert refused(head + table) == "portrait_too_large"
    assert picture_limits._strips(head + table[:10]) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
@pytest.mark.parametrize("ending", ["jpg", "eps", "ps"])
def test_no_program_is_started_for_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    ran = tmp_path / "ran"
    script = tmp_path / "gs"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 200 200\n%%EndComments\nshowpage\n"
    assert refused(page) == "portrait_not_image"
    assert not ran.exists()


def test_formats_that_nobody_photographs_in_are_not_even_parsed() -> None:
    assert not set(picture_limits.FORMATS) & {"EPS", "WMF", "FITS", "GRIB", "BUFR", "HDF5", "MPEG", "FLI", "PCD"}


@pytest.mark.parametrize("kind", picture_limits.FORMATS)
def test_every_format_gives_its_colours(kind: str) -> None:
    if kind in ("PSD",):
        pytest.skip("Pillow can't write it")
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    picture = Image.fromarray(
        np.stack([np.tile(ramp, (64, 1)), np.tile(ramp[:, None], 64), np.full((64, 64), 90)], 2).astype(np.uint8)
    )
    image = decode(encoded(picture, kind), "face").image
    if kind == "GIF":  # 256 colours
        assert np.abs(image.astype(int) - np.asarray(picture)).mean() < 12
    else:
        assert np.abs(image.astype(int) - np.asarray(picture)).mean() < 4


@pytest.mark.parametrize("error", [RuntimeError, AssertionError, struct.error, zlib.error, KeyError, OverflowError])
@pytest.mark.parametrize("step", ["open", "load"])
def test_whatever_a_decoder_raises_is_a_damaged_picture(
    error: type[Exception], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error("oh")

    content = encoded(Image.new("RGB", (40, 40)), "PNG")
    monkeypatch.setattr(*((Image, "open") if step == "open" else (ImageFile.ImageFile, "load")), broken)
    assert refused(content) == "portrait_damaged"


def test_too_little_memory_is_not_called_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", broken)
    with pytest.raises(MemoryError):
        decode(encoded(Image.new("RGB", (40, 40)), "PNG"), "face.png")


@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation_as_pillow_applies_it(orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    corner = Image.new("RGB", (30, 20))
    corner.paste((200, 20, 20), (0, 0, 10, 5))
    content = encoded(corner, "PNG", exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert np.array_equal(decode(content, "face.png").image, np.asarray(expected))


def test_damaged_exif_does_not_spoil_a_picture() -> None:
    picture = Image.new("RGB", (30, 20), (1, 2, 3))
    for exif in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM", b"\0" * 50):
        assert decode(encoded(picture, "PNG", exif=exif), "face.png").image.shape == (20, 30, 3)
