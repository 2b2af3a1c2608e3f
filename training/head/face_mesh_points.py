"""Find the places of mediapipe's 468 face-mesh points on our head model, from pictures of our own heads.

Random heads are rendered in random poses, and the face mesh is detected on them. The surface point behind each detected
point is known exactly. The place of a face-mesh point is the median over many heads, with left and right combined by
mirroring. Points of lips and eyelids are put on the model's own contours, at their share of the arc length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from core.face.face_mesh import FaceMesh
from core.face.points import (
    EYE_CORNERS,
    LID_RINGS,
    LIP_LINE,
    LIPS_INNER_RING,
    LIPS_OUTER_RING,
    MOUTH_CORNERS,
    OUTER_EYES,
)
from core.head.head_model import HeadModel

from .rendered_heads import RenderedHead, render_random_head
from .surface import closest_on_mesh

CHAINS = {
    "lips_outer": LIPS_OUTER_RING,
    "lips_inner": LIPS_INNER_RING,
    "eye_right": LID_RINGS[1],
    "eye_left": LID_RINGS[0],
}
"""Face-mesh points along the contours, from the person's right corner (eyes: the outer corner), upper edge first."""
SECOND_CORNER = {
    "lips_outer": MOUTH_CORNERS[1],
    "lips_inner": LIP_LINE[-1][0],
    "eye_right": EYE_CORNERS[1][1],
    "eye_left": EYE_CORNERS[0][1],
}
CORNER68 = {"lips_outer": 54, "lips_inner": 64, "eye_right": 39, "eye_left": 42}
"""The second corner of each contour, among the points of the face mesh and among the 68 landmarks."""
FLIP = np.array([-1.0, 1.0, 1.0])
HEADS = 160
SEED = 2
MIN_COSINE = 0.25
"""Smallest cosine between normal and line of sight. Surfaces seen at a flatter angle locate a point badly."""
NEAR_PIXELS = 5.0
"""A point this close to the surface's outline still counts as on it."""
MIN_SEEN = 10


@dataclass(frozen=True)
class MeshPoints:
    """Places of the 468 points in barycentric coordinates.

    Attributes
    ----------
    triangle, weights
        (468,) and (468, 3).
    spread
        (468,) centimetres: median distance between the places on single heads and the median place.
    heads
        Number of rendered heads on which a face was found.
    """

    triangle: np.ndarray
    weights: np.ndarray
    spread: np.ndarray
    heads: int


def surface_points(head: HeadModel, rendered: RenderedHead, detected: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(468, 3) points on the mean head behind detected pixels (468, 2); NaN for points that can't be trusted.

    ``skin`` (F,) says which triangles may carry points. Points on the side that is turned away are left out: they are
    guesses, and the surface behind their pixels may be the nose.
    """
    on_skin = (rendered.triangle >= 0) & skin[rendered.triangle] & (rendered.cosine > MIN_COSINE)
    distance, nearest = ndimage.distance_transform_edt(~on_skin, return_indices=True)
    column, row = np.clip(detected.astype(int), 0, rendered.triangle.shape[0] - 1).T
    near = distance[row, column] < NEAR_PIXELS
    row, column = nearest[0][row, column], nearest[1][row, column]
    corners = head.mean.numpy()[head.triangles.numpy()[rendered.triangle[row, column]]]  # (468, 3, 3)
    points = np.einsum("nk,nkc->nc", rendered.barycentric[row, column], corners)
    turned_away = points[:, 0] * rendered.rotation[1] > 0.1 * np.abs(points[:, 0])
    points[~near | turned_away] = np.nan
    return points


def mirror_pairs(points: np.ndarray) -> np.ndarray:
    """(468,) partner of each point on the other side: the best match between points (468, 3) and their mirror image."""
    cost = np.linalg.norm((points * FLIP)[:, None] - points[None], axis=-1)
    result = linear_sum_assignment(cost)[1]
    if (result[result] != np.arange(len(points))).any():
        raise ValueError("the detected points are not symmetric enough to be paired")
    return result


def _arc(points: np.ndarray) -> np.ndarray:
    """Arc length from the first point of a polyline to each point, as a fraction of the whole length."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return length / length[-1]


def _along(chain: list[int], vertices: np.ndarray, fraction: float) -> tuple[int, int, float]:
    """Edge (a, b) of a chain of vertices, and how far from a to b, at a fraction of its length."""
    arc = _arc(vertices[chain])
    step = int(np.clip(np.searchsorted(arc, fraction, side="right") - 1, 0, len(chain) - 2))
    return chain[step], chain[step + 1], float(np.clip((fraction - arc[step]) / (arc[step + 1] - arc[step]), 0, 1))


def _put_on_contours(
    head: HeadModel, shape: np.ndarray, rows: np.ndarray, triangle: np.ndarray, weights: np.ndarray
) -> None:
    """Overwrite the places of the contours' points. ``shape`` (468, 3) gives their shares of the arc length."""
    triangles, mean = head.triangles.numpy(), head.mean.numpy()
    edge_triangle = {
        edge: int(row)
        for row in rows
        for edge in (tuple(sorted((triangles[row, i], triangles[row, i - 2]))) for i in range(3))
    }
    for name, chain in CHAINS.items():
        loop = getattr(head, f"contour_{name}").tolist()
        middle = chain.index(SECOND_CORNER[name])
        corner = loop.index(int(head.landmarks68[CORNER68[name]]))
        halves = ((chain[: middle + 1], loop[: corner + 1]), (chain[middle:] + chain[:1], [*loop[corner:], loop[0]]))
        for marks, path in halves:
            for point, fraction in zip(marks, _arc(shape[list(marks)]), strict=True):
                a, b, t = _along(path, mean, fraction)
                row = edge_triangle[min(a, b), max(a, b)]
                corners = triangles[row].tolist()
                triangle[point] = row
                weights[point] = 0
                weights[point, corners.index(a)], weights[point, corners.index(b)] = 1 - t, t


def _mirror_left(
    head: HeadModel, partner: np.ndarray, triangle: np.ndarray, weights: np.ndarray, x: np.ndarray
) -> None:
    """Make the person's left side the exact mirror image of the right side."""
    triangles, symmetry = head.triangles.numpy(), head.symmetry.numpy()
    row_of = {tuple(sorted(corners)): row for row, corners in enumerate(triangles.tolist())}
    for point in np.flatnonzero((x < x[partner]) & (partner != np.arange(468))):
        corners = symmetry[triangles[triangle[point]]]
        row = row_of[tuple(sorted(corners.tolist()))]
        other = partner[point]
        triangle[other] = row
        for corner, weight in zip(corners.tolist(), weights[point], strict=True):
            weights[other, triangles[row].tolist().index(corner)] = weight


def place_points(head: HeadModel, heads: int = HEADS, seed: int = SEED) -> MeshPoints:
    """Place the 468 points on a head model. The model's own ``mesh468`` is not used.

    Raises ``ValueError`` if the face mesh finds too few of the rendered faces.
    """
    rng = np.random.default_rng(seed)
    detector = FaceMesh(video=False)
    skin = np.isin(np.arange(len(head.triangles)), head.part_triangles("skin", "lips").numpy())
    seen, shapes = [], []
    for _ in range(heads):
        rendered = render_random_head(head, rng)
        found = detector.detect(rendered.image)
        if len(found) != 1:
            continue
        seen.append(surface_points(head, rendered, found[0][:468, :2], skin))
        shapes.append(found[0][:468] * (1.0, -1.0, -1.0))
    places = np.array(seen)  # (heads, 468, 3)
    count = np.isfinite(places[..., 0]).sum(0) if len(places) else np.zeros(468, int)
    if count.min() < MIN_SEEN:
        raise ValueError(f"{int((count < MIN_SEEN).sum())} points were seen on fewer than {MIN_SEEN} rendered heads")
    middle = np.nanmedian(places, axis=0)
    partner = mirror_pairs(middle)
    both = np.concatenate([places, places[:, partner] * FLIP])
    middle = np.nanmedian(both, axis=0)
    spread = np.nanmedian(np.linalg.norm(both - middle, axis=-1), axis=0)
    own = partner == np.arange(468)
    middle[own, 0] = 0.0
    rows = np.flatnonzero(skin)
    found_row, weights, _ = closest_on_mesh(middle, head.mean.numpy().astype(float), head.triangles.numpy()[rows])
    triangle = rows[found_row]
    frontal = np.median([align_upright(shape) for shape in shapes], axis=0)
    _put_on_contours(head, 0.5 * (frontal + frontal[partner] * FLIP), rows, triangle, weights)
    _mirror_left(head, partner, triangle, weights, middle[:, 0])
    return MeshPoints(triangle, weights, spread, len(places))


def align_upright(shape: np.ndarray) -> np.ndarray:
    """Detected mesh (468, 3) turned to the front, with level eye corners at distance 1 and their middle at zero."""
    right, left = OUTER_EYES
    across = shape[left] - shape[right]
    scale = np.linalg.norm(across)
    x = across / scale
    up = shape[168] - shape[17]
    y = up - (up @ x) * x
    y /= np.linalg.norm(y)
    frame = np.stack([x, y, np.cross(x, y)])
    return (shape - 0.5 * (shape[right] + shape[left])) @ frame.T / scale
