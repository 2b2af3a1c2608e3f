"""The side of the head that the photograph hides, drawn from the side that it shows.

A face that looks aside in the photograph hides its far ear, temple and cheek, or shows them as a narrow strip. When the
head turns back, that strip would be stretched over all of them. Faces are nearly symmetric, so what the other side
shows is drawn there instead, in the light of its own side. Where and how strongly depends on the place on the head, and
not on the frame, so it is steady.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...head.raster import interpolate, rasterise
from ..chosen import centres, pixels_of, sample_points
from ..fields import blur, dilate, pixel_grid, sample, smoothstep
from ..geometry import HeadGeometry
from ..hull import Hull
from ..light import Light
from ..mesh_values import lower_on_mesh, smooth_on_mesh, values_from_points
from ..visibility import visible_vertices

GRID = 64
"""Side of the grid on which a frame's mirrored places are computed."""
FINER = (1.3, 2.0)
"""How many times more finely the photograph shows the other side, from which that side is used a little, and fully. The
two sides of a face from the front are shown alike, so nothing is mirrored there."""
SHOWN = (0.1, 0.3)
"""Cosine between normal and line of sight from which the other side is used a little, and fully."""
GRAZING = (0.55, 0.35)
"""Cosine on its own side from which a place is replaced a little, and fully. What is seen better stays."""
LEAST_SHOWN = 0.05
"""Lower limit of that cosine when the two sides are compared."""
ON_HEAD = (0.7, 0.98)
"""Share with which a vertex follows the head from which it can be mirrored a little, and fully."""
ASIDE_CM = (2.0, 4.0)
"""Distance from the middle of the head from which a vertex can be mirrored a little, and fully: nose and mouth stay."""
SLACK_CM = 0.35
"""A vertex this far behind the front surface still counts as shown."""
BOTH_SHOWN = (0.15, 0.4)
"""Cosine of the worse side from which the light of two sides is compared a little, and fully."""
LIGHT_CM = 3.0
"""Width with which the difference in light is continued over the head."""
THINNED = 3
"""One in this many vertices tells that difference, which is smooth."""
ALIKE = 0.35
"""Difference in light, as a logarithm, at which two places count as alike. Hair on one side against skin on the other
is more."""
MOST_LIGHT = 0.5
"""Upper limit of that difference."""
SOFT = 1 / 64
"""Radius, as a fraction of the square's side, within which colours are averaged to compare light."""
CONTINUED = (1, 2)
"""Blur radii, in cells of the grid, with which mirrored places are continued past the outline of the head model."""
LEAST = 0.02
"""Share from which something is drawn."""


class MirroredSide:
    """What is mirrored in one portrait.

    Parameters
    ----------
    geometry, hull
        The person's head and its surface.
    pure, alpha
        (1, 3, S, S) and (1, 1, S, S) of ``matte.Layers``.
    light
        The photograph's light.

    Attributes
    ----------
    share
        (V,) 0..1: how far the other side replaces what the photograph shows at a vertex.
    light
        (V, 3) logarithm of the light at a vertex relative to its mirror vertex, by colour.
    """

    def __init__(self, geometry: HeadGeometry, hull: Hull, pure: Tensor, alpha: Tensor, light: Light) -> None:
        model, self.pure = geometry.model, pure
        skin = model.triangles[model.part_triangles("skin", "lips")]
        source, other = hull.source, model.symmetry
        seen = visible_vertices(source, skin, SLACK_CM) * sample(alpha, source[None, None, :, :2])[0, 0, 0]
        shown = hull.facing.clamp_min(0) * seen
        share = smoothstep(*FINER, shown[other] / shown.clamp_min(LEAST_SHOWN)) * smoothstep(*SHOWN, shown[other])
        share = share * smoothstep(*GRAZING, shown)
        share = lower_on_mesh(smooth_on_mesh(share, skin, 2), skin, 2) * smoothstep(*ON_HEAD, geometry.rigidity[:, 0])
        aside = model.mean[:, 0] if share @ model.mean[:, 0] > 0 else -model.mean[:, 0]
        self.share = share * smoothstep(*ASIDE_CM, aside)
        self.triangles = skin[(self.share[skin] > LEAST).any(1)]
        shade = light.shade(hull.shown_normals).log()
        self.light = self._compare(geometry, hull, torch.minimum(shown, shown[other]), alpha, shade - shade[other])
        values = torch.cat([source[other, :2], self.light, torch.ones(len(source), 1)], 1)
        self._values = values * self.share[:, None]
        self._grid = pixel_grid(GRID, GRID).permute(2, 0, 1) * (pure.shape[-1] / GRID)  # (2, 64, 64)

    def _compare(self, geometry: HeadGeometry, hull: Hull, shown: Tensor, alpha: Tensor, shaded: Tensor) -> Tensor:
        """(V, 3) ``light``: what the photograph's light makes of it (``shaded``, (V,)), and a rest in the colours. The
        rest is known where both sides are ``shown`` (V,), and continued from there."""
        model, radius = geometry.model, max(1, round(SOFT * self.pure.shape[-1]))
        soft = (blur(self.pure * alpha, radius) / blur(alpha, radius).clamp_min(1e-3)).clamp_min(1 / 64).log()
        colours = sample(soft, hull.source[None, None, :, :2])[0, :, 0].T
        apart = colours - colours[model.symmetry] - shaded[:, None]
        trust = smoothstep(*BOTH_SHOWN, shown) * torch.exp(-(apart / ALIKE).square().sum(1) / 2)
        known = (trust > 0.1).nonzero()[::THINNED, 0]
        light = values_from_points(model.mean, model.mean[known], apart[known], trust[known], (LIGHT_CM,))
        return shaded[:, None] + light.clamp(-MOST_LIGHT, MOST_LIGHT)

    @property
    def used(self) -> bool:
        """Whether anything is mirrored."""
        return len(self.triangles) > 0

    def over(self, drawn: Tensor, surface: Tensor, at: Tensor) -> None:
        """Draw the mirrored side over a stretched person, in place.

        Parameters
        ----------
        drawn
            (3 + 1, N) the person, multiplied by its matte, and the matte.
        surface
            (V, 3) the frame's surface; see ``Flow``.
        at
            (N,) flat pixels of the frame.
        """
        size = self.pure.shape[-1]
        fields = self._fields(surface)
        near = dilate((fields[:, 5:6] > LEAST).float(), 1)  # bilinear sampling reads the next cell too
        there = pixels_of(F.interpolate(near, (size, size)).reshape(-1).index_select(0, at))
        if not len(there):
            return
        chosen = at.index_select(0, there)
        points = centres(chosen, size)
        x, y, *light, share, cover = sample_points(fields, points * (GRID / size))
        total = share.clamp_min(LEAST)
        places = torch.stack([x / total - points[0], y / total + points[1]])
        colours = sample_points(self.pure, places) * (torch.stack(light) / total).exp()
        # Where less than that is known, nothing is drawn.
        part = (share / cover.clamp_min(LEAST)).clamp(0, 1) * smoothstep(LEAST, 2 * LEAST, share)
        colours *= drawn[3].index_select(0, there)
        for plane, colour in zip(drawn[:3], colours, strict=True):
            below = plane.index_select(0, there)
            plane.index_copy_(0, there, below + part * (colour - below))

    def _fields(self, surface: Tensor) -> Tensor:
        """(1, 7, 64, 64) on the grid of a frame: where and how the other side is drawn.

        Two channels for the place, three for ``light``, and ``share``, all multiplied by it, and what of a cell the
        head model covers. A mirrored place runs against the frame's own place in x. So the sum of both, and in y the
        difference, hardly change from cell to cell, and can be continued.
        """
        coarse = surface[None] * torch.tensor([GRID / self.pure.shape[-1]] * 2 + [1.0])
        seen = rasterise(coarse, self.triangles, GRID, GRID, cull_backfaces=True)
        values = interpolate(seen, self.triangles, self._values[None]).permute(0, 3, 1, 2)
        share = values[:, 5:]
        place = values[:, :2] + share * self._grid * torch.tensor([1.0, -1.0])[:, None, None]
        known = torch.cat([place, values[:, 2:], seen.covered[:, None].float()], 1)
        out = known
        for radius in CONTINUED:
            out = torch.where(out[:, 6:] > LEAST, out, blur(known, radius, 2))
        return out
