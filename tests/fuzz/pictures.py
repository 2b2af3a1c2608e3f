"""Damaged picture files into `core.portrait.picture.decode`."""

from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from core.places import ASSETS
from core.portrait.picture import MAX_LONG_SIDE, decode, read_bytes

from .damage import Case, Kind, damaged

_SIDES = (0, 1, 2, 3000, 14_000, 20_000, 40_000, 65_500, 1_000_000, 2**31 - 1, 2**32 - 1)
_POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 200 200\n(x) (w) file closefile\nshowpage\n"


def bases() -> dict[str, bytes]:
    """A face of 256 pixels in the formats and modes that people have."""
    face = Image.open(ASSETS / "self_test.jpg").convert("RGB").resize((256, 256))
    grey = face.convert("L")
    wide = Image.fromarray(np.asarray(grey).astype(np.int32) * 256)
    made: dict[str, bytes] = {}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x8769] = 6, "a face", {0x9003: "2020:01:01 00:00:00"}

    def add(name: str, picture: Image.Image, form: str, **options: Any) -> None:
        stream = io.BytesIO()
        picture.save(stream, form, **options)
        made[name] = stream.getvalue()

    add("rgb.png", face, "PNG", icc_profile=profile)
    add("exif.png", face, "PNG", exif=exif.tobytes())
    add("alpha.png", face.convert("RGBA"), "PNG")
    add("palette.png", face.quantize(64), "PNG", transparency=3)
    add("grey16.png", wide.convert("I;16"), "PNG")
    add("one.png", grey.convert("1"), "PNG")
    add("la.png", grey.convert("LA"), "PNG")
    add("trns.png", grey, "PNG", transparency=100)
    add("animated.png", face, "PNG", save_all=True, append_images=[grey.convert("RGB")] * 3)
    add("a.jpg", face, "JPEG", quality=80, exif=exif.tobytes(), icc_profile=profile)
    add("progressive.jpg", face, "JPEG", progressive=True)
    add("cmyk.jpg", face.convert("CMYK"), "JPEG")
    add("grey.jpg", grey, "JPEG")
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        add(f"{compression}.tif", face, "TIFF", compression=compression)
    add("cmyk.tif", face.convert("CMYK"), "TIFF")
    add("lab.tif", face.convert("LAB"), "TIFF")
    add("float.tif", grey.convert("F"), "TIFF")
    add("int32.tif", wide, "TIFF")
    add("grey16.tif", wide.convert("I;16"), "TIFF", compression="tiff_lzw")
    add("a.gif", face.quantize(32), "GIF")
    add("animated.gif", face.quantize(32), "GIF", save_all=True, append_images=[grey.quantize(32)] * 4)
    add("a.webp", face, "WEBP", exif=exif.tobytes(), icc_profile=profile)
    add("lossless.webp", face.convert("RGBA"), "WEBP", lossless=True)
    add("animated.webp", face, "WEBP", save_all=True, append_images=[grey.convert("RGB")] * 3)
    add("a.mpo", face, "MPO", save_all=True, append_images=[face])
    others = {"bmp": "BMP", "tga": "TGA", "ppm": "PPM", "jp2": "JPEG2000", "avif": "AVIF", "ico": "ICO", "pcx": "PCX"}
    for ending, form in {**others, "sgi": "SGI", "dds": "DDS", "icns": "ICNS"}.items():
        add(f"a.{ending}", face, form)
    return made


def case(r: random.Random, made: dict[str, bytes]) -> Case:
    """A damaged picture, or one whose header was made up."""
    if r.random() < 0.3:
        return _made_up(r, made)
    name = r.choice(list(made))
    return damaged(r, name, made[name])


def read(path: Path, found: Case) -> str:
    """Decode the picture, which must come as RGB of a bounded size."""
    image = decode(read_bytes(path), path.name).image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or max(image.shape) > MAX_LONG_SIDE:
        return f"{image.dtype} {image.shape}"
    return ""


def png(width: int, height: int, bits: int, colour: int, extra: bytes = b"", rows: int | None = None) -> bytes:
    """A black PNG of this size, or with the data of fewer rows than its header says."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    squeeze, squeezed = zlib.compressobj(1), []
    left = (1 + (width * bits * channels + 7) // 8) * (height if rows is None else rows)
    while left > 0:
        squeezed.append(squeeze.compress(bytes(min(left, 1 << 20))))
        left -= 1 << 20
    body = b"".join([*squeezed, squeeze.flush()])
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + extra + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _made_up(r: random.Random, made: dict[str, bytes]) -> Case:
    side, other = r.choice(_SIDES), r.choice(_SIDES)
    choice = r.randrange(9)
    if choice == 0:
        colour = r.choice([0, 2, 3, 4, 6])
        bits = r.choice([1, 8, 16] if colour == 0 else [8])
        extra = _chunk(b"tRNS", bytes(6)) if colour in (0, 2) and r.random() < 0.5 else b""
        rows = r.choice([0, 1, 300])
        return Case("PNG: a huge header", "x.png", png(min(side, 65_500) or 1, other or 1, bits, colour, extra, rows))
    if choice == 1:
        data = bytearray(made[r.choice(["a.jpg", "progressive.jpg", "cmyk.jpg", "grey.jpg"])])
        place = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        data[place + 5 : place + 9] = struct.pack(">HH", min(side, 65_500), min(other, 65_500))
        return Case("JPEG: a huge header", "x.jpg", bytes(data))
    if choice == 2:
        mark = r.choice([b"P6 ", b"P5 ", b"P3 ", b"P1 ", b"Pf "])
        return Case("PPM: a huge header", "x.ppm", mark + f"{side} {other} 255 ".encode() + b"1 2 3")
    if choice == 3:
        size = struct.pack("<ii", r.choice([side, 3]) % 2**31, other % 2**31)
        return Case("BMP: a huge header", "x.bmp", made["a.bmp"][:18] + size + made["a.bmp"][26:])
    if choice == 4:
        text = _chunk(r.choice([b"zTXt", b"iTXt", b"iCCP"]), b"x\0\0" + zlib.compress(bytes(r.choice([9, 80_000_000]))))
        return Case("PNG: a huge text", "x.png", made["rgb.png"][:33] + text + made["rgb.png"][33:])
    if choice == 5:
        data = bytearray(made[r.choice(["None.tif", "cmyk.tif", "float.tif", "lab.tif", "grey16.tif"])])
        (first,) = struct.unpack("<I", data[4:8])
        (count,) = struct.unpack("<H", data[first : first + 2])
        for _ in range(r.choice([1, 2])):
            data[first + 2 + 12 * r.randrange(count) + r.randrange(12)] = r.randrange(256)
        return Case("TIFF: its directory spoiled", "x.tif", bytes(data))
    if choice == 6:
        data = bytearray(made[r.choice(["a.jpg", "exif.png", "a.webp"])])
        place = data.find(b"II*\0") if b"II*\0" in data else data.find(b"MM\0*")
        for _ in range(r.choice([1, 4])):
            data[place + r.randrange(60)] = r.randrange(256)
        return Case("EXIF spoiled", "x.jpg", bytes(data))
    if choice == 7:
        data = bytearray(made["float.tif"])
        place = r.randrange(8, len(data) - 16)
        data[place : place + 16] = struct.pack("<4f", float("nan"), float("inf"), -3e38, 3e38)
        return Case("TIFF: NaN and infinity", "x.tif", bytes(data))
    return Case("PostScript", r.choice(["x.jpg", "x.eps"]), _POSTSCRIPT)


KIND = Kind(bases, case, read, most_memory=1_900_000_000)
