"""The face that is followed in a film."""

from __future__ import annotations

import numpy as np
import pytest

from core.face.face_mesh import FaceMesh


def test_the_largest_face_of_a_film_is_followed() -> None:
    """A small face in the middle of the picture, and a large one at its edge."""
    data = pytest.importorskip("skimage.data", reason="the standard photograph comes with scikit-image")
    face = data.astronaut()[:320, 80:400]
    picture = np.full((320, 900, 3), 90, np.uint8)
    picture[80:240, 200:360] = face[::2, ::2]
    picture[:, 580:] = face
    with FaceMesh(video=True, largest=True) as mesh:
        for _ in range(3):
            [found] = mesh.detect(picture)
            assert found[:, 0].min() > 580 and np.ptp(found[:, 0]) > 80
