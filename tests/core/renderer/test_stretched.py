"""Stretching of the photograph is measured correctly, and leaves no streaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.renderer.fields import pixel_grid
from core.renderer.layers.softer import softened
from core.renderer.layers.stretched import MOST, StretchedPerson, magnification

SIZE = 128


def flow_of(matrix: np.ndarray) -> torch.Tensor:
    """(1, S, S, 2) positions of a linear flow about the square's middle."""
    middle = SIZE / 2
    return ((pixel_grid(SIZE, SIZE) - middle) @ torch.tensor(matrix, dtype=torch.float32).T + middle)[None]


def turned(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2])
@pytest.mark.parametrize(("along", "across", "expected"), [(1.0, 1.0, 1.0), (0.25, 1.0, 4.0), (2.0, 0.5, 2.0)])
def test_magnification_is_one_over_the_least_singular_value(angle, along, across, expected):
    found = magnification(flow_of(turned(angle) @ np.diag([along, across]) @ turned(-angle)))
    assert found.shape == (1, 1, SIZE, SIZE)
    assert torch.allclose(found, torch.full_like(found, expected), rtol=1e-3)


def test_magnification_is_limited_where_one_pixel_fills_everything():
    found = magnification(torch.full((1, SIZE, SIZE, 2), SIZE / 2))
    assert torch.allclose(found, torch.full_like(found, MOST))


def drawn(picture: torch.Tensor, alpha: torch.Tensor, flow: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(1, 3, S, S) colours, multiplied by the matte, and matte (1, 1, S, S) of a whole frame."""
    points = flow[0].permute(2, 0, 1).reshape(2, -1)
    person = StretchedPerson(picture, alpha, softened(picture, alpha))
    layer = person.at(points, magnification(flow).reshape(-1), torch.zeros(1, 2, 64, 64), torch.arange(SIZE * SIZE))
    colours, matte = layer.reshape(1, 4, SIZE, SIZE).split((3, 1), 1)
    return colours, matte


def grainy() -> torch.Tensor:
    """(1, 3, S, S) grey with grain."""
    return 0.5 + 0.2 * (torch.rand(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) - 0.5).expand(
        1, 3, -1, -1
    )


def test_without_stretching_the_photograph_is_unchanged():
    picture = grainy()
    colours, matte = drawn(picture, torch.ones(1, 1, SIZE, SIZE), flow_of(np.eye(2)))
    assert torch.allclose(colours, picture, atol=1e-5)
    assert torch.allclose(matte, torch.ones_like(matte))


def test_stretched_grain_leaves_no_streaks():
    picture = grainy()
    flow = flow_of(np.diag([1 / 6, 1.0]))
    colours, _ = drawn(picture, torch.ones(1, 1, SIZE, SIZE), flow)
    streaks = torch.nn.functional.grid_sample(picture, flow / SIZE * 2 - 1, align_corners=False)
    between_rows = [float(p[..., 8:-8, 8:-8].diff(dim=2).abs().mean()) for p in (colours, streaks)]
    assert between_rows[0] < 0.45 * between_rows[1]
    assert float(colours.mean()) == pytest.approx(float(picture.mean()), abs=0.01)


def test_no_colour_from_outside_the_person_is_mixed_in():
    """The blurred layers are weighted by the matte: a person of one colour keeps that colour up to the rim."""
    left = (torch.arange(SIZE) < SIZE // 2).float().expand(1, 1, SIZE, SIZE)
    picture = torch.where(left > 0, 0.8, 0.0).expand(1, 3, -1, -1)
    shown, matte = drawn(picture, left, flow_of(np.diag([1 / 6, 1.0])))
    colours = shown / matte.clamp_min(1e-6)
    inside = (matte > 0.999).expand_as(colours)
    assert inside.any()
    assert float(colours[inside].min()) == pytest.approx(0.8, abs=1e-3)
