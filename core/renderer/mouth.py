"""The mouth: lips that keep the photograph's texture, drawn over frames together with the inside of the mouth.

``interior.py`` draws what is seen between the lips.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..face.points import (
    IBUG_LIP_MIDDLE,
    IBUG_MOUTH,
    LIP_LINE,
    LIP_PAIRS_FROM_MIDDLE,
    LIPS_INNER_RING,
    LIPS_OUTER_RING,
)
from ..head.head_model import PARTS
from ..head.raster import interpolate, rasterise
from .fields import dilate, fill_smoothly, sample, smoothstep
from .geometry import HeadGeometry, PosedHeads
from .interior import PARTS_INSIDE, Interior
from .light import Light
from .masks import polygon
from .mesh_values import smooth_on_mesh
from .patch import Patch, PatchView, borrow_hidden, cover_of, triangles_near
from .visibility import visible_vertices

WINDOW_CM = (8.4, 8.0)
"""Width and height of the window around the mouth."""
REACH_CM = (3.9, 3.3)
"""Half axes of the ellipse of skin around the mouth that the window redraws."""
FADE = (0.96, 0.72)
"""Distance from the middle of that ellipse, in its half axes, at which the redrawn skin ends, and is whole."""
SLACK_CM = 0.08
"""A vertex this far behind the front surface still counts as seen."""
OPEN_CM = 0.07
"""Opening of the lips below which nothing behind them is drawn."""
CLOSED = (2.0, 1.0)
"""Opening in units of ``OPEN_CM`` at which the photograph's own line between closed lips begins to appear, and is
whole."""
GAP_PAIRS = LIP_PAIRS_FROM_MIDDLE[:7]
"""Pairs of points that the opening is measured at: all but those next to the corners."""
CREASE_TINT = (0.42, 0.56, 0.56)
"""Share of red, green and blue light that is lost where the lips meet or turn inward."""
BESIDE_OPENING_CM = 0.35
"""The inside of the mouth is drawn up to this far outside the opening of the inner lips."""
LINE_HALF_WIDTH_CM = 0.1
LEAST_LINE_PX = 1.2
"""Half width of the line where closed lips meet, and its lower limit in pixels of the window."""
LINE_STRENGTH = 0.85
"""Strength of that line in the middle of the mouth."""
LINE_TAPER = 4
"""Power with which it fades toward the corners."""
GROWN_EDGE = (0.02, 0.4)
"""Values of the opening between which the lips' colour takes its place in the photograph."""
UNTOUCHED = 0.01
"""Value below which a pixel shows nothing of the opening."""
ON_LIPS = 0.5
LEAST_LIPS = 20
"""The lips' colour is read where their mask is above ``ON_LIPS``. With fewer pixels than ``LEAST_LIPS``, the colour of
everything around the opening is used."""


class Mouth:
    """Draws the mouth's window over frames."""

    def __init__(
        self, geometry: HeadGeometry, picture: Tensor, landmarks: np.ndarray, light: Light, trust: Tensor
    ) -> None:
        model, size = geometry.model, picture.shape[-1]
        self.geometry, self.size = geometry, size
        self.centre_point = model.mean[model.landmarks68[list(IBUG_LIP_MIDDLE)]].mean(0)
        self.lip_triangles = triangles_near(model, ("skin", "lips"), self.centre_point, REACH_CM)
        self.interior_triangles = model.triangles[model.part_triangles(*PARTS_INSIDE)]
        self.anchor = model.landmarks68[IBUG_MOUTH]
        scale = geometry.focal / float(geometry.source.pixels[0, self.anchor, 2].mean())
        width, height = (round(side * scale) for side in WINDOW_CM)
        self.closed_window = Patch(self.lip_triangles, width, height, size)
        self.open_window = Patch(torch.cat([self.lip_triangles, self.interior_triangles]), width, height, size)
        self.pixels_per_cm = scale
        self.crease_tint = torch.tensor(CREASE_TINT)[:, None, None]

        self.picture = picture
        self.opening = polygon(landmarks[list(LIPS_INNER_RING)], size)
        lips = polygon(landmarks[list(LIPS_OUTER_RING)], size)
        self.clean = self._without_opening(lips)
        self.interior = Interior(geometry, picture, self.opening, light, scale, len(self.lip_triangles))
        self.source_is_open = bool(self._gap_pixels(geometry.source)[0] > OPEN_CM * self.pixels_per_cm)
        self.static = self._vertex_attributes(geometry.source.pixels[0], trust)

    def draw(self, frames: Tensor, heads: PosedHeads) -> None:
        """Draw the mouth of the posed heads over frames (B, 3, S, S), in place."""
        gap = self._gap_pixels(heads)
        is_open = gap > OPEN_CM * self.pixels_per_cm
        for state in (False, True):
            chosen = (is_open == state).nonzero()[:, 0]
            if len(chosen):
                self._draw([frames[k] for k in chosen.tolist()], heads.chosen(chosen), gap[chosen], state)

    def _draw(self, frames: list[Tensor], heads: PosedHeads, gap: Tensor, is_open: bool) -> None:
        """Draw over frames whose mouths are all open, or all closed; ``gap`` (B,) px is the opening."""
        window = self.open_window if is_open else self.closed_window
        attributes = self.static.expand(len(frames), -1, -1)
        if is_open:
            attributes = torch.cat([attributes, self.interior.vertex_colours(heads)], 2)
        lips = heads.pixels[:, self.anchor, :2]
        view = window.view(heads.pixels, lips.mean(1), attributes)
        cover = view.values[:, 2:3]
        at = view.values[:, :2].permute(0, 2, 3, 1)
        colour = sample(self.clean, at)
        crease = view.values[:, 3:4]
        closed = smoothstep(*CLOSED, gap / (OPEN_CM * self.pixels_per_cm))[:, None, None, None]
        if not self.source_is_open:
            # The photograph's own line between closed lips is better than a drawn one. It belongs to lips that touch.
            colour = colour + closed * (sample(self.picture, at) - colour)
            crease = crease * (1 - closed)
        if is_open:
            colour = colour * (1 - self.crease_tint * crease)
            within = self.interior.light_within(heads)
            between = Patch.within(view, lips, heads) * self._between_lips(heads, view)
            colour, cover = self.interior.lay_behind(view, heads, colour, cover, between, within)
        else:
            line = self._lip_line(heads, view)
            slit = ((cover == 0) & (line > 0)).float()
            colour = colour + slit * (self.lip_colour - colour)
            cover = cover + slit
            drawn = line if self.source_is_open else slit
            colour = colour * (1 - self.crease_tint * drawn)
        window.paste(frames, view, colour * cover, cover)

    def _lip_line(self, heads: PosedHeads, view: PatchView) -> Tensor:
        """(B, 1, h, w) 0..1: the soft dark line where closed lips meet, weaker toward the corners."""
        upper, lower = self._inner_lips(heads, view)
        middle = (upper + lower) / 2
        half = LINE_HALF_WIDTH_CM * self.pixels_per_cm * view.fineness
        lift = max(half, LEAST_LINE_PX) * heads.down[:, None]
        count = middle.shape[1]
        along = torch.linspace(-1, 1, count).abs()
        across = torch.cat([-torch.ones(count), torch.ones(count)])
        attributes = torch.stack([across, (1 - along.repeat(2) ** LINE_TAPER) * LINE_STRENGTH], 1)
        profile = _strip(middle - lift, middle + lift, attributes, view)
        return (1 - profile[:, :1].square()) * profile[:, 1:]

    def _between_lips(self, heads: PosedHeads, view: PatchView) -> Tensor:
        """(B, 1, h, w) 1 between the inner lips and a little around; else 0.

        Where the skin beside the mouth folds over, the inside of the mouth would be seen through it, as a black spot.
        """
        upper, lower = self._inner_lips(heads, view)
        margin = BESIDE_OPENING_CM * self.pixels_per_cm * view.fineness
        out = margin * heads.across[:, None]  # toward the last points
        upper, lower = (torch.cat([p[:, :1] - out, p, p[:, -1:] + out], 1) for p in (upper, lower))
        lift = margin * heads.down[:, None]
        return _strip(upper - lift, lower + lift, torch.ones(2 * upper.shape[1], 1), view)

    def _inner_lips(self, heads: PosedHeads, view: PatchView) -> tuple[Tensor, Tensor]:
        """Points (B, N, 2) of ``LIP_LINE`` on upper and lower lip, in pixels of a window at its finer resolution."""
        points = (self.geometry.model.mesh468(heads.pixels)[..., :2] - view.origin[:, None]) * view.fineness
        upper, lower = (points[:, list(side)] for side in zip(*LIP_LINE, strict=True))
        return upper, lower

    def _gap_pixels(self, heads: PosedHeads) -> Tensor:
        """(B,) greatest distance between the inner lips, pixels."""
        points = self.geometry.model.mesh468(heads.pixels)[..., :2]
        upper, lower = (points[:, list(side)] for side in zip(*GAP_PAIRS, strict=True))
        return ((lower - upper) * heads.down[:, None]).sum(-1).amax(1)

    def _without_opening(self, lips: Tensor) -> Tensor:
        """(1, 3, S, S) the photograph with the lips' colour continued over the opening; ``lips`` is their mask."""
        # Bilinear sampling reaches one pixel into the opening. A wider margin would remove thin lips.
        grown = smoothstep(*GROWN_EDGE, dilate(self.opening, round(self.size / 512)))
        known = ((grown < UNTOUCHED) & (lips > ON_LIPS)).float()
        if int(known.sum()) < LEAST_LIPS:
            known = (grown < UNTOUCHED).float()
        filled = fill_smoothly(self.picture, known)
        self.lip_colour = (filled * lips).sum((-2, -1), keepdim=True) / lips.sum().clamp_min(1)
        return self.picture + grown * (filled - self.picture)

    def _vertex_attributes(self, source: Tensor, trust: Tensor) -> Tensor:
        """(1, V, 4): texture position, cover, and how far a vertex is on the wet side of the lips."""
        model, geometry = self.geometry.model, self.geometry
        shape = geometry.neutral + model.expression_offsets(geometry.own_expression)
        region = torch.unique(self.lip_triangles)
        seen = visible_vertices(source, self.lip_triangles, slack=SLACK_CM)
        positions = borrow_hidden(model, shape, source[:, :2], seen, region)
        interior = torch.unique(self.interior_triangles)
        positions[interior] = source[interior, :2]

        offset = (model.mean - self.centre_point)[:, :2] / torch.tensor(REACH_CM)
        cover = smoothstep(*FADE, offset.norm(dim=1))
        cover = torch.where(model.vertex_part == PARTS.index("lips"), cover, cover * cover_of(trust))
        cover[interior] = 1.0
        rest = geometry.pose(torch.zeros_like(geometry.own_expression)[None], torch.zeros(1, 3), torch.zeros(1, 3))
        wet = (~visible_vertices(rest.pixels[0], self.lip_triangles, slack=SLACK_CM)).float()
        wet[model.vertex_part != PARTS.index("lips")] = 0
        wet = smooth_on_mesh(wet, self.lip_triangles)
        return torch.cat([positions, cover[:, None], wet[:, None]], 1)[None]


def _strip(upper: Tensor, lower: Tensor, attributes: Tensor, view: PatchView) -> Tensor:
    """(B, C, h, w) attributes (2 N, C) of a strip between points (B, N, 2) above and below it; 0 beside it."""
    count = upper.shape[1]
    corners = torch.cat([upper, lower], 1)
    corners = torch.cat([corners, torch.zeros_like(corners[..., :1])], 2)
    step = torch.arange(count - 1)
    quads = torch.stack([step, step + 1, step + 1 + count, step + count], 1)
    triangles = torch.cat([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    seen = rasterise(corners, triangles, *view.values.shape[-2:])
    return interpolate(seen, triangles, attributes).permute(0, 3, 1, 2)
