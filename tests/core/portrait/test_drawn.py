"""Drawn faces are refused as drawn, whatever their paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.core.portrait.test_portrait import refused


@pytest.mark.parametrize("fill", [(255, 220, 0), (255, 255, 255)])
def test_cartoon_is_refused(fill: tuple[int, int, int], tmp_path: Path) -> None:
    picture = Image.new("RGB", (500, 500), (255, 255, 255))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((100, 80, 400, 420), fill=fill, outline=(0, 0, 0), width=6)
    for x in (190, 290):
        draw.ellipse((x - 20, 180, x + 40, 240), fill=(255, 255, 255), outline=(0, 0, 0), width=4)
        draw.ellipse((x, 200, x + 16, 216), fill=(0, 0, 0))
    draw.arc((180, 250, 320, 350), 20, 160, fill=(0, 0, 0), width=8)
    picture.save(tmp_path / "p.png")
    assert refused(tmp_path / "p.png") == "portrait_drawn"
    picture.save(tmp_path / "p.jpg", quality=60)
    assert refused(tmp_path / "p.jpg") == "portrait_drawn"
