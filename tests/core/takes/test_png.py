"""PNGs are read as they were written, by other programs too."""

from __future__ import annotations

import io
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from core.takes.png import encode_png
from core.takes.png_marks import marked_again


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.fixture(params=["isal", "zlib"], autouse=True)
def packer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the fast packer and without it."""
    if request.param == "isal":
        pytest.importorskip("isal")
    else:
        monkeypatch.setitem(sys.modules, "isal", None)


@pytest.mark.parametrize("shape", [(33, 47, 3), (33, 47, 4), (1, 1, 3), (2, 2160, 3)])
def test_a_png_is_read_bit_for_bit(shape: tuple[int, int, int]) -> None:
    pixels = picture(*shape)
    data = encode_png(pixels, {"Software": "Soliloquy"})
    assert data == encode_png(pixels, {"Software": "Soliloquy"})
    with Image.open(io.BytesIO(data)) as opened:
        assert np.array_equal(np.asarray(opened), pixels) and opened.text == {"Software": "Soliloquy"}
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read[..., [2, 1, 0, 3][: shape[2]]], pixels)


def test_a_view_is_written_like_a_copy() -> None:
    pixels = picture(20, 3, 24).transpose(0, 2, 1)
    assert encode_png(pixels, {}) == encode_png(np.ascontiguousarray(pixels), {})


def test_marks_can_be_replaced() -> None:
    pixels = picture(12, 10, 3)
    assert marked_again(encode_png(pixels, {"a": "b"}), {"c": "d"}, (12, 10)) == encode_png(pixels, {"c": "d"})


def test_smooth_pictures_get_small() -> None:
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 256, 3))
    assert len(encode_png(ramp, {})) < 5_000
