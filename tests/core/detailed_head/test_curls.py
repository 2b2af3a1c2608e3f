"""How curly hair is: stripes, spots, and hair without a pattern."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from core.detailed_head.curls import curliness
from core.detailed_head.hair_texture import between

SIDE = 260


def curls_of(pattern: np.ndarray, covered: bool = True) -> float:
    """The curliness of a photograph with 11 pixels a centimetre, whose hair is this pattern."""
    level = np.clip(90 + 60 * pattern, 0, 255).astype(np.uint8)
    picture = np.repeat(level[..., None], 3, -1)
    portrait = SimpleNamespace(image=picture, focal=1100.0, translation=np.array([0, 0, -100.0]))
    regions = SimpleNamespace(hair=np.full((SIDE, SIDE), float(covered), np.float32))
    return curliness(portrait, regions)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((SIDE, SIDE))


@pytest.mark.parametrize("turn", [0, 30, 60, 90])
def test_strands_in_one_direction_are_straight(noise, turn):
    strands = ndimage.rotate(ndimage.gaussian_filter(noise, (30, 1.5), mode="wrap"), turn, reshape=False, mode="wrap")
    assert curls_of(strands / strands.std()) < 0.05


def test_spots_are_curls(noise):
    spots = ndimage.gaussian_filter(noise, 2.0, mode="wrap")
    assert curls_of(spots / spots.std()) > 0.8


def test_smooth_hair_and_too_little_hair_are_no_curls(noise):
    spots = ndimage.gaussian_filter(noise, 2.0, mode="wrap")
    spots /= spots.std()
    assert curls_of(0.02 * spots) == 0 and curls_of(spots, covered=False) == 0


def test_sizes_of_noise_lie_between_straight_and_curly():
    assert between((1.0, 100.0), (4.0, 4.0), 0.0) == (1.0, 100.0) and between((1.0, 100.0), (4.0, 4.0), 1.0) == (4, 4)
    assert between((1.0, 100.0), (4.0, 4.0), 0.5) == pytest.approx((2.0, 20.0))
