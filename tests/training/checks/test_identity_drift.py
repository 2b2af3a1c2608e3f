"""Drift of the identity during a take: known distances are measured, and a still picture doesn't drift."""

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from training.checks.identity_drift import distance, drift_of, still_identity, window_identities


def test_distances_of_a_steady_walk():
    portrait = torch.zeros(4)
    walk = torch.arange(5.0)[:, None] * torch.ones(4) * 0.1  # distances of 0, 0.1, … 0.4 in every coefficient
    drift = drift_of(walk, portrait)
    assert drift.drift == pytest.approx(0.4)
    assert drift.from_portrait == pytest.approx(0.2)
    assert drift.spread == pytest.approx((0.2 + 0.1 + 0 + 0.1 + 0.2) / 5)
    assert float(distance(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0]))) == pytest.approx(3.0)


def test_a_still_picture_does_not_drift_and_a_stretched_one_shows_another_person():
    data = pytest.importorskip("skimage.data")
    picture = np.ascontiguousarray(data.astronaut()[:300, 80:380])
    identities = window_identities([picture] * 10, window=5)
    assert identities.shape[0] == 2
    assert drift_of(identities, identities[0]).drift < 0.15
    cv2 = pytest.importorskip("cv2")
    stretched = cv2.resize(picture, (300, 380))
    assert float(distance(still_identity(stretched), still_identity(picture))) > 0.5


def test_frames_without_a_face_are_named():
    with pytest.raises(SoliloquyError) as lost:
        window_identities([np.zeros((128, 128, 3), np.uint8)] * 5, window=5)
    assert lost.value.code == "drift_no_face"
    with pytest.raises(SoliloquyError) as short:
        window_identities([np.zeros((128, 128, 3), np.uint8)] * 4, window=5)
    assert short.value.code == "drift_too_short"
