"""Closest points on triangle meshes."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


def closest_on_triangles(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Barycentric weights of the closest point on each triangle to the point with the same index.

    Parameters
    ----------
    points
        (..., 3).
    corners
        (..., 3, 3) corners of the triangles.

    Returns
    -------
    numpy.ndarray
        (..., 3) weights >= 0 with sum 1.

    Notes
    -----
    This is the closest point of the plane if it is inside the triangle, else the closest point of the three edges
    (Ericson, Real-Time Collision Detection, section 5.1, in vector form).
    """
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    denominator = np.maximum(d00 * d11 - d01 * d01, 1e-20)
    v, w = (d11 * d20 - d01 * d21) / denominator, (d00 * d21 - d01 * d20) / denominator
    options = [np.stack([1 - v - w, v, w], axis=-1)]
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, edge = corners[..., first, :], corners[..., second, :] - corners[..., first, :]
        t = ((points - start) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-20)
        t = np.clip(t, 0, 1)
        weights = np.zeros_like(points)
        weights[..., first], weights[..., second] = 1 - t, t
        options.append(weights)
    choices = np.stack(options)  # (4, ..., 3)
    position = np.einsum("o...k,...kc->o...c", choices, corners)
    distance = ((position - points) ** 2).sum(-1)
    distance[0] = np.where((options[0] >= 0).all(-1), distance[0], np.inf)
    best = distance.argmin(0)
    return np.take_along_axis(choices, best[None, ..., None], axis=0)[0]


def closest_on_mesh(
    points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, candidates: int = 24
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Closest point on a mesh to each point, among the triangles with the nearest middles.

    Returns
    -------
    triangle, weights, distance
        (n,) rows of ``triangles``, (n, 3) barycentric weights, (n,) distances.
    """
    corners = vertices[triangles]  # (F, 3, 3)
    _, near = cKDTree(corners.mean(1)).query(points, k=min(candidates, len(triangles)))
    near = near.reshape(len(points), -1)
    weights = closest_on_triangles(np.repeat(points[:, None], near.shape[1], axis=1), corners[near])  # (n, k, 3)
    distance = np.linalg.norm(np.einsum("nkj,nkjc->nkc", weights, corners[near]) - points[:, None], axis=-1)
    best = distance.argmin(1)
    rows = np.arange(len(points))
    return near[rows, best], weights[rows, best], distance[rows, best]
