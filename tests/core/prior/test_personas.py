"""Personas: levels that are drawn for a take from people around a liveliness."""

import numpy as np
import pytest

from core.prior.told.levels import LEVELS
from core.prior.told.personas import LIVELIEST, READER, TALKER, centre_of, persona_levels, temperament_of
from core.wire.style import TEMPERAMENTS

TURNS = LEVELS.index("head turns")


def test_liveliness_goes_from_the_stillest_reader_to_the_liveliest_talker():
    for liveliness, wanted in ((-1.0, READER), (0.0, TALKER), (1.0, LIVELIEST)):
        np.testing.assert_allclose(centre_of(liveliness), wanted, rtol=1e-6)
    middle = (np.array(READER) + np.array(TALKER)) / 2
    np.testing.assert_allclose(centre_of(-0.5), middle, rtol=1e-5)
    assert centre_of(0.2).shape == (len(LEVELS),) and centre_of(0.2).dtype == np.float32


@pytest.mark.parametrize("liveliness", [-1.0, 0.0, 0.7])
def test_a_persona_is_the_same_for_a_number_and_personas_lie_around_the_centre(liveliness):
    np.testing.assert_array_equal(persona_levels(liveliness, 3), persona_levels(liveliness, 3))
    drawn = np.stack([persona_levels(liveliness, number) for number in range(2000)])
    away = drawn - centre_of(liveliness)
    assert np.abs(away.mean(axis=0)).max() < 0.06
    assert away.std(axis=0).min() > 0.4 and away.std(axis=0).max() < 1.0
    assert np.abs(away).max() < 3.0, "nobody is a caricature"
    together = np.corrcoef(away.T)
    assert together[TURNS, LEVELS.index("head speed")] > 0.5 > abs(together[TURNS, LEVELS.index("brows")]) + 0.3


def test_a_persona_keeps_what_is_its_own_at_every_liveliness():
    calm, lively = (persona_levels(liveliness, 5) - centre_of(liveliness) for liveliness in (-0.5, 0.5))
    np.testing.assert_allclose(calm, lively, atol=1e-5)


def test_words_grow_with_the_turns_of_the_head():
    found = [temperament_of(np.full(len(LEVELS), level, np.float32)) for level in (-3.0, -1.0, 1.0, 2.0, 3.0)]
    assert tuple(found) == TEMPERAMENTS
    usual = {temperament_of(persona_levels(0.0, number)) for number in range(40)}
    assert usual >= {"relaxed", "lively"}, "five takes look like several people"
