"""Hair before blue, green and other backdrops."""

from __future__ import annotations

import numpy as np
import pytest

from core.neural_head.spill import without_spill

BLUE, GREEN, BROWN, SLATE = (60, 90, 230), (40, 170, 60), (150, 110, 70), (110, 118, 130)


def without(colour: tuple[int, int, int], backdrop: tuple[int, int, int] | None) -> np.ndarray:
    found = without_spill(np.array([[colour]]), None if backdrop is None else np.array(backdrop, np.float32))
    assert found.shape == (1, 1, 3) and found.dtype == np.float32
    return found[0, 0]


def test_grey_hair_before_blue_is_grey():
    found = without((113, 122, 143), BLUE)
    assert np.ptp(found) < 8 and found.mean() == pytest.approx(122, abs=6)


def test_grey_hair_before_green_is_grey():
    red, green, _ = without((115, 140, 115), GREEN)
    assert green <= red < green + 10


@pytest.mark.parametrize("backdrop", [BLUE, GREEN])
@pytest.mark.parametrize("colour", [(90, 55, 35), (200, 170, 120), (120, 120, 120)])
def test_natural_hair_stays(colour, backdrop):
    np.testing.assert_allclose(without(colour, backdrop), colour, atol=1.5)


@pytest.mark.parametrize("backdrop", [BROWN, SLATE, None])
def test_blue_hair_stays_before_other_backdrops(backdrop):
    np.testing.assert_array_equal(without((40, 70, 200), backdrop), (40, 70, 200))
