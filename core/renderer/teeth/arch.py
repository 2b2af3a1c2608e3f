"""The dental arches as strips: where a place along the arch and along the height of the teeth lies on the head.

Places have two coordinates in centimetres. *Along* is the length of the arch from the middle, positive to the person's
left. *Height* is the distance from the biting edges of the incisors toward the gums.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...head.head_model import HeadModel
from ..fields import sample
from ..geometry import HeadGeometry

REACH_CM = 4.2
"""Length of the arch to either side that a strip covers, up to the first molar."""
HEIGHTS_CM = (-0.3, 1.5)
"""Heights between which a picture of teeth lies."""
DENSITY = 20
"""Pixels per centimetre of such a picture."""
TEXTURE = (round((HEIGHTS_CM[1] - HEIGHTS_CM[0]) * DENSITY), round(2 * REACH_CM * DENSITY))
"""Rows and columns of such a picture; the highest row is the first, the first column is the person's right."""
WIDTHS_CM = {"upper": (0.85, 0.65, 0.75, 0.7, 0.7, 1.0), "lower": (0.5, 0.55, 0.7, 0.7, 0.7, 1.1)}
"""Widths of teeth from the middle outward: Nelson, "Wheeler's Dental Anatomy, Physiology, and Occlusion"."""
BIN_CM, LAST_BIN = 0.3, 10
"""Width of the bins of |x| in which the outermost vertex is looked for, and their number."""
MOST_X_CM = 3.1
"""The fitted arch ends there."""
CROWN_CM = 1.0
"""Only vertices up to this far from the biting edges tell the outline of the arch."""
LEAN = -0.12
"""How far the front of the teeth recedes for each centimetre toward the gums."""
POINTS = 400
"""Points at which the length of the arch is computed."""
RIDGE = 1e-3
"""Ridge of the affine map from a row of teeth to its strip."""
MAP = (5.0, -1.0, 2.4)
"""Half length, and lowest and highest height of the map of places in a picture."""
MAP_DENSITY = 5
"""Points per centimetre of that map."""


@dataclass(frozen=True)
class Arch:
    """The front of one row of teeth on the mean head.

    Attributes
    ----------
    row
        "upper" or "lower".
    vertices
        (n,) the row's vertices of the head model.
    curve
        (3,) z₀, a and b of the outline z = z₀ − a x² − b x⁴, in centimetres.
    edge
        (2,) height y₀ of the biting edge in the middle, and its rise with x².
    """

    row: str
    vertices: Tensor
    curve: Tensor
    edge: Tensor
    _reach: Tensor
    _inverse: Tensor

    @classmethod
    def of(cls, model: HeadModel, row: str) -> Arch:
        """The arch of a row of the head model's teeth."""
        vertices = model.part_vertices(f"teeth_{row}")
        x, y, z = model.mean[vertices].unbind(1)
        up = 1.0 if row == "upper" else -1.0  # toward the gums
        bins = (x.abs() / BIN_CM).long().clamp(max=LAST_BIN)
        outer, edges = [], []
        for k in range(LAST_BIN + 1):
            here = (bins == k).nonzero()[:, 0]
            if len(here):
                lowest = (up * y[here]).min()
                crown = here[up * y[here] < lowest + CROWN_CM]
                outer.append(crown[z[crown].argmax()])
                edges.append(torch.stack([x[crown].abs().mean(), up * lowest]))
        chosen, edge = torch.stack(outer), torch.stack(edges)
        square = x[chosen].double().square()
        design = torch.stack([torch.ones_like(square), -square, -square.square()], 1)
        curve = torch.linalg.lstsq(design, z[chosen].double()[:, None]).solution[:, 0].float()
        square = edge[:, 0].double().square()
        design = torch.stack([torch.ones_like(square), square], 1)
        rise = torch.linalg.lstsq(design, edge[:, 1:].double()).solution[:, 0].float()
        across = torch.linspace(0, MOST_X_CM, POINTS, device=model.device)
        slope = 2 * curve[1] * across + 4 * curve[2] * across**3
        reach = torch.cat([torch.zeros(1), torch.cumulative_trapezoid((1 + slope**2).sqrt(), across)])
        row_points = torch.cat([torch.ones(len(vertices), 1), model.mean[vertices]], 1).double()
        # Affine maps of the row carry over to the strip; the ridge leaves the mean position alone.
        centred = row_points.clone()
        centred[:, 1:] -= centred[:, 1:].mean(0)
        gram = centred.T @ centred + torch.diag(torch.tensor([0.0, 1, 1, 1], dtype=torch.float64)) * RIDGE
        inverse = torch.linalg.solve(gram, centred.T).float()
        return cls(row, vertices, curve, rise, torch.stack([reach, across]), inverse)

    def points(self, along: Tensor, height: Tensor) -> Tensor:
        """(..., 3) places on the mean head for coordinates (...,) in centimetres."""
        lengths, across = self._reach
        reached = along.abs().clamp(max=float(lengths[-1]))
        after = torch.searchsorted(lengths, reached.contiguous()).clamp(1, len(lengths) - 1)
        share = (reached - lengths[after - 1]) / (lengths[after] - lengths[after - 1])
        x = across[after - 1] + share * (across[after] - across[after - 1])
        z0, a, b = self.curve
        z = z0 - a * x**2 - b * x**4 + LEAN * height.clamp_min(0) - (along.abs() - reached)
        up = 1.0 if self.row == "upper" else -1.0
        y = self.edge[0] + self.edge[1] * x**2 + up * height
        return torch.stack([x * along.sign(), y, z], -1)

    def normals(self, along: Tensor) -> Tensor:
        """(..., 3) unit normals of the arch, which point out of the mouth."""
        x = self.points(along, torch.zeros_like(along))[..., 0]
        slope = 2 * self.curve[1] * x + 4 * self.curve[2] * x**3
        normal = torch.stack([slope, torch.zeros_like(x), torch.ones_like(x)], -1)
        return normal / normal.norm(dim=-1, keepdim=True)

    def weights(self, points: Tensor, model: HeadModel) -> Tensor:
        """(N, n) weights of the row's vertices that give places (N, 3) of the mean head on any head.

        The strip follows the affine map that fits the row best, so it stays smooth. The weights add up to 1.
        """
        centred = points - model.mean[self.vertices].mean(0)
        return torch.cat([torch.ones(len(points), 1), centred], 1) @ self._inverse


def boundaries(row: str) -> Tensor:
    """(6,) places along the arch, from the middle outward, where teeth end."""
    return torch.tensor(WIDTHS_CM[row]).cumsum(0)


def texture_places() -> tuple[Tensor, Tensor]:
    """Along and height, (rows, columns) each, of the pixels of a picture of teeth."""
    rows, columns = TEXTURE
    height = HEIGHTS_CM[1] - (torch.arange(rows) + 0.5) / DENSITY
    along = (torch.arange(columns) + 0.5) / DENSITY - REACH_CM
    return along.expand(rows, columns), height[:, None].expand(rows, columns)


class ArchInPicture:
    """Where places of an arch lie in a photograph.

    Parameters
    ----------
    arch
        The arch.
    geometry
        The person's head.
    """

    def __init__(self, arch: Arch, geometry: HeadGeometry) -> None:
        half, low, high = MAP
        rows, columns = round((high - low) * MAP_DENSITY) + 1, round(2 * half * MAP_DENSITY) + 1
        along = torch.linspace(-half, half, columns).expand(rows, columns)
        height = torch.linspace(high, low, rows)[:, None].expand(rows, columns)
        points = arch.points(along, height).reshape(-1, 3)
        pixels = geometry.source.pixels[0, arch.vertices]
        camera = arch.weights(points, geometry.model) @ geometry.unproject(pixels)
        self.map = geometry.project(camera)[:, :2].T.reshape(1, 2, rows, columns)

    def pixels(self, along: Tensor, height: Tensor) -> Tensor:
        """(B, h, w, 2) pixels of places (B, h, w)."""
        half, _, high = MAP
        places = torch.stack([(along + half) * MAP_DENSITY + 0.5, (high - height) * MAP_DENSITY + 0.5], -1)
        return sample(self.map, places).permute(0, 2, 3, 1)
