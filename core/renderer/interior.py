"""The inside of the mouth: the head model's teeth, gums, tongue and cheeks in the portrait's light.

If the photograph shows teeth, the model's teeth wear their colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..face.points import LIPS_INNER_RING
from ..head.head_model import PARTS
from .fields import blur, largest_of, sample, smoothstep
from .geometry import HeadGeometry, PosedHeads
from .light import Light
from .patch import PatchView
from .teeth import teeth_colour, teeth_light, teeth_mask

PARTS_INSIDE = ("teeth_upper", "teeth_lower", "gums_upper", "gums_lower", "tongue", "mouth_socket")
ALBEDO = {
    "teeth_upper": (0.97, 0.89, 0.82),
    "teeth_lower": (0.84, 0.765, 0.70),
    "gums_upper": (0.66, 0.36, 0.34),
    "gums_lower": (0.62, 0.33, 0.31),
    "tongue": (0.68, 0.37, 0.36),
    "mouth_socket": (0.42, 0.18, 0.17),
}
"""Colours under white light in front of the lips, display RGB 0–1. This module itself darkens them with the depth
behind the teeth. Therefore they differ from the finished colours of ``portrait.texture.PAINT``, which nothing darkens
afterwards."""

# Light ---------------------------------------------------------------------------------------------------------------
DEPTH_FALLOFF_CM = (3.4, 2.3, 2.1)
"""Distance behind the front teeth over which red, green and blue light in the mouth falls to 1/e."""
TOOTH_FALLOFF = 0.45
"""How much shorter that distance is for teeth: side teeth lie in the shade of the mouth's corners."""
FRONT_CM = 0.3
"""Depth behind the foremost point of the upper teeth up to which no light is lost."""
RECESS = 0.3
"""How much teeth darken behind lips that stand forward around a small opening, as in “oo” (``light_within``)."""
RECESS_TINT = (0.85, 1.05, 1.12)
"""Powers of that light for red, green and blue: lips and gums reflect the light that still arrives."""
ARCH_ROUNDNESS = 0.75
"""Share of the dental arch's own normal in the normals of teeth. Single teeth are too small to be shaded one by one."""
ARCH_FLATNESS, ARCH_CENTRE_CM = 1.2, 4.0
"""Shape of that arch: factor on its width, and its centre's depth behind the foremost point of the upper teeth."""
GLOSS = 0.10
GLOSS_POWER = 24
GLOSS_DIRECTION = (0.55, 0.8)
"""Brightness of the reflection on wet surfaces, its Phong exponent, and the y and z (camera axes) of the direction in
which it is brightest."""

# Shadow of the lips --------------------------------------------------------------------------------------------------
SHADOW_CM = 0.13
"""Radius of the blur that turns the opening into shadow, and how far above a point the shadow's source lies."""
SHADOW_ABOVE = 0.55
"""Share of the source above a point in its openness; the rest is around the point."""
SHADOW_RANGE = (0.05, 0.95)
"""Openness at which the shadow is deepest, and ends."""
DEEPEST = 0.35
"""Light that is left in the deepest shadow."""
TEETH_FILL = 0.5
"""Share of the lips' shadow that teeth are spared; they are glossy and in front."""
DEEPEST_ON_OWN = 0.45
"""Light that is left in the deepest shadow on the photograph's own teeth."""

# Gaps between teeth --------------------------------------------------------------------------------------------------
GAP_CM = 0.13
"""Half width up to which a gap between teeth is closed."""
GAP_SHADE = 0.85
"""Brightness of a closed gap relative to the teeth around it."""
NARROW_CM = (0.6, 0.3)
"""Opening of the lips at which gaps begin to be closed further, and are closed furthest: between lips that are barely
open, the tips of the teeth by themselves would look like missing teeth."""
GAP_TEETH = (0.12, 0.45)
GAP_TEETH_NARROW = (0.02, 0.12)
"""Share of teeth around a pixel at which a gap begins to be closed, and is closed: in an open mouth, and between lips
that are barely open."""
GAP_TONGUE = (0.35, 0.7)
"""The same where the tongue has moved."""

# Place of the teeth --------------------------------------------------------------------------------------------------
TEETH_DROP_CM = 0.18
"""How much lower the upper teeth stand than on the head model, if the photograph doesn't show them."""
TEETH_DROP_RANGE_CM = (0.05, 0.55)
"""Limits of that distance, if the photograph shows them."""
FRONT_TEETH_CM = 0.8
"""Front teeth reach this far to either side of the middle."""
TOOTH = 0.4
"""Mask above which a pixel shows teeth."""
LEAST_TEETH_CM = 0.25
"""Mean height of the teeth in the photograph from which their lower edge is read."""
EDGE_QUANTILE = 0.97
"""Quantile of the rows of tooth pixels that is taken as that edge."""
OWN_REACH_CM = (3.2, 1.6)
"""Depth behind the front teeth at which teeth stop wearing the photograph's colours, and wear them fully."""

# Tongue ---------------------------------------------------------------------------------------------------------------
TONGUE_MOVED = (0.0, 0.6)
"""Weight of the tongue from which it begins to count as moved, and counts fully."""
TONGUE_OUT_CM = (-0.55, 0.05)
"""Place of a point before the line where the lips meet, with a closed jaw, from which the tongue begins to be out, and
is out fully."""


@dataclass(frozen=True)
class Surface:
    """The surface of the mouth's inside in one frame.

    Attributes
    ----------
    normals
        (V, 3) unit normals in head space.
    depth_light
        (V, 3) share of red, green and blue light that arrives at this depth.
    moved
        (V, 1) 0..1: the tongue has moved here.
    out
        (V, 1) 0..1: the tongue is out between the lips here.
    """

    normals: Tensor
    depth_light: Tensor
    moved: Tensor
    out: Tensor


class MovedTongue:
    """The tongue of one person.

    Parameters
    ----------
    geometry
        The person's head.
    shape
        (V, 3) it at rest, in head space.
    behind
        (V, 1) distance in centimetres behind the place up to which no light is lost.
    falloff
        (3,) distance over which the light falls to 1/e.
    """

    def __init__(self, geometry: HeadGeometry, shape: Tensor, behind: Tensor, falloff: Tensor) -> None:
        model, rows = geometry.model, geometry.tongue
        self.geometry, self.rows, self.falloff = geometry, rows, falloff
        self.shape, self.behind = shape[rows], behind[rows]
        place = torch.full((len(shape),), -1)
        place[rows] = torch.arange(len(rows))
        self.triangles = place[model.triangles[model.triangle_part == PARTS.index("tongue")]]
        self.rest = self._normals(self.shape)
        lips = model.mean[model.contour_lips_inner]
        self.before_lips = model.mean[rows, 2:] - lips[:, 2].max()

    def surface(self, rest: Surface, weights: Tensor) -> Surface:
        """The surface of the mouth's inside with the tongue at its weights (2,); ``rest`` is that without them."""
        if not weights.any():
            return rest
        offsets = self.geometry.tongue_offsets(weights)
        normals, depth_light, moved, out = (
            values.clone() for values in (rest.normals, rest.depth_light, rest.moved, rest.out)
        )
        # The change is added, so that a tongue that moves by nothing looks as at rest, where the normals come from the
        # whole mesh.
        turned = normals[self.rows] + self._normals(self.shape + offsets) - self.rest
        normals[self.rows] = F.normalize(turned, dim=1)
        depth_light[self.rows] = torch.exp(-(self.behind - offsets[:, 2:]).clamp_min(0) / self.falloff)
        moved[self.rows] = smoothstep(*TONGUE_MOVED, weights.amax())
        out[self.rows] = smoothstep(*TONGUE_OUT_CM, self.before_lips + offsets[:, 2:])
        return Surface(normals, depth_light, moved, out)

    def _normals(self, shape: Tensor) -> Tensor:
        """(n, 3) unit normals of the tongue (n, 3): means of its triangles' normals, weighted by their areas."""
        a, b, c = (shape[corner] for corner in self.triangles.T)
        faces = torch.linalg.cross(b - a, c - a)
        total = torch.zeros_like(shape)
        for corner in self.triangles.T:
            total.index_add_(0, corner, faces)
        return F.normalize(total, dim=1)


class Interior:
    """The mouth's inside of one person.

    Parameters
    ----------
    geometry
        The person's head; its upper teeth are moved to where the photograph shows them.
    picture
        (1, 3, S, S) 0..1 the photograph.
    opening
        (1, 1, S, S) mask of the photograph's opening between the lips.
    light
        The portrait's light.
    pixels_per_cm
        At the lips.
    first_triangle
        Row of the first triangle of the inside in the window; those before it are lips and skin.
    """

    def __init__(
        self,
        geometry: HeadGeometry,
        picture: Tensor,
        opening: Tensor,
        light: Light,
        pixels_per_cm: float,
        first_triangle: int,
    ) -> None:
        self.geometry, self.light, self.pixels_per_cm = geometry, light, pixels_per_cm
        self.first_triangle = first_triangle
        self.own_teeth = teeth_mask(picture, opening, light)
        self.worn = torch.cat([teeth_colour(picture, self.own_teeth), self.own_teeth], 1)
        self._place_teeth()
        self._make_materials(teeth_light(picture, self.own_teeth, light, ALBEDO["teeth_upper"]))

    def vertex_colours(self, heads: PosedHeads) -> Tensor:
        """(B, V, 7): shaded colour, whether it is a tooth, how far it may wear the photograph's colours, and of
        `MovedTongue` how far it has moved and how far it is out between the lips."""
        surfaces = [self.tongue.surface(self.surface, weights) for weights in heads.tongue]
        normals = torch.stack([s.normals @ r.T for s, r in zip(surfaces, heads.rotation, strict=True)])
        depth_light = torch.stack([s.depth_light for s in surfaces])
        shade = self.light.shade(normals)[..., None]
        up, forward = GLOSS_DIRECTION
        gloss = (normals[..., 2:] * forward + normals[..., 1:2] * up).clamp_min(0).pow(GLOSS_POWER)
        colour = self.albedo * depth_light * shade + gloss * GLOSS * depth_light
        same = torch.cat([self.tooth, self.own_share], 1)
        moved = torch.stack([torch.cat([s.moved, s.out], 1) for s in surfaces])
        return torch.cat([colour, same.expand(len(colour), -1, -1), moved], 2)

    def light_within(self, heads: PosedHeads) -> Tensor:
        """(B, 3, 1, 1) 0..1: the share of light that comes through the lips' opening to the front teeth.

        An opening of area A at distance d in front of a point lets in about A / (A + π d²) of the light from there.
        """
        ring = self.geometry.model.mesh468(heads.pixels)[:, list(LIPS_INNER_RING)]
        x, y, depth = (ring / torch.tensor([self.pixels_per_cm, self.pixels_per_cm, 1.0])).unbind(-1)
        area = (x * y.roll(-1, 1) - x.roll(-1, 1) * y).sum(1).abs() / 2
        before = (heads.pixels[:, self.front_teeth, 2].mean(1) - depth.mean(1)).clamp_min(0)
        share = area / (area + RECESS * torch.pi * before.square()).clamp_min(1e-6)
        return share[:, None].pow(torch.tensor(RECESS_TINT))[:, :, None, None]

    def lay_behind(
        self, view: PatchView, colour: Tensor, cover: Tensor, between: Tensor, gap: Tensor, within: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Colour and cover of a window with the inside of the mouth between the lips, at its finer resolution.

        Parameters
        ----------
        view
            The window. Its values are: texture position (0, 1), cover (2), crease (3), then :meth:`vertex_colours`.
        colour, cover
            (B, 3, h, w) and (B, 1, h, w) of the lips.
        between
            (B, 1, h, w) 1 around the lips, between which the inside is seen; else 0. A tongue that is out is seen in
            front of them too.
        gap
            (B,) px opening of the lips.
        within
            Of :meth:`light_within`.
        """
        behind = (view.fragments.triangle >= self.first_triangle)[:, None].float()
        out = view.values[:, 10:11]
        inside = behind * torch.maximum(between, out)
        cover = cover * (1 - behind) + inside
        radius = max(1, round(SHADOW_CM * self.pixels_per_cm * view.fineness))
        open_around = blur(inside, radius, 2)
        above = torch.roll(open_around, radius, 2)
        openness = (1 - SHADOW_ABOVE) * open_around + SHADOW_ABOVE * above
        lit = DEEPEST + (1 - DEEPEST) * torch.maximum(smoothstep(*SHADOW_RANGE, openness), out)
        within = within + out * (1 - within)
        drawn = self._without_gaps(view, inside, gap)
        own = sample(self.worn, view.values[:, :2].permute(0, 2, 3, 1))
        weight = own[:, 3:] * view.values[:, 8:9]
        surface = drawn * (lit + TEETH_FILL * view.values[:, 7:8] * (1 - lit))
        surface = surface + weight * (own[:, :3] * (DEEPEST_ON_OWN + (1 - DEEPEST_ON_OWN) * lit) - surface)
        return colour + inside * (surface * within - colour), cover

    def _without_gaps(self, view: PatchView, inside: Tensor, gap: Tensor) -> Tensor:
        """(B, 3, h, w) colours with the thin gaps between teeth closed: at this size they are a shade, not a black
        line."""
        drawn, tooth = view.values[:, 4:7], view.values[:, 7:8] * inside
        radius = max(1, round(GAP_CM * self.pixels_per_cm * view.fineness))
        soft = blur(torch.cat([drawn * tooth, tooth], 1), radius, 2)
        narrow = smoothstep(*NARROW_CM, gap / self.pixels_per_cm)[:, None, None, None]
        low, high = (a - (a - b) * narrow for a, b in zip(GAP_TEETH, GAP_TEETH_NARROW, strict=True))
        # Where the tongue has moved between the rows of teeth, it is seen there, up to the teeth's edges.
        low, high = (a + (b - a) * view.values[:, 9:10] for a, b in zip((low, high), GAP_TONGUE, strict=True))
        near = smoothstep(low, high, soft[:, 3:])
        # The slits themselves, up to the gums, where few teeth are around: a slit has a tooth on its left and right.
        row = F.pad(tooth, (radius, radius, 0, 0))
        left, right = (largest_of(side, radius, 3) for side in (row[..., : -radius - 1], row[..., radius + 1 :]))
        near = torch.maximum(near, torch.minimum(left, right)) * (1 - tooth)
        return drawn + near * (GAP_SHADE * soft[:, :3] / soft[:, 3:].clamp_min(1e-3) - drawn)

    def _make_materials(self, white: Tensor) -> None:
        """Colours, normals and light of all vertices (V); those of other parts are black. ``white`` (3,) is the light
        on the teeth."""
        model, geometry = self.geometry.model, self.geometry
        count = len(model.mean)
        albedo, tooth = torch.zeros(count, 3), torch.zeros(count, 1)
        for name, colour in ALBEDO.items():
            vertices = model.part_vertices(name)
            albedo[vertices] = torch.tensor(colour)
            tooth[vertices] = float(name.startswith("teeth"))
        front = model.mean[model.part_vertices("teeth_upper"), 2].max()
        behind = (front - FRONT_CM - model.mean[:, 2:]).clamp_min(0)
        reach = torch.tensor(DEPTH_FALLOFF_CM) * (1 - TOOTH_FALLOFF * tooth)
        depth_light = torch.exp(-behind / reach)  # (V, 3)
        self.own_share = tooth * smoothstep(*OWN_REACH_CM, behind)
        shape = geometry.neutral + model.expression_offsets(geometry.own_expression)
        normals = model.normals(shape)
        arch = torch.stack([shape[:, 0] * ARCH_FLATNESS, torch.zeros(count), shape[:, 2] - front + ARCH_CENTRE_CM], 1)
        normals = normals + tooth * ARCH_ROUNDNESS * (F.normalize(arch, dim=1) - normals)
        self.albedo, self.tooth = albedo * white, tooth
        still = torch.zeros(count, 1)
        self.surface = Surface(F.normalize(normals, dim=1), depth_light, still, still)
        self.tongue = MovedTongue(geometry, shape, behind, torch.tensor(DEPTH_FALLOFF_CM))

    def _place_teeth(self) -> None:
        """Move the model's upper teeth down to where the photograph's teeth end, or else by a fixed distance."""
        geometry, model = self.geometry, self.geometry.model
        upper = model.part_vertices("teeth_upper")
        front = upper[model.mean[upper, 0].abs() < FRONT_TEETH_CM]
        self.front_teeth = front
        pixels = geometry.source.pixels[0, front]
        edge = float(pixels[:, 1].max())
        x = slice(int(pixels[:, 0].min()), int(pixels[:, 0].max()) + 1)
        rows = (self.own_teeth[0, 0, :, x] > TOOTH).nonzero()[:, 0]
        drop = TEETH_DROP_CM
        if len(rows) > LEAST_TEETH_CM * self.pixels_per_cm * (x.stop - x.start):
            low, high = TEETH_DROP_RANGE_CM
            seen_edge = float(rows.float().quantile(EDGE_QUANTILE)) + 1
            drop = min(max((seen_edge - edge) / self.pixels_per_cm, low), high)
        moved = torch.cat([upper, model.part_vertices("gums_upper")])
        geometry.shift(moved, torch.tensor([0.0, -drop, 0.0]))
