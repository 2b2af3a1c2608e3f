"""The outer surface of the head with its hair: the head model's scalp, widened or narrowed to the person's outline.

The head model is bald, and its crown is only guessed from the face. Here its scalp gets the outline that the matte
shows. Then the outline can turn with the head in space, and so can the hair that lies within it.

All of this holds at the crown and fades out toward the sides. When a head turns, one of its sides goes out of sight and
the other comes into view, so the outline at the sides nearly stays in place. Hair there that turned with the outline's
own depth would stand beside the face like a screen, and the turn would look too small.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..head.raster import rasterise
from .fields import sample, smoothstep
from .geometry import HeadGeometry, PosedHeads

CENTRE_CM = (0.0, 4.0, 0.0)
"""Middle of the skull in head space."""
RAYS = 90
"""Directions around it in the picture in which the outlines are compared."""
SMOOTHNESS = 2.0
"""Standard deviation with which the result is smoothed, in directions."""
SCALE = (0.85, 1.8)
"""Limits of the person's outline relative to the head model's."""
UPPER = (math.radians(20), math.radians(100))
"""Angle from the direction of the crown up to which a place counts as an upper one, and from which it counts as one of
the sides. Below lie ears, jaw and neck."""
WIDENED = (0.75, 1.0)
"""Distance from the middle, relative to the outline, at which the scalp begins to be widened, and is widened fully."""
SCALP_CM = (3.0, 6.0)
"""Height in head space from which a vertex belongs to the scalp a little, and fully."""
ROUNDED = (0.7, 0.35)
"""Cosine between normal and line of sight below which what is shown begins to depend on the outline of the frame, and
depends on it alone."""


class Hull:
    """The outer surface of one portrait's head.

    Parameters
    ----------
    geometry
        The person's head in the square.
    tight
        (1, 1, S, S) 0..1 probability of the person.
    skin
        (F, 3) the head model's skin triangles.

    Attributes
    ----------
    source
        (V, 3) the surface in the photograph: x, y in pixels of the square, and the distance in cm.
    facing
        (V,) cosine between its normals and the line of sight in the photograph.
    shown_normals
        (V, 3) its normals in the photograph, in camera axes.
    scalp
        (V,) 0..1: how far a vertex belongs to the scalp.
    """

    def __init__(self, geometry: HeadGeometry, tight: Tensor, skin: Tensor) -> None:
        self.geometry, model = geometry, geometry.model
        bald = geometry.source.pixels[0]
        points = torch.tensor([CENTRE_CM, (0.0, CENTRE_CM[1] + 10, 0.0)])
        self.centre, top = geometry.project(points @ geometry.rotation.T + geometry.translation)[:, :2]
        self.crown = _angle(top - self.centre)
        away = bald[:, :2] - self.centre
        outline, scale = (_at(values, _angle(away)) for values in self._compare(tight, skin))
        is_skin = torch.zeros(len(bald)).index_fill(0, skin.unique(), 1.0)
        part = smoothstep(*WIDENED, away.norm(dim=1) / outline) * is_skin
        self.source = torch.cat([self.centre + away * (1 + (scale - 1) * part)[:, None], bald[:, 2:]], 1)
        offsets = (geometry.unproject(self.source) - geometry.unproject(bald)) @ geometry.rotation  # rows: R^T d
        self.moved = (offsets.abs().amax(1) > 0).nonzero()[:, 0]
        self.offsets = offsets[self.moved] * geometry.rigidity[self.moved]
        shape = geometry.neutral + model.expression_offsets(geometry.own_expression) + offsets
        normals = model.normals(shape)
        self.shown_normals = normals @ geometry.rotation.T
        self.facing = self._facing(normals, self.source, geometry.rotation)
        self.scalp = smoothstep(*SCALP_CM, model.mean[:, 1]) * self.upper(away) * is_skin
        self.top = (self.scalp > 0).nonzero()[:, 0]
        self.normals = normals[self.top]
        self.sine = _sine(self.facing[self.top])
        # From the middle to the outline, in the direction of each vertex.
        radius = F.normalize(away, dim=1) * (outline * scale * self.scalp)[:, None]
        self.radius = radius[self.top]

    def upper(self, away: Tensor) -> Tensor:
        """(...,) 0..1: how far a direction (..., 2) px from the skull's middle is an upper one: 1 at the crown."""
        from_crown = (_angle(away) - self.crown + math.pi) % (2 * math.pi) - math.pi
        return smoothstep(UPPER[1], UPPER[0], from_crown.abs())

    def _compare(self, tight: Tensor, skin: Tensor) -> tuple[Tensor, Tensor]:
        """For each direction the head model's outline (RAYS,) px, and the wanted one relative to it (RAYS,): at the
        crown the person's own."""
        size = tight.shape[-1]
        angles = torch.arange(RAYS) * (2 * math.pi / RAYS)
        directions = torch.stack([angles.sin(), -angles.cos()], -1)
        covered = rasterise(self.geometry.source.pixels, skin, size, size).covered[:, None].float()
        model, person = (_outline(mask, self.centre, directions) for mask in (covered, tight))
        scale = 1 + ((person / model.clamp_min(1)).clamp(*SCALE) - 1) * self.upper(directions)
        return _smooth(model), _smooth(scale)

    def _facing(self, normals: Tensor, pixels: Tensor, rotation: Tensor) -> Tensor:
        view = F.normalize(self.geometry.unproject(pixels), dim=-1)
        return -((normals @ rotation.T) * view).sum(-1)

    def posed(self, heads: PosedHeads) -> Tensor:
        """(B, V, 3) the surface of posed heads, as in ``PosedHeads.pixels``."""
        out = heads.pixels.clone()
        for pixels, rotation in zip(out, heads.rotation, strict=True):  # frame by frame, as in ``HeadGeometry.pose``
            camera = self.geometry.unproject(pixels[self.moved]) + self.offsets @ rotation.T
            pixels[self.moved] = self.geometry.project(camera)
        return out

    def shown(self, pixels: Tensor, heads: PosedHeads) -> Tensor:
        """(B, V, 2) the place in the photograph whose colours each vertex of a posed surface (B, V, 3) shows.

        Mostly it is the vertex's own place. But near the outline of the frame the scalp shows what lies near the
        outline of the photograph: when a head nods, the photograph has no picture of the part that comes into view
        behind the crown. So hair keeps its shape along the outline, and is stretched farther inside.
        """
        out = self.source[:, :2].expand(len(pixels), -1, -1).clone()
        for shown, frame, rotation in zip(out, pixels, heads.rotation, strict=True):
            facing = self._facing(self.normals, frame[self.top], rotation)
            outward = smoothstep(*ROUNDED, facing.clamp_min(0)) * (_sine(facing.clamp_min(0)) - self.sine)
            shown[self.top] += outward[:, None] * self.radius
        return out


def _sine(cosine: Tensor) -> Tensor:
    return (1 - cosine.square()).clamp_min(0).sqrt()


def _angle(away: Tensor) -> Tensor:
    """(...,) radians from straight up to a direction (..., 2) in the picture, clockwise."""
    return torch.atan2(away[..., 0], -away[..., 1])


def _outline(mask: Tensor, centre: Tensor, directions: Tensor) -> Tensor:
    """(R,) distance in pixels from a centre (2,) to the end of the mask (1, 1, S, S) in each direction (R, 2)."""
    size = mask.shape[-1]
    distances = torch.arange(0, 2 * size) * 0.5
    places = centre + directions[:, None] * distances[:, None]  # (R, N, 2)
    within = ((places > 0) & (places < size)).all(-1)
    values = sample(mask, places[None])[0, 0] * within
    return (values.cummin(1).values > 0.5).sum(1) * 0.5


def _smooth(values: Tensor) -> Tensor:
    """(R,) values in a circle, smoothed."""
    reach = round(3 * SMOOTHNESS)
    steps = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (steps / SMOOTHNESS).square())
    turned = torch.stack([values.roll(int(k)) for k in steps])
    return (turned * (weights / weights.sum())[:, None]).sum(0)


def _at(values: Tensor, angle: Tensor) -> Tensor:
    """Values (R,) in a circle at angles (...,) from its first, interpolated."""
    place = (angle % (2 * math.pi)) * (len(values) / (2 * math.pi))
    first = place.floor()
    low, high = (values[(first.long() + k) % len(values)] for k in (0, 1))
    return low + (place - first) * (high - low)
