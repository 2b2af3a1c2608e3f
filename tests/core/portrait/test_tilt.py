"""The tilt of a face, and the square around a tilted head."""

from __future__ import annotations

import numpy as np
import pytest

from core.portrait.fit import fit_portrait, head_crop
from core.portrait.tilt import LEAST_TILT, tilt, turn_matrix, turn_to_undo, turned


@pytest.fixture(scope="module")
def landmarks() -> np.ndarray:
    """Landmarks of scikit-image's test photograph, turned so that the face is upright."""
    data = pytest.importorskip("skimage.data")
    points = fit_portrait(data.astronaut()).landmarks[:, :2].astype(np.float64)
    assert abs(tilt(points)) < LEAST_TILT
    return turned(points, -tilt(points))


@pytest.mark.parametrize("degrees", range(-180, 180, 15))
def test_a_face_is_turned_back_to_upright(landmarks, degrees):
    angle = np.radians(degrees)
    found = turn_to_undo(turned(landmarks, angle))
    assert np.degrees(abs(np.angle(np.exp(1j * (found - angle))))) < 1e-6
    np.testing.assert_allclose(turned(turned(landmarks, angle), -found), landmarks, atol=1e-6)


@pytest.mark.parametrize("quarters", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("degrees", [-7.9, -1, 3, 7.9])
def test_nearly_upright_faces_need_whole_quarter_turns_only(landmarks, quarters, degrees):
    found = turn_to_undo(turned(landmarks, np.radians(90 * quarters + degrees)))
    assert found == pytest.approx(np.radians(90 * quarters)) or (abs(quarters) == 2 and abs(found) == np.pi)
    assert set(np.abs(turn_matrix(found)).ravel()) == {0.0, 1.0}


@pytest.mark.parametrize("degrees", [-135, -90, -30, 12, 45, 90, 180])
def test_the_square_turns_with_the_face(landmarks, degrees):
    x, y, side = head_crop(landmarks)
    angle = np.radians(degrees)
    turned_x, turned_y, turned_side = head_crop(turned(landmarks, angle))
    assert turned_side == pytest.approx(side)
    middle = turned(np.array([x + side / 2, y + side / 2]), angle)
    np.testing.assert_allclose([turned_x + side / 2, turned_y + side / 2], middle, atol=1e-6)
