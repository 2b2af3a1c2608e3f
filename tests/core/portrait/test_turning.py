"""How far portraits may turn: the farther to a side, the better the photograph shows what comes into view there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.head.head_model import HeadModel
from core.portrait.portrait import Portrait
from core.portrait.turning import LEAST, MOST, SHARE, _Stretch, turning_limits


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.load()


def portrait(head: HeadModel, pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0, side: float = 0.0) -> Portrait:
    """The mean head at degrees of a pose, moved ``side`` cm to the picture's right."""
    return Portrait(
        image=np.zeros((512, 512, 3), np.uint8),
        landmarks=np.zeros((478, 3), np.float32),
        identity=np.zeros(head.identity_count, np.float32),
        expression=np.zeros(53, np.float32),
        rotation=np.radians([pitch, yaw, roll]).astype(np.float32),
        translation=np.array([side, 0, -90], np.float32),
        focal=1100.0,
        centre=np.array([256, 256], np.float32),
        crop=(0.0, 0.0, 512.0),
        residual=0.0,
        digest="",
    )


def test_a_face_from_the_front_turns_alike_to_both_sides(head: HeadModel) -> None:
    limits = turning_limits(head, portrait(head))
    assert limits.yaw[1] == pytest.approx(-limits.yaw[0], abs=1e-4)
    assert LEAST < limits.yaw[1] < MOST
    assert LEAST <= limits.pitch[1] <= MOST and LEAST <= -limits.pitch[0] <= MOST


def test_a_mirrored_portrait_has_mirrored_limits(head: HeadModel) -> None:
    limits = turning_limits(head, portrait(head, 4, 9, -6, 3))
    mirrored = turning_limits(head, portrait(head, 4, -9, 6, -3))
    np.testing.assert_allclose(mirrored.pitch, limits.pitch, atol=1e-4)
    np.testing.assert_allclose(mirrored.yaw, np.negative(limits.yaw[::-1]), atol=1e-4)


def test_a_face_that_looks_aside_turns_farther_to_that_side(head: HeadModel) -> None:
    front, aside = (turning_limits(head, portrait(head, yaw=yaw)) for yaw in (0, 10))
    assert aside.yaw[1] > front.yaw[1] and aside.yaw[1] > -aside.yaw[0]


def test_limits_do_not_depend_on_place_or_size_of_the_picture(head: HeadModel) -> None:
    small = portrait(head, 3, -5)
    large = replace(small, focal=3 * small.focal, centre=3 * small.centre + 40)
    one, other = turning_limits(head, small), turning_limits(head, large)
    np.testing.assert_allclose([one.pitch, one.yaw], [other.pitch, other.yaw], atol=1e-4)


def test_at_a_limit_the_share_is_the_one_that_may_be_stretched(head: HeadModel) -> None:
    measure = _Stretch(head, portrait(head))
    assert measure.share(1, measure.limit(1, 1)) == pytest.approx(SHARE, abs=0.01)
    assert measure.share(1, 0.0) < 0.01
