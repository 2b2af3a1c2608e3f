"""Backward flow: for each pixel of a frame, the pixel of the photograph that is seen there.

On the face the flow comes from the rasterised head model, whose scalp has the outline of the person's hair (``hull``).
Elsewhere a smooth depth sheet lies over the photograph, with the depth of that surface. Past its outline the sheet goes
on at the outline's own depth above the crown. At the sides it passes into the plane of the neck's axis, which stays in
place when the head turns, as the outline of a round head does. The sheet turns with the head, so hair follows, but
shoulders stay, and so does what is cut off by the edge of the picture. What the surface moves beyond the sheet
(expressions, and the scalp that comes into view behind the crown) fades out over the sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..head.raster import interpolate, rasterise
from ..head.rotation import euler_to_matrix
from .fields import blur, dilate, enlarged, erode, fill_smoothly, pixel_grid, resize, sample, smoothstep
from .framing import Framing
from .geometry import HeadGeometry, PosedHeads, head_share
from .hull import Hull
from .layers.torso import Torso
from .mesh_values import lower_on_mesh
from .visibility import visible_vertices

SHEET = 64
"""Side of the sheet's grid."""
SHEET_BLUR = 1
"""Blur radius of the sheet's depth, in sheet pixels."""
INVERSIONS = 5
"""Fixed-point steps from the sheet's forward motion to the backward flow."""
VISIBILITY_SLACK_CM = 0.35
"""A vertex this far behind the front surface still counts as seen in the photograph."""
STRETCHED = (0.85, 0.5)
"""Photograph pixels per frame pixel at which stretching begins to count, and counts fully."""
FACING = (0.04, 0.22)
"""Cosine between normal and line of sight from which a vertex is trusted a little, and fully."""
ON_HEAD = (0.7, 0.98)
"""Share with which a vertex follows the head (``geometry.head_share``) from which it is trusted a little, and fully."""
RIM = 0.1
"""Width of the rim over which motion fades out where the picture cuts off the person, as a fraction of the side."""
CUT_OFF = 0.3
"""Probability of the person at the picture's edge from which the person counts as cut off there."""
AT_EDGE = 1.5
"""Distance in sheet pixels from the picture's edge below which a point of the sheet lies at that edge."""
CYLINDER_CM = 8.0
"""Radius of the cylinder on which places on the head are told."""
EXTENSION = (8, 4, 2, 1)
"""Blur radii (sheet pixels) with which the face's own motion is continued past it, widest first."""
EXTENDED = 0.25
"""Blurred trust at which the motion of a radius is used fully."""


@dataclass(frozen=True)
class Flow:
    """Backward flow of B frames.

    Attributes
    ----------
    positions
        (B, S, S, 2) pixel of the photograph's square that is seen at each pixel.
    trust
        (B, 1, S, S) 0..1: how far the position comes from the head model; the rest comes from the sheet.
    stretch
        (B, 1, S, S) 0..1: how strongly the photograph is stretched there.
    triangle
        (B, S, S) int64 skin triangle (row of ``FlowField.triangles``), or −1.
    surface
        (B, V, 3) the posed surface with its hair: x, y in pixels of the square, and the distance in cm.
    on_head
        (B, 2, 64, 64) cm: the place on the head that each cell shows, around it and upwards, on a cylinder.
    """

    positions: Tensor
    trust: Tensor
    stretch: Tensor
    triangle: Tensor
    surface: Tensor
    on_head: Tensor


class FlowField:
    """Flow for one portrait.

    Parameters
    ----------
    geometry
        The person's head in the square.
    framing
        The square's place in the photograph.
    tight
        (1, 1, S, S) 0..1 probability of the person.
    size
        Side S of the square in pixels.
    """

    def __init__(self, geometry: HeadGeometry, framing: Framing, tight: Tensor, size: int) -> None:
        model = geometry.model
        self.geometry, self.size = geometry, size
        skin = model.triangles[model.part_triangles("skin", "lips")]
        self.hull = Hull(geometry, tight, skin)
        self.vertex_trust = self._vertex_trust(skin, tight)
        self.triangles = skin[(self.vertex_trust[skin] > 0).any(1)]
        person = sample(dilate(tight, max(1, size // SHEET)), self.hull.source[None, None, :, :2])[0, 0, 0]
        self.wide_trust = torch.maximum(self.vertex_trust, self.hull.scalp * person)  # (V,)
        self.wide_triangles = skin[(self.wide_trust[skin] > 0).any(1)]
        around = torch.atan2(model.mean[:, 0], model.mean[:, 2]) * CYLINDER_CM
        self.unrolled = torch.stack([around, model.mean[:, 1]], 1)  # (V, 2) cm
        self.grid = pixel_grid(size, size)
        self.sheet_grid = pixel_grid(SHEET, SHEET) * (size / SHEET)
        room = torch.from_numpy(framing.room(self.sheet_grid.cpu().numpy())).to(self.sheet_grid)
        self._lay_sheet(room, tight)
        self.torso = Torso(geometry, framing, self.sheet_points, self.sheet_grid)

    def _vertex_trust(self, skin: Tensor, tight: Tensor) -> Tensor:
        """(V,) 0..1: trust in vertices of the head that the photograph shows from the front and within the person."""
        source, facing = self.hull.source, self.hull.facing
        visible = visible_vertices(source, skin, VISIBILITY_SLACK_CM).float()
        person = sample(tight, source[None, None, :, :2])[0, 0, 0]
        on_head = smoothstep(*ON_HEAD, self.geometry.rigidity[:, 0])
        return lower_on_mesh(visible * person * smoothstep(*FACING, facing) * on_head, skin)

    def _lay_sheet(self, room: Tensor, tight: Tensor) -> None:
        """Compute the sheet: its points in head space, and how far each follows the head.

        ``room`` (64, 64) px is the distance of each from the square's border and from the photograph's.
        """
        geometry, model = self.geometry, self.geometry.model
        outer = model.triangles[model.part_triangles("skin", "lips", "eye_left", "eye_right")]
        pixels = self.hull.source[None] * torch.tensor([SHEET / self.size, SHEET / self.size, 1.0])
        seen = rasterise(pixels, outer, SHEET, SHEET)
        # No point lies behind the neck's axis, where it would move against the face.
        axis = -(geometry.rotation @ geometry.pivot + geometry.translation)[2]
        covered = seen.covered[:, None].float()
        depth = torch.minimum(seen.depth, axis)[:, None]  # (1, 1, 64, 64)
        outline = covered * (1 - erode(covered, 1))
        upper = self.hull.upper(self.sheet_grid - self.hull.centre)
        past = axis + upper * (fill_smoothly(depth * outline, outline) - axis)
        depth = torch.where(covered > 0, depth, past)
        depth = blur(depth, SHEET_BLUR, 2)[0, 0]  # (1, 1, 64, 64) -> (64, 64)
        points = geometry.unproject(torch.cat([self.sheet_grid, depth[..., None]], -1))
        self.sheet_points = (points - geometry.translation) @ geometry.rotation  # rows: R^T (X − t)
        cell = self.size / SHEET
        cut_off = (resize(tight, SHEET, SHEET)[0, 0] > CUT_OFF) & (room < AT_EDGE * cell)
        elsewhere = (~cut_off).cpu().numpy().astype(np.uint8)
        distance = torch.from_numpy(cv2.distanceTransform(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
        rim = smoothstep(0.0, RIM * self.size, distance.to(room) * cell) if cut_off.any() else torch.ones_like(room)
        self.follow = (head_share(self.sheet_points) * rim)[..., None]
        self.rim = enlarged(rim[None, None], self.size)

    def __call__(self, heads: PosedHeads, rotation: Tensor, translation: Tensor, body: Tensor | None = None) -> Flow:
        """Flow of frames whose heads were posed with ``rotation`` and ``translation`` (B, 3).

        ``body`` (B, 4) moves shoulders and chest (``core.motion.channels.BODY``). None: they rest.
        """
        size = self.size
        pixels = self.hull.posed(heads)
        shown = self.hull.shown(pixels, heads)
        seen = rasterise(pixels, self.triangles, size, size, cull_backfaces=True)
        # (B, S, S, 3) -> (B, 3, S, S)
        values = interpolate(seen, self.triangles, self._attributes(shown, self.vertex_trust)).permute(0, 3, 1, 2)
        trust = values[:, 2:]
        sheet = self._sheet_flow(rotation, translation)  # (B, 2, 64, 64)
        grid = self.grid.permute(2, 0, 1)  # (S, S, 2) -> (2, S, S)
        extended, on_head = self._beyond_sheet(pixels, shown, sheet)
        flow = enlarged(sheet + extended, size)
        flow = flow + trust * (values[:, :2] - grid - flow)
        positions = grid + flow * self.rim
        if body is not None:
            torso = self.torso(body, sheet)
            positions = positions + enlarged(torso, size)
        return Flow(positions.permute(0, 2, 3, 1), trust, self._stretch(positions), seen.triangle, pixels, on_head)

    @staticmethod
    def _attributes(shown: Tensor, trust: Tensor) -> Tensor:
        """(B, V, 3) places in the photograph (B, V, 2) and the trust (V,) in them."""
        return torch.cat([shown, trust[:, None].expand(len(shown), -1, -1)], -1)

    def _beyond_sheet(self, pixels: Tensor, shown: Tensor, sheet: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2, 64, 64) flow of the whole surface beyond the sheet's own, continued past the surface, and the places
        on the head, continued too."""
        coarse = pixels * torch.tensor([SHEET / self.size, SHEET / self.size, 1.0])
        seen = rasterise(coarse, self.wide_triangles, SHEET, SHEET, cull_backfaces=True)
        on_head = self.unrolled.expand(len(shown), -1, -1)
        attributes = torch.cat([self._attributes(shown, self.wide_trust), on_head], -1)
        values = interpolate(seen, self.wide_triangles, attributes).permute(0, 3, 1, 2)
        beyond = values[:, :2] - self.sheet_grid.permute(2, 0, 1) - sheet
        places = fill_smoothly(values[:, 3:], seen.covered[:, None].float())
        return self._extend(beyond * values[:, 2:3], values[:, 2:3]), places

    def _stretch(self, positions: Tensor) -> Tensor:
        """(B, 1, S, S) 1 where neighbouring pixels come from less than half a pixel apart, 0 without stretching."""
        coarse = resize(positions, SHEET, SHEET)
        step = self.size / SHEET
        right = (coarse[:, 0:1, :, 1:] - coarse[:, 0:1, :, :-1]) / step
        down = (coarse[:, 1:2, 1:] - coarse[:, 1:2, :-1]) / step
        least = torch.minimum(F.pad(right, (0, 1), value=1.0), F.pad(down, (0, 0, 0, 1), value=1.0))
        wide = blur(dilate(smoothstep(*STRETCHED, least), 1), 1, 1)
        return enlarged(wide, self.size)

    def _sheet_flow(self, rotation: Tensor, translation: Tensor) -> Tensor:
        """(B, 2, 64, 64) backward flow of the sheet, in pixels of the square."""
        geometry = self.geometry
        frames = []
        for r, t in zip(rotation, translation, strict=True):
            moved = (self.sheet_points - geometry.pivot) @ euler_to_matrix(r).T + geometry.pivot + t
            pixels = geometry.project(moved @ geometry.rotation.T + geometry.translation)
            frames.append(self.follow * (pixels[..., :2] - self.sheet_grid))
        forward = torch.stack(frames).permute(0, 3, 1, 2)  # (B, 64, 64, 2) -> (B, 2, 64, 64)
        scale = SHEET / self.size
        backward = -forward
        for _ in range(INVERSIONS):
            at = (self.sheet_grid + backward.permute(0, 2, 3, 1)) * scale
            backward = -sample(forward, at)
        return backward

    @staticmethod
    def _extend(weighted: Tensor, weight: Tensor) -> Tensor:
        """Continue a field, multiplied by its weight already, into areas without weight; it fades with distance."""
        both = torch.cat([weighted, weight], 1)
        extended = torch.zeros_like(weighted)
        for radius in EXTENSION:
            soft = blur(both, radius, 2)
            total = soft[:, 2:]
            used = (total / EXTENDED).clamp(max=1)
            extended = extended + used * (soft[:, :2] / total.clamp_min(1e-4) - extended)
        return extended
