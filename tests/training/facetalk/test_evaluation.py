"""Measures of takes: trembling is what is fast, and takes are apart by how much they differ."""

import numpy as np
import pytest

from core.motion.channels import CHANNELS
from training.facetalk.evaluation import SPREAD_COLUMNS, spread, spread_cells, trembling


def take(frames=250, **channels):
    made = np.zeros((frames, len(CHANNELS)), np.float32)
    for name, values in channels.items():
        made[:, CHANNELS.index(name)] = values
    return made


def swing(hertz, degrees, frames=250):
    return np.radians(degrees) * np.sin(2 * np.pi * hertz * np.arange(frames) / 25)


def test_only_fast_movement_of_the_head_is_trembling():
    assert trembling(take(headYaw=swing(10, 0.1))) == pytest.approx(0.1 / np.sqrt(2), rel=0.1)
    assert trembling(take(headYaw=swing(1, 5.0))) < 0.01
    assert trembling(take(jawOpen=0.3 + swing(10, 5.0))) == 0


def test_two_takes_are_apart_by_their_difference():
    found = spread([[take(jawOpen=0.1, browDown_L=0.4), take(jawOpen=0.3, browDown_L=0.4)]])
    assert found["jaws apart"] == pytest.approx(0.2, rel=1e-5)
    assert found["brows apart"] == found["heads apart"] == found["turned"] == found["speed"] == 0
    assert tuple(found) == SPREAD_COLUMNS and spread_cells(found)[-1] == "0.200"


def test_spread_is_the_median_over_sounds():
    pairs = [[take(), take(jawOpen=size)] for size in (0.1, 0.2, 0.9)]
    assert spread(pairs)["jaws apart"] == pytest.approx(0.2, rel=1e-5)
