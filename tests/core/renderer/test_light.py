"""The colour of white in a portrait's light: teeth and eyes are as bright as the photograph allows."""

from __future__ import annotations

import pytest
import torch

from core.renderer.light import WHITE_RANGE, _white


def white_of(skin: float, sclera: float | None) -> float:
    """Brightness of white beside skin of a brightness, with eye openings of another one, or too small to be read."""
    picture = torch.full((1, 3, 20, 20), skin)
    mask = torch.zeros(20, 20, dtype=torch.bool)
    if sclera is not None:
        mask[5:12, 5:12] = True
        picture[..., 5:12, 5:12] = sclera
    return float(_white(picture, mask, torch.full((3,), skin)).max())


@pytest.mark.parametrize("exposure", [0.1, 0.2, 0.35])
@pytest.mark.parametrize("seen", [True, False])
def test_teeth_do_not_glow_in_a_dark_photograph(exposure: float, seen: bool) -> None:
    skin, sclera = 0.75 * exposure, 0.8 * exposure
    assert max(skin, sclera) < white_of(skin, sclera if seen else None) < 1.8 * max(skin, sclera)


def test_dark_skin_in_good_light_has_white_teeth() -> None:
    assert white_of(0.3, 0.6) == pytest.approx(0.66)
    assert white_of(0.3, 0.4) == pytest.approx(WHITE_RANGE[0])
    assert white_of(0.9, 0.95) == WHITE_RANGE[1]
