"""The comparison of motion sources and renderers: readings, and the table."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from core.motion.motion import Motion
from training.checks.system_readings import Reading, Seen, head_deviation
from training.checks.systems import Row, mean_of, table
from training.generator.measurement import FRECHET_NAME


def reading(value: float) -> Reading:
    return Reading(*(value + k for k in range(7)))


def test_a_lost_face_keeps_its_last_place_and_too_many_are_refused():
    face, nothing = skimage.data.astronaut(), np.full((512, 512, 3), 128, np.uint8)
    seen = Seen.of([face] * 11 + [nothing])
    assert seen.landmarks.shape == (12, 478, 3)
    np.testing.assert_array_equal(seen.landmarks[11], seen.landmarks[10])
    assert (seen.opening[1:] < 0.5).all() and len(seen.of_length(5).pictures) == 5
    with pytest.raises(ValueError, match="no face in 2 of 3"):
        Seen.of([face, nothing, nothing])
    with pytest.raises(ValueError, match="first picture"):
        Seen.of([nothing, face])


def test_head_deviation_is_that_of_the_three_axes():
    rotation = np.zeros((4, 3), np.float32)
    rotation[:, 1] = np.deg2rad([-6, 6, -6, 6])
    still = np.zeros((4, 3), np.float32)
    assert head_deviation(Motion(np.zeros((4, 53), np.float32), rotation, still)) == pytest.approx(6 / 3**0.5, rel=1e-5)


def test_the_table_compares_with_the_films_own_confidence():
    rows = {"film": Row(reading(0.4)), "a + b": Row(reading(0.2), 0.71, 1.1, 3.0, 2.0, 20.0, 1.5)}
    shown = table(rows, 11, FRECHET_NAME)
    by_name = dict(zip(shown.columns, shown.rows[1], strict=True))
    assert (by_name["S_c = LSE-C"], by_name["N_c"], by_name["opening"]) == ("0.200", "0.50", "0.71")
    assert shown.rows[0][shown.columns.index("opening")] == "–"
    assert shown.rows[0][shown.columns.index("N_c")] == "0.00"


def test_the_frechet_distance_has_the_name_of_its_features():
    rows = {"a + b": Row(reading(0.2), frechet=0.0312)}
    by_filters, by_inception = (table(rows, 11, name) for name in (FRECHET_NAME, "FID (Inception v3)"))
    assert by_filters.rows[0][by_filters.columns.index("1000 FD")] == "31.2"
    assert by_inception.rows[0][by_inception.columns.index("FID")] == "0.0"
    assert "FID: Fréchet distance, FID (Inception v3)." in by_inception.notes[0]


def test_means_leave_out_what_is_unknown():
    unknown = Reading(*([float("nan")] * 6), 3.0)
    assert mean_of([reading(1.0), unknown]).sync_confidence == 1.0
    assert mean_of([reading(1.0), unknown]).beats == 5.0
