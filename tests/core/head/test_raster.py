"""The rasteriser, compared with an independent method that works pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.head.raster import interpolate, rasterise


def reference(positions: np.ndarray, triangles: np.ndarray, height: int, width: int):
    """For each pixel, compute barycentric weights in every triangle (float64), and take the nearest triangle.

    Returns triangle numbers, depths, and a mask of clear pixels: those away from all edges and equal depths.
    """
    ids = np.full((height, width), -1)
    depths = np.full((height, width), np.inf)
    clear = np.ones((height, width), bool)
    corners = positions.astype(np.float64)[triangles]
    for y in range(height):
        for x in range(width):
            found = []
            for k, corner in enumerate(corners):
                system = np.vstack([corner[:, :2].T, np.ones(3)])
                if abs(np.linalg.det(system)) < 1e-9:
                    continue
                weights = np.linalg.solve(system, [x + 0.5, y + 0.5, 1.0])
                if abs(weights.min()) < 1e-3:
                    clear[y, x] = False
                if weights.min() >= 0:
                    found.append((weights @ corner[:, 2], k))
            found.sort()
            if len(found) > 1 and found[1][0] - found[0][0] < 1e-3:
                clear[y, x] = False
            if found:
                depths[y, x], ids[y, x] = found[0]
    return ids, depths, clear


@pytest.mark.parametrize("seed", range(4))
def test_random_triangles_match_the_reference(seed):
    """Triangles of both windings: large, small, overlapping, or outside the picture."""
    rng = np.random.default_rng(seed)
    height, width = 17, 23
    positions = np.concatenate([rng.uniform(-6, 29, (30, 2)), rng.uniform(-2, 9, (30, 1))], 1).astype(np.float32)
    triangles = rng.integers(0, 30, (25, 3))
    ids, depths, clear = reference(positions, triangles, height, width)
    got = rasterise(torch.from_numpy(positions)[None], torch.from_numpy(triangles), height, width)
    assert clear.mean() > 0.7
    np.testing.assert_array_equal(got.triangle[0].numpy()[clear], ids[clear])
    seen = clear & (ids >= 0)
    np.testing.assert_allclose(got.depth[0].numpy()[seen], depths[seen], atol=2e-3)


def test_shared_edges_leave_no_gap_and_no_double_cover():
    """An irregular grid of triangles covers each pixel of its square exactly once."""
    rng = np.random.default_rng(5)
    n, size = 14, 40
    grid = np.stack(np.meshgrid(np.linspace(0, size, n), np.linspace(0, size, n)), -1)
    grid[1:-1, 1:-1] += rng.uniform(-0.9, 0.9, (n - 2, n - 2, 2))
    positions = np.concatenate([grid.reshape(-1, 2), np.zeros((n * n, 1))], 1).astype(np.float32)
    corner = np.arange(n * n).reshape(n, n)
    quads = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    positions, triangles = torch.from_numpy(positions)[None], torch.from_numpy(triangles)
    assert rasterise(positions, triangles, size, size).covered.all()
    covers = sum(rasterise(positions, one[None], size, size).covered.long() for one in triangles)
    assert (covers == 1).all()


def test_interpolation_reproduces_an_affine_field():
    """Barycentric weights interpolate x, y and a constant exactly, so they must give the pixel's centre."""
    rng = np.random.default_rng(2)
    positions = torch.from_numpy(rng.uniform(2, 30, (2, 20, 3)).astype(np.float32))
    triangles = torch.from_numpy(rng.integers(0, 20, (30, 3)))
    got = rasterise(positions, triangles, 32, 32)
    field = torch.cat([positions[..., :2], torch.ones(2, 20, 1)], -1)
    values = interpolate(got, triangles, field)
    y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(32) + 0.5, indexing="ij")
    expected = torch.stack([x, y, torch.ones(32, 32)], -1).expand(2, 32, 32, 3)
    mask = got.covered
    assert mask.any()
    # Slivers reduce the precision. (Triangles with two equal corners are degenerate, others nearly so.)
    assert ((values - expected)[mask].abs() < 0.02).all()
    assert (values[~mask] == 0).all() and torch.isinf(got.depth[~mask]).all()


def test_batch_and_single_frames_are_bit_identical():
    rng = np.random.default_rng(8)
    positions = torch.from_numpy(rng.uniform(-4, 36, (5, 60, 3)).astype(np.float32))
    triangles = torch.from_numpy(rng.integers(0, 60, (80, 3)))
    whole = rasterise(positions, triangles, 32, 32)
    colours = torch.from_numpy(rng.normal(size=(5, 60, 4)).astype(np.float32))
    mixed = interpolate(whole, triangles, colours)
    for k in range(5):
        one = rasterise(positions[k : k + 1], triangles, 32, 32)
        assert torch.equal(one.triangle[0], whole.triangle[k])
        assert torch.equal(one.barycentric[0], whole.barycentric[k])
        assert torch.equal(interpolate(one, triangles, colours[k : k + 1])[0], mixed[k])


def test_backface_culling_and_nonfinite_corners():
    positions = torch.tensor([[[1.0, 1, 0], [9, 1, 0], [1, 9, 0], [float("nan"), 1, 0]]])
    clockwise, counter, broken = torch.tensor([[0, 1, 2]]), torch.tensor([[0, 2, 1]]), torch.tensor([[0, 3, 2]])
    assert not rasterise(positions, clockwise, 10, 10, cull_backfaces=True).covered.any()
    assert rasterise(positions, counter, 10, 10, cull_backfaces=True).covered.any()
    assert not rasterise(positions, broken, 10, 10).covered.any()


def test_equal_depths_go_to_the_first_triangle():
    positions = torch.tensor([[[0.0, 0, 1], [8, 0, 1], [0, 8, 1]]])
    triangles = torch.tensor([[0, 1, 2], [0, 2, 1]])
    seen = rasterise(positions, triangles, 8, 8).triangle
    assert set(seen.unique().tolist()) == {-1, 0}
