"""The face view shows a face at the same place, for any size, rotation and position of the face in the frame."""

import cv2
import numpy as np
import pytest
import torch

from core.face.face_view import (
    ANCHORS,
    VIEW_SIDE,
    anchor_points,
    clip_similarity,
    face_view,
    from_view,
    network_input,
    sampling_theta,
    to_view,
)

FACE = np.array([[-30.0, 0.0], [30.0, 0.0], [0.0, 68.0]])
"""Eyes and mouth of a made-up face in pixels, relative to the middle between its eyes."""
CORNERS = ((33, 133), (263, 362), (61, 291))
CORNER = np.array([8.0, 1.0])


def landmarks_of(places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """478 landmarks: random, except for the corners around three places (3, 2)."""
    points = rng.uniform(0, 400, (478, 2))
    for (first, second), place in zip(CORNERS, places, strict=True):
        points[first], points[second] = place - CORNER, place + CORNER
    return points


def turned(angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * FACE @ turn.T + shift


@pytest.mark.parametrize(
    ("angle", "scale", "shift"), [(0, 1, (200, 180)), (0.4, 2.5, (900, 300)), (-0.3, 0.4, (60, 50))]
)
def test_a_face_at_any_place_gives_the_same_view(angle, scale, shift):
    rng = np.random.default_rng(0)
    upright = to_view(FACE, clip_similarity(landmarks_of(FACE, rng)))
    places = turned(angle, scale, shift)
    np.testing.assert_allclose(to_view(places, clip_similarity(landmarks_of(places, rng))), upright, atol=1e-6)
    # The made-up face has about the proportions that the anchors were chosen for.
    assert np.abs(upright / VIEW_SIDE - ANCHORS).max() < 0.03


def test_it_is_the_best_similarity():
    """No small change of scale, rotation or shift brings the points closer to the anchors."""
    rng = np.random.default_rng(1)
    points = landmarks_of(FACE + rng.normal(0, 6, (3, 2)) + 150, rng)
    best = clip_similarity(points)

    def distance(similarity):
        return float(((to_view(anchor_points(points), similarity, 1) - ANCHORS) ** 2).sum())

    for _ in range(50):
        a, b, x, y = rng.normal(0, 1e-4, 4)
        assert distance(best + np.array([[a, -b, x], [b, a, y]])) > distance(best)


def test_a_clip_has_one_view_from_its_average():
    rng = np.random.default_rng(2)
    clip = np.stack([landmarks_of(FACE + shift + 150, rng) for shift in ([0, 0], [12, -4], [-12, 4])])
    np.testing.assert_allclose(clip_similarity(clip), clip_similarity(landmarks_of(FACE + 150, rng)), atol=1e-9)


def test_from_view_inverts_to_view():
    similarity = clip_similarity(landmarks_of(turned(0.2, 1.7, (300, 260)), np.random.default_rng(3)))
    points = np.random.default_rng(4).uniform(0, 500, (20, 2))
    np.testing.assert_allclose(from_view(to_view(points, similarity, 96), similarity, 96), points, atol=1e-9)


@pytest.mark.parametrize("scale", [0.6, 1.0, 3.2])
def test_pixels_move_like_points(scale):
    """A bright spot around a point of the frame appears where ``to_view`` puts the point, to a fifth of a pixel."""
    places = turned(0.25, scale, (420, 380))
    similarity = clip_similarity(landmarks_of(places, np.random.default_rng(5)))
    y, x = np.mgrid[0:800, 0:900] + 0.5
    radius = 3.0 / (VIEW_SIDE * np.hypot(*similarity[:, 0]))
    for place in places:
        spot = 250 * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * radius**2))
        view = face_view(np.repeat(spot[..., None], 3, 2).round().astype(np.uint8), similarity)[..., 1].astype(float)
        ys, xs = np.mgrid[0:VIEW_SIDE, 0:VIEW_SIDE] + 0.5
        found = np.array([(view * xs).sum(), (view * ys).sum()]) / view.sum()
        np.testing.assert_allclose(found, to_view(place, similarity), atol=0.2)


def test_fine_texture_is_smoothed_not_aliased():
    """A checkerboard of single pixels is grey at a fifth of its size."""
    board = (np.indices((900, 900)).sum(0) % 2 * 255).astype(np.uint8)
    similarity = clip_similarity(landmarks_of(turned(0.1, 3.0, (450, 400)), np.random.default_rng(6)))
    view = face_view(np.repeat(board[..., None], 3, 2), similarity)
    assert abs(view.mean() - 127.5) < 3
    assert view.std() < 6


def test_a_face_at_the_edge_keeps_its_place():
    """A view that reaches past the frame repeats its edge, and shows the rest at the usual place."""
    rng = np.random.default_rng(7)
    frame = cv2.GaussianBlur(rng.integers(0, 256, (400, 400, 3)).astype(np.uint8), (0, 0), 4)
    padded = np.pad(frame, ((200, 200), (200, 200), (0, 0)), mode="edge")
    places = turned(0, 1.2, (40, 60))
    edge = face_view(frame, clip_similarity(landmarks_of(places, rng)))
    inside = face_view(padded, clip_similarity(landmarks_of(places + 200, rng)))
    assert np.abs(edge.astype(int) - inside).max() <= 1


def test_views_through_torch_are_the_same():
    rng = np.random.default_rng(8)
    frame = cv2.GaussianBlur(rng.integers(0, 256, (300, 420, 3)).astype(np.uint8), (0, 0), 5)
    points = landmarks_of(turned(-0.2, 0.9, (200, 120)), rng)
    similarity = clip_similarity(points)
    theta = torch.from_numpy(sampling_theta(similarity, frame.shape[:2]))[None]
    grid = torch.nn.functional.affine_grid(theta, [1, 3, VIEW_SIDE, VIEW_SIDE], align_corners=False)
    tensor = torch.from_numpy(network_input(frame[None]))
    sampled = torch.nn.functional.grid_sample(tensor, grid, padding_mode="border", align_corners=False)
    expected = network_input(face_view(frame, similarity)[None])
    assert np.abs(sampled.numpy() - expected).max() < 0.02


def test_only_two_schemes_of_landmarks_are_accepted():
    points = np.zeros((68, 2))
    for (first, second), place in zip(((36, 39), (45, 42), (48, 54)), FACE, strict=True):
        points[first], points[second] = place - 4, place + 4
    np.testing.assert_allclose(clip_similarity(points), clip_similarity(landmarks_of(FACE, np.random.default_rng(9))))
    with pytest.raises(ValueError, match="70 points"):
        clip_similarity(np.zeros((70, 2)))
