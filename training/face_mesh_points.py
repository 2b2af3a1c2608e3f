"""Where mediapipe's 468 face-mesh points lie on our head model.

The wheel carries no canonical mesh, so its shape is the average of those detected on frontal portraits. The head model
is fitted to that average by known pairs. Points of lips and eyelids go on the model's own contours, at their share of the
arc length; the others are bent after them by a thin-plate spline and drop on the nearest skin. Left and right mirror
each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.interpolate import RBFInterpolator
from scipy.optimize import linear_sum_assignment

from training.surface import closest_on_mesh

PAIRS68 = np.array(
    [162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107]
    + [336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387]
    + [263, 373, 380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87]
)
"""Face-mesh point of each of the 68 landmarks."""
LIPS_OUTER_CHAIN = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
LIPS_INNER_CHAIN = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
EYE_RIGHT_CHAIN = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
EYE_LEFT_CHAIN = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
"""Face-mesh points along the contours, from the person's right (eye chains: from the outer corner), upper edge first."""
FITTED = np.array([*range(17, 61), 62, 64, 66])
"""Landmarks whose pairs are trusted: not the jaw's, which slide along the outline, nor four of the inner lips, which lie
between two points of the face mesh."""
OFF_CONTOUR = np.arange(17, 36)
"""Landmarks of brows and nose."""
MAX_YAW_SHIFT = 0.06
"""Portraits whose nose lies further off the middle of the eye corners (in outer-eye distances) aren't frontal."""


MIRROR68 = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36]
    + [41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)
"""The landmark on the other side of each of the 68."""
FLIP = np.array([-1.0, 1.0, 1.0])
CHAINS = {
    "lips_outer": LIPS_OUTER_CHAIN,
    "lips_inner": LIPS_INNER_CHAIN,
    "eye_right": EYE_RIGHT_CHAIN,
    "eye_left": EYE_LEFT_CHAIN,
}
SECOND_CORNER = {"lips_outer": 291, "lips_inner": 308, "eye_right": 133, "eye_left": 362}
CORNER68 = {"lips_outer": 54, "lips_inner": 64, "eye_right": 39, "eye_left": 42}
"""The contour's second corner among the face mesh's points and among the 68 landmarks."""
EXPRESSION_SPREAD = 0.4
"""Prior standard deviation of an expression weight in an official portrait."""
LANDMARK_SIGMA_CM = 0.1


@dataclass(frozen=True)
class MeshPoints:
    """Barycentric places of the 468 points.

    Attributes
    ----------
    triangle, weights
        (468,) and (468, 3).
    distance
        (n,) centimetres from the warped average mesh to the surface, for the points off the contours.
    """

    triangle: np.ndarray
    weights: np.ndarray
    distance: np.ndarray


def align_similarity(points: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Points (n, 3) turned, scaled and moved onto target (n, 3) in the least-squares sense (Umeyama, 1991)."""
    scale, rotation, shift = similarity(points, target, weight)
    return scale * points @ rotation.T + shift


def similarity(
    points: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None
) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation (3, 3), shift (3,) of the best similarity from points to target."""
    w = np.ones(len(points)) if weight is None else weight
    w = (w / w.sum())[:, None]
    a, b = (w * points).sum(0), (w * target).sum(0)
    u, s, vt = np.linalg.svd((w * (target - b)).T @ (points - a))
    flip = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ flip @ vt
    scale = (s * np.diag(flip)).sum() / (w * (points - a) ** 2).sum()
    return float(scale), rotation, b - scale * rotation @ a


def average_face_mesh(portraits: list[Path]) -> tuple[np.ndarray, int]:
    """Mean detected mesh (478, 3) of the frontal portraits, x right, y up, z to the viewer, outer-eye distance 1."""
    from core.face_mesh import FaceMesh

    detector = FaceMesh(video=False)
    meshes = []
    for path in portraits:
        found = detector.detect(np.asarray(Image.open(path).convert("RGB")))
        if len(found) != 1:
            continue
        mesh = found[0] * (1.0, -1.0, -1.0)
        width = np.linalg.norm(mesh[263, :2] - mesh[33, :2])
        if abs(mesh[4, 0] - 0.5 * (mesh[33, 0] + mesh[263, 0])) < MAX_YAW_SHIFT * width and width > 40:
            meshes.append(mesh / width)
    if len(meshes) < 20:
        raise ValueError(f"only {len(meshes)} frontal faces found: too few for an average face mesh")
    mean = meshes[0]
    for _ in range(4):
        mean = np.mean([align_similarity(mesh, mean) for mesh in meshes], axis=0)
        mean = mean / np.linalg.norm(mean[263] - mean[33])
    return mean, len(meshes)


def mirror_pairs(mesh: np.ndarray) -> np.ndarray:
    """(468,) partner of each point on the other side: the best one-to-one match after laying the mirror image on the mesh
    by the landmarks whose partners are known."""
    points = mesh[:468]
    mirrored = points * FLIP
    known, partner = PAIRS68[17:], PAIRS68[MIRROR68[17:]]
    scale, rotation, shift = similarity(mirrored[known], points[partner])
    cost = np.linalg.norm((scale * mirrored @ rotation.T + shift)[:, None] - points[None], axis=-1)
    result = linear_sum_assignment(cost)[1]
    if (result[result] != np.arange(468)).any():
        raise ValueError("the average face mesh isn't symmetric enough to pair its points")
    return result


def fit_head(
    mesh: np.ndarray, mean: np.ndarray, identity: np.ndarray, expression: np.ndarray, landmarks68: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lay an average mesh on the model by ridge regression of identity and expression with a similarity, in turns.

    Parameters
    ----------
    mesh
        (468, 3) face mesh.
    mean, identity, expression, landmarks68
        The head model's arrays: (V, 3), (I, V, 3), (53, V, 3), (68,).

    Returns
    -------
    vertices, points
        (V, 3) the model as fitted and (468, 3) the mesh, both in head space, centimetres.
    """
    rows = landmarks68[FITTED]
    basis = np.concatenate([identity, EXPRESSION_SPREAD * expression])
    trust = np.tile([1.0, 1.0, 0.4], len(rows))  # the face mesh guesses depth more than it sees it
    design = basis[:, rows].reshape(len(basis), -1).T  # (B, 51, 3) -> (153, B)
    coefficients = np.zeros(len(basis))
    for _ in range(20):
        current = (mean + np.tensordot(coefficients, basis, axes=1))[rows]
        scale, rotation, shift = similarity(mesh[PAIRS68[FITTED]], current)
        points = scale * mesh @ rotation.T + shift
        target = (points[PAIRS68[FITTED]] - mean[rows]).reshape(-1)  # (51, 3) -> (153,)
        weighted = design * trust[:, None]
        normal = weighted.T @ weighted + LANDMARK_SIGMA_CM**2 * np.eye(len(basis))
        coefficients = np.linalg.solve(normal, weighted.T @ (trust * target))
    return mean + np.tensordot(coefficients, basis, axes=1), points


def _arc(points: np.ndarray) -> np.ndarray:
    """Arc length from the first point of a polyline to each, as a fraction of the whole."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return length / length[-1]


def _along(chain: list[int], vertices: np.ndarray, fraction: float) -> tuple[int, int, float]:
    """Edge (a, b) of a chain of vertices, and how far from a to b, at a fraction of its length."""
    arc = _arc(vertices[chain])
    step = int(np.clip(np.searchsorted(arc, fraction, side="right") - 1, 0, len(chain) - 2))
    return chain[step], chain[step + 1], float(np.clip((fraction - arc[step]) / (arc[step + 1] - arc[step]), 0, 1))


def place_points(
    mesh: np.ndarray,
    mean: np.ndarray,
    identity: np.ndarray,
    expression: np.ndarray,
    landmarks68: np.ndarray,
    triangles: np.ndarray,
    outside: np.ndarray,
    contours: dict[str, np.ndarray],
    symmetry: np.ndarray,
) -> MeshPoints:
    """Put the 468 points of an average mesh on the head model.

    Parameters
    ----------
    mesh
        (478, 3) from :func:`average_face_mesh`.
    mean, identity, expression, landmarks68, triangles, symmetry
        The head model's arrays.
    outside
        (F,) triangles that a point may lie on (skin and lips).
    contours
        Closed loops of vertices that begin at the person's right corner (eyes: the outer one), upper edge first:
        ``lips_outer``, ``lips_inner``, ``eye_left``, ``eye_right``.
    """
    partner = mirror_pairs(mesh)
    fitted, points = fit_head(mesh[:468], mean, identity, expression, landmarks68)
    fitted = 0.5 * (fitted + fitted[symmetry] * FLIP)
    points = 0.5 * (points + points[partner] * FLIP)
    triangle, weights = np.zeros(468, np.int64), np.zeros((468, 3))
    rows = np.flatnonzero(outside)
    edge_triangle = {
        edge: int(row)
        for row in rows
        for edge in (tuple(sorted((triangles[row, i], triangles[row, i - 2]))) for i in range(3))
    }
    for name, chain in CHAINS.items():
        loop = [int(v) for v in contours[name]]
        middle = chain.index(SECOND_CORNER[name])
        corner = loop.index(int(landmarks68[CORNER68[name]]))
        halves = (
            (chain[: middle + 1], loop[: corner + 1]),
            (chain[middle:] + chain[:1], [*loop[corner:], loop[0]]),
        )
        for marks, path in halves:
            for point, fraction in zip(marks, _arc(points[list(marks)]), strict=True):
                a, b, t = _along(path, fitted, fraction)
                row = edge_triangle[min(a, b), max(a, b)]
                corners = triangles[row].tolist()
                triangle[point] = row
                weights[point] = 0
                weights[point, corners.index(a)], weights[point, corners.index(b)] = 1 - t, t

    on_contour = np.array(sorted({point for chain in CHAINS.values() for point in chain}))
    anchors = np.concatenate([on_contour, PAIRS68[OFF_CONTOUR]])
    targets = np.concatenate([
        np.einsum("nk,nkc->nc", weights[on_contour], fitted[triangles[triangle[on_contour]]]),
        fitted[landmarks68[OFF_CONTOUR]],
    ])  # fmt: skip
    spline = RBFInterpolator(points[anchors], targets - points[anchors], smoothing=1e-3)
    free = np.setdiff1d(np.arange(468), on_contour)
    found, weights[free], distance = closest_on_mesh(points[free] + spline(points[free]), fitted, triangles[rows])
    triangle[free] = rows[found]

    # The person's left side is the mirror image of the right one, to the bit.
    mirrored_triangle = {tuple(sorted(triangle_)): row for row, triangle_ in enumerate(triangles.tolist())}
    for point in np.flatnonzero(points[:, 0] < points[partner, 0]):
        corners = symmetry[triangles[triangle[point]]]
        row = mirrored_triangle[tuple(sorted(corners.tolist()))]
        other = partner[point]
        triangle[other] = row
        for corner, weight in zip(corners, weights[point], strict=True):
            weights[other, triangles[row].tolist().index(corner)] = weight
    return MeshPoints(triangle, weights, distance)
