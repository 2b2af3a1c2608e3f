"""Pictures are read as they look: colour profiles, the formats of phones, transparency, high dynamic range."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from core.errors import BadInputError
from core.portrait.picture import decode
from tests.core.portrait import profiles


def encoded(picture: Image.Image | np.ndarray, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(stream, form, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    """The standard photograph, a little less saturated, so that every space can hold its colours."""
    image = pytest.importorskip("skimage.data", reason="it comes with scikit-image").astronaut()[40:240, 120:320]
    return (image * 0.8 + 25).astype(np.uint8)


def misses(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.quantile(np.abs(found.astype(int) - wanted), 0.999))


@pytest.mark.parametrize(("space", "gamma"), [(profiles.ADOBE, 563 / 256), (profiles.P3, 2.2), (profiles.SRGB, 1.0)])
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_profiles_are_honoured(space: tuple, gamma: float, form: str, photograph: np.ndarray) -> None:
    numbers = profiles.in_space(photograph, space, gamma)
    content = encoded(
        numbers, form, icc_profile=profiles.rgb(space, gamma), **({"lossless": True} if form == "WEBP" else {})
    )
    limit = 2 if gamma > 1 else 12  # linear numbers of eight bits have few levels in the shadows
    assert misses(decode(content, "p").image, photograph) <= limit < misses(numbers, photograph)


def test_a_profile_of_srgb_changes_nothing(photograph: np.ndarray) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = encoded(photograph, "JPEG", icc_profile=profile, quality=90)
    assert np.array_equal(decode(content, "p").image, np.asarray(Image.open(io.BytesIO(content))))


def test_cmyk_and_grey_with_profiles(photograph: np.ndarray) -> None:
    wanted = photograph.astype(float) / 255
    inked = profiles.decoded(wanted) ** (1 / 1.8)
    key = 1 - inked.max(-1, keepdims=True)
    inks = np.concatenate([1 - inked / np.maximum(1 - key, 1e-6), key], -1)
    picture = Image.fromarray(np.round(inks * 255).astype(np.uint8), "CMYK")
    for form in ("TIFF", "JPEG"):
        content = encoded(picture, form, icc_profile=profiles.cmyk(), **({"quality": 98} if form == "JPEG" else {}))
        found = decode(content, "p").image
        assert (
            np.abs(found.astype(int) - photograph).mean() < 3 < misses(np.asarray(picture.convert("RGB")), photograph)
        )
    light = np.asarray(Image.fromarray(photograph).convert("L"))
    numbers = np.round(255 * profiles.decoded(light / 255) ** (1 / 1.8)).astype(np.uint8)
    found = decode(encoded(numbers, "PNG", icc_profile=profiles.grey(1.8)), "p").image
    assert misses(found[..., 1], light) <= 2 < misses(numbers, light)


@pytest.mark.parametrize("spoil", ["empty", "short", "other kind", "cut", "zeros", "noise"])
def test_broken_profiles_are_ignored(spoil: str, photograph: np.ndarray) -> None:
    good = profiles.rgb(profiles.ADOBE, 2.2)
    noise = np.random.default_rng(0).integers(0, 256, len(good) - 128, dtype=np.uint8).tobytes()
    bad = {
        "empty": b"",
        "short": good[:60],
        "other kind": profiles.cmyk(),
        "cut": good[:300],
        "zeros": good[:128] + bytes(300),
    }
    content = encoded(photograph, "PNG", icc_profile=bad.get(spoil, good[:128] + noise))
    assert np.array_equal(decode(content, "p").image, photograph)


def test_transparency_is_kept(photograph: np.ndarray) -> None:
    alpha = np.tile(np.linspace(0, 255, 200).astype(np.uint8), (200, 1))
    layered = Image.fromarray(np.dstack([photograph, alpha]))
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = decode(encoded(layered, "PNG"), "p")
    assert pixels.alpha is not None and np.array_equal(pixels.alpha, alpha)
    assert (pixels.image[:, 0] == 128).all() and np.array_equal(pixels.image[:, -1], photograph[:, -1])
    turned = decode(encoded(layered, "PNG", exif=exif.tobytes()), "p")
    assert turned.alpha is not None and np.array_equal(turned.alpha, np.rot90(alpha, 3))
    assert decode(encoded(Image.fromarray(photograph).convert("RGBA"), "PNG"), "p").alpha is None
    wide = decode(encoded(layered, "PNG", icc_profile=profiles.rgb(profiles.P3, 2.2)), "p")
    assert wide.alpha is not None and np.array_equal(wide.alpha, alpha)


def test_heic_of_phones(photograph: np.ndarray) -> None:
    heif = pytest.importorskip("pillow_heif", reason="reads HEIC")
    heif.register_heif_opener()
    numbers = profiles.in_space(photograph, profiles.P3, 2.2)
    exif = Image.Exif()
    exif[0x0112] = 6  # pillow-heif writes it as the container's own rotation, as phones do
    content = encoded(numbers, "HEIF", quality=95, icc_profile=profiles.rgb(profiles.P3, 2.2), exif=exif.tobytes())
    found = decode(content, "p.heic").image
    assert np.abs(found.astype(int) - np.rot90(photograph, 3)).mean() < 3
    layered = Image.fromarray(np.dstack([photograph, np.full((200, 200), 90, np.uint8)]))
    alpha = decode(encoded(layered, "HEIF", quality=95), "p.heic").alpha
    assert alpha is not None and abs(int(alpha.mean()) - 90) <= 2
    with pytest.raises(BadInputError) as caught:
        decode(content[: len(content) // 2], "p.heic")
    assert caught.value.code in ("portrait_damaged", "portrait_not_image")


def test_a_huge_heic_is_refused_by_its_header(photograph: np.ndarray) -> None:
    heif = pytest.importorskip("pillow_heif", reason="reads HEIC")
    heif.register_heif_opener()
    content = bytearray(encoded(photograph, "HEIF"))
    place = content.find(b"ispe") + 8
    content[place : place + 8] = (30_000).to_bytes(4, "big") * 2
    with pytest.raises(BadInputError) as caught:
        decode(bytes(content), "p.heic")
    assert caught.value.code in ("portrait_too_large", "portrait_not_image", "portrait_damaged")


def test_high_dynamic_range_is_refused_with_its_reason(photograph: np.ndarray) -> None:
    heif = pytest.importorskip("pillow_heif", reason="writes such pictures")
    heif.register_heif_opener()
    options = {"matrix_coefficients": 9, "color_primaries": 9, "transfer_characteristics": 16, "full_range_flag": 1}
    png = encoded(photograph, "PNG")
    chunk = b"\0\0\0\4cICP" + bytes([9, 18, 0, 1])
    chunk += zlib.crc32(chunk[4:]).to_bytes(4, "big")
    contents = [
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 2\n",
        b"\x76\x2f\x31\x01" + bytes(60),
        png[:33] + chunk + png[33:],
    ]
    contents.append(encoded(photograph, "HEIF", save_nclx_profile=True, **options))
    for content in contents:
        with pytest.raises(BadInputError) as caught:
            decode(content, "p")
        assert caught.value.code == "portrait_hdr"
    options["transfer_characteristics"] = 13
    assert decode(encoded(photograph, "HEIF", save_nclx_profile=True, **options), "p").image.shape == photograph.shape
