"""The stretches of a film that show one face without a break."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from core.readback.pieces import MAX_GAP, SHORTEST, BadClip, bridged, pieces
from tests.core.readback.shown_landmarks import still_face

LONGEST = 500


def test_short_gaps_are_bridged_and_long_ones_split() -> None:
    truth = still_face(120) + np.arange(120, dtype=np.float32)[:, None, None]
    found = np.ones(120, bool)
    found[20 : 20 + MAX_GAP] = False
    found[70 : 71 + MAX_GAP] = False
    found[:3] = False
    points, there = bridged(np.where(found[:, None, None], truth, -999), found)
    assert there[20 : 20 + MAX_GAP].all() and not there[70 : 71 + MAX_GAP].any() and not there[:3].any()
    np.testing.assert_allclose(points[there], truth[there], atol=1e-3)
    assert pieces(points, there) == [(3, 70), (71 + MAX_GAP, 120)]


def test_cuts_split_videos_and_long_videos_are_divided() -> None:
    points = still_face(3 * LONGEST)
    points[100:] += 80
    found = np.ones(len(points), bool)
    parts = pieces(points, found, LONGEST)
    assert parts[0] == (0, 100) and parts[1][0] == 100 and parts[-1][1] == len(points)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(parts))
    assert max(last - first for first, last in parts) <= LONGEST
    assert pieces(still_face(SHORTEST), np.ones(SHORTEST, bool)) == [(0, SHORTEST)]


def test_videos_without_a_steady_face_are_refused() -> None:
    with pytest.raises(BadClip, match="no face"):
        pieces(still_face(60), np.zeros(60, bool))
    flicker = np.arange(200) % 20 < 10
    with pytest.raises(BadClip, match="only 10 frames"):
        pieces(still_face(200), flicker)
