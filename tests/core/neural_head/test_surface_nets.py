"""Surfaces of fields on grids: a ball, its orientation, and that it is closed."""

from collections import Counter

import numpy as np

from core.neural_head.surface_nets import surface_nets


def ball(radius=5.0, cell=0.5, reach=8.0):
    """Distances from a ball on a grid, and the grid's origin and cell."""
    line = np.arange(-reach, reach + cell / 2, cell)
    places = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1)
    return np.linalg.norm(places, axis=-1) - radius, (-reach,) * 3, cell


def test_vertices_of_a_ball_lie_on_it():
    surface = surface_nets(*ball())
    off = np.linalg.norm(surface.vertices, axis=1) - 5.0
    assert len(surface.vertices) > 1000 and np.abs(off).max() < 0.03


def test_each_edge_belongs_to_two_quads_in_opposite_directions():
    surface = surface_nets(*ball())
    edges = Counter((int(a), int(b)) for quad in surface.quads for a, b in zip(quad, np.roll(quad, -1), strict=True))
    assert set(edges.values()) == {1} and all((b, a) in edges for a, b in edges)


def test_triangles_turn_outward_and_enclose_the_balls_volume():
    surface = surface_nets(*ball())
    a, b, c = (surface.vertices[column].astype(float) for column in surface.triangles.T)
    volume = (a * np.cross(b, c)).sum() / 6
    assert abs(volume / (4 / 3 * np.pi * 125) - 1) < 0.02


def test_a_field_without_a_surface_gives_none():
    surface = surface_nets(np.ones((4, 4, 4)), (0, 0, 0), 1.0)
    assert surface.vertices.shape == (0, 3) and surface.quads.shape == (0, 4) and surface.triangles.shape == (0, 3)
