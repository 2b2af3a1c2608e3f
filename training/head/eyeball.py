"""Eyeballs as polar grids around the line of sight, with the shape of ICT-FaceKit's outer shell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EYE_SEGMENTS = 24
EYE_RINGS_CM = (0.12, 0.24, 0.40)
"""Radii of the rings inside the iris, around the line of sight, centimetres."""
LIMBUS_CM = 0.54
"""Radius of the iris on the mean head: 0.41 of the lid opening's half width, as the face mesh finds on portraits."""
EYE_POLAR_DEGREES = (29.0, 38.0, 48.0, 60.0, 75.0, 95.0, 120.0, 150.0)
"""Angles from the line of sight of the rings outside the iris."""


@dataclass(frozen=True)
class Eyeball:
    """One eyeball before its projection on the source's shell.

    Attributes
    ----------
    points
        (E, 3) centimetres, on a sphere; vertex 0 is the middle of the pupil.
    triangles, triangle_uv
        (T, 3) vertex and texture indices.
    uv
        (U, 2) in the unit square: a disc, radius proportional to the angle from the line of sight.
    limbus
        (EYE_SEGMENTS,) vertices at the edge of the iris.
    """

    points: np.ndarray
    triangles: np.ndarray
    triangle_uv: np.ndarray
    uv: np.ndarray
    limbus: np.ndarray


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Least-squares sphere: centre (3,) and radius, from |p|^2 = 2 p.c + (r^2 - |c|^2)."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


def make_eyeball(shell: np.ndarray, mirrored: bool) -> Eyeball:
    """A polar grid around a shell of points (n, 3) that looks along +z.

    ``mirrored`` turns the azimuth the other way, so that the right eye's vertex i is the left eye's mirrored.
    """
    centre, radius = fit_sphere(shell[shell[:, 2] < np.quantile(shell[:, 2], 0.6)])
    front = shell[:, 2].max() - centre[2]
    angles = [*(np.arcsin(r / front) for r in (*EYE_RINGS_CM, LIMBUS_CM)), *np.radians(EYE_POLAR_DEGREES)]
    phase = 2 * np.pi * np.arange(EYE_SEGMENTS) / EYE_SEGMENTS
    circle = np.stack([np.cos(phase), np.sin(phase)], axis=1)  # (S, 2)
    rings = np.stack([np.concatenate([circle * np.sin(a), np.full((EYE_SEGMENTS, 1), np.cos(a))], 1) for a in angles])
    directions = np.concatenate([[[0, 0, 1]], rings.reshape(-1, 3), [[0, 0, -1]]])  # (rings, S, 3) -> (rings * S, 3)
    flat = np.concatenate([circle * (a / np.pi) for a in angles])
    # The back pole has its own texture point in each triangle. Otherwise these triangles would span the whole disc.
    half = np.pi / EYE_SEGMENTS
    back = np.stack([np.cos(phase + half), np.sin(phase + half)], axis=1)
    uv = 0.5 + 0.5 * np.concatenate([[[0.0, 0.0]], flat, back])

    def vertex(ring: int, step: int) -> int:
        return 1 + ring * EYE_SEGMENTS + step % EYE_SEGMENTS

    last, outer = len(directions) - 1, len(angles) - 1
    triangles: list[tuple[int, int, int]] = []
    for step in range(EYE_SEGMENTS):
        triangles.append((0, vertex(0, step), vertex(0, step + 1)))
        for ring in range(outer):
            a, b = vertex(ring, step), vertex(ring + 1, step)
            c, d = vertex(ring + 1, step + 1), vertex(ring, step + 1)
            triangles += [(a, b, c), (a, c, d)]
    triangle_uv = [*triangles]
    for step in range(EYE_SEGMENTS):
        triangles.append((vertex(outer, step), last, vertex(outer, step + 1)))
        triangle_uv.append((vertex(outer, step), last + step, vertex(outer, step + 1)))
    faces, faces_uv = np.array(triangles), np.array(triangle_uv)
    if mirrored:
        directions[:, 0] *= -1
        uv[:, 0] = 1 - uv[:, 0]
        faces, faces_uv = faces[:, ::-1], faces_uv[:, ::-1]
    limbus = 1 + len(EYE_RINGS_CM) * EYE_SEGMENTS + np.arange(EYE_SEGMENTS)
    return Eyeball(centre + radius * directions, faces, faces_uv, uv, limbus)


def gaze_rotation(up: float, left: float) -> np.ndarray:
    """(3, 3) rotation that turns the line of sight up and to the person's left, by angles in radians."""
    cu, su, cl, sl = np.cos(up), np.sin(up), np.cos(left), np.sin(left)
    return np.array([[cl, 0, sl], [0, 1, 0], [-sl, 0, cl]]) @ np.array([[1, 0, 0], [0, cu, su], [0, -su, cu]])
