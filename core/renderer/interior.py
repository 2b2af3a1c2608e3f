"""The inside of the mouth: gums, tongue and cheeks of the head model, lit through the opening of the lips.

``teeth/`` draws the teeth.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..face.points import LIPS_INNER_RING
from ..head.head_model import PARTS
from .fields import blur, smoothstep
from .geometry import HeadGeometry, PosedHeads
from .light import Light
from .patch import PatchView
from .teeth.drawing import Layer, Teeth

PARTS_INSIDE = ("gums_upper", "gums_lower", "tongue", "mouth_socket")
"""Parts that are seen between the lips besides the teeth."""
ALBEDO = {
    "gums_upper": (0.72, 0.42, 0.40),
    "gums_lower": (0.70, 0.40, 0.38),
    "tongue": (1.32, 0.81, 0.78),
    "mouth_socket": (0.52, 0.22, 0.21),
}
"""Colours under white light in front of the lips, display RGB 0–1. This module itself darkens them with the light that
comes in through the lips. Therefore they differ from the finished colours of ``portrait.texture.PAINT``, which nothing
darkens afterwards. The tongue's red is above 1, because light also comes through its wet surface from around."""

# Light ---------------------------------------------------------------------------------------------------------------
RECESS = 0.3
"""How much things darken behind the opening of the lips (``light_within``)."""
CAVITY_RECESS = 0.2
"""The same for the cavity: the lips and the teeth also take light from the sides."""
LEAST_LIGHT = (0.4, 0.12)
"""Light that arrives at the front of the cavity, and in the throat, through the narrowest opening."""
THROAT_CM = 1.2
"""Depth, besides the opening's diameter, at which the throat begins."""
RECESS_TINT = (0.85, 1.05, 1.12)
"""Powers of that light for red, green and blue: lips and gums reflect the light that still arrives."""
BOUNCED = 0.5
"""Share of the light in the cavity that has no direction, because its walls reflect it."""
GLOSS = 0.4
GLOSS_POWER = 14
"""Brightness of the reflection of the opening on wet surfaces, and its Blinn-Phong exponent."""

# Shadow of the lips --------------------------------------------------------------------------------------------------
SHADOW_CM = 0.13
"""Radius of the blur that turns the opening into shadow, and how far above a point the shadow's source lies."""
SHADOW_ABOVE = 0.55
"""Share of the source above a point in its openness; the rest is around the point."""
SHADOW_RANGE = (0.05, 0.95)
"""Openness at which the shadow is deepest, and ends."""
DEEPEST = 0.35
"""Light that is left in the deepest shadow."""
TEETH_FILL = 0.4
"""Share of the lips' shadow that teeth are spared; they are glossy and in front."""
BESIDE_CM = 0.12
"""How far the tongue must lie before a tooth to hide it whole."""
FRONT_TEETH_CM = 0.8
"""Front teeth reach this far to either side of the middle."""

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
    moved
        (V, 1) 0..1: the tongue has moved here.
    out
        (V, 1) 0..1: the tongue is out between the lips here.
    """

    normals: Tensor
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
    """

    def __init__(self, geometry: HeadGeometry, shape: Tensor) -> None:
        model, rows = geometry.model, geometry.tongue
        self.geometry, self.rows, self.shape = geometry, rows, shape[rows]
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
        normals, moved, out = (values.clone() for values in (rest.normals, rest.moved, rest.out))
        # The change is added, so that a tongue that moves by nothing looks as at rest, where the normals come from the
        # whole mesh.
        turned = normals[self.rows] + self._normals(self.shape + offsets) - self.rest
        normals[self.rows] = F.normalize(turned, dim=1)
        moved[self.rows] = smoothstep(*TONGUE_MOVED, weights.amax())
        out[self.rows] = smoothstep(*TONGUE_OUT_CM, self.before_lips + offsets[:, 2:])
        return Surface(normals, moved, out)

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
        self.teeth = Teeth(geometry, picture, opening, light)
        model = geometry.model
        teeth = model.part_vertices("teeth_upper")
        self.front_teeth = teeth[model.mean[teeth, 0].abs() < FRONT_TEETH_CM]
        self.vertices = model.part_vertices(*PARTS_INSIDE)
        shape = geometry.neutral + model.expression_offsets(geometry.own_expression)
        albedo = torch.zeros(len(model.mean), 3)
        for name, colour in ALBEDO.items():
            albedo[model.part_vertices(name)] = torch.tensor(colour)
        self.albedo = (albedo * light.white)[self.vertices]
        still = torch.zeros(len(model.mean), 1)
        self.surface = Surface(model.normals(shape), still, still)
        self.tongue = MovedTongue(geometry, shape)

    def vertex_colours(self, heads: PosedHeads) -> Tensor:
        """(B, V, 5): lit colour, and of `MovedTongue` how far it has moved and how far it is out between the lips.

        The opening of the lips is a lamp: a place sees it under an angle that falls with the square of the distance,
        and a surface that faces it takes most light.
        """
        frames = []
        area, middle = self._opening(heads)
        for k, weights in enumerate(heads.tongue):
            surface = self.tongue.surface(self.surface, weights)
            places = self.geometry.unproject(heads.pixels[k, self.vertices])
            normals = surface.normals[self.vertices] @ heads.rotation[k].T
            way = middle[k] - places
            distance = way.norm(dim=1, keepdim=True).clamp_min(1e-3)
            toward = way / distance
            arrives = area[k] / (area[k] + CAVITY_RECESS * torch.pi * distance.square()).clamp_min(1e-6)
            facing = (normals * toward).sum(1, keepdim=True).clamp_min(0)
            half = F.normalize(toward - F.normalize(places, dim=1), dim=1)
            gloss = (normals * half).sum(1, keepdim=True).clamp_min(0).pow(GLOSS_POWER)
            depth = (way @ heads.rotation[k])[:, 2:].clamp_min(0)
            reach = THROAT_CM + 2 * (area[k] / torch.pi).sqrt()
            front, throat = LEAST_LIGHT
            least = throat + (front - throat) * torch.exp(-(depth / reach).pow(4))
            lit = (least + (1 - least) * arrives).pow(torch.tensor(RECESS_TINT))
            colour = lit * (self.albedo * (BOUNCED + (1 - BOUNCED) * facing) + GLOSS * gloss * self.light.white)
            values = torch.cat([torch.zeros(len(surface.moved), 3), surface.moved, surface.out], 1)
            values[self.vertices, :3] = colour
            frames.append(values)
        return torch.stack(frames)

    def light_within(self, heads: PosedHeads) -> Tensor:
        """(B, 3, 1, 1) 0..1: the share of light that comes through the lips' opening to the front teeth.

        An opening of area A at distance d in front of a point lets in about A / (A + π d²) of the light from there.
        """
        area, middle = self._opening(heads)
        before = (heads.pixels[:, self.front_teeth, 2].mean(1) + middle[:, 2]).clamp_min(0)
        share = area / (area + RECESS * torch.pi * before.square()).clamp_min(1e-6)
        return share[:, None].pow(torch.tensor(RECESS_TINT))[:, :, None, None]

    def _opening(self, heads: PosedHeads) -> tuple[Tensor, Tensor]:
        """(B,) area in cm² of the opening of the lips as the camera sees it, and (B, 3) its middle in camera axes."""
        ring = self.geometry.model.mesh468(heads.pixels)[:, list(LIPS_INNER_RING)]
        x, y, _ = (ring / self.pixels_per_cm).unbind(-1)
        area = (x * y.roll(-1, 1) - x.roll(-1, 1) * y).sum(1).abs() / 2
        return area, self.geometry.unproject(ring).mean(1)

    def lay_behind(
        self, view: PatchView, heads: PosedHeads, colour: Tensor, cover: Tensor, between: Tensor, within: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Colour and cover of a window with the inside of the mouth between the lips, at its finer resolution.

        Parameters
        ----------
        view
            The window. Its values are: texture position (0, 1), cover (2), crease (3), then :meth:`vertex_colours`.
        heads
            The posed heads.
        colour, cover
            (B, 3, h, w) and (B, 1, h, w) of the lips.
        between
            (B, 1, h, w) 1 around the lips, between which the inside is seen; else 0. A tongue that is out is seen in
            front of them too.
        within
            Of :meth:`light_within`.
        """
        behind = (view.fragments.triangle >= self.first_triangle)[:, None].float()
        moved, out = view.values[:, 7:8], view.values[:, 8:9]
        inside = behind * torch.maximum(between, out)
        cover = cover * (1 - behind) + inside
        radius = max(1, round(SHADOW_CM * self.pixels_per_cm * view.fineness))
        open_around = blur(inside, radius, 2)
        above = torch.roll(open_around, radius, 2)
        openness = (1 - SHADOW_ABOVE) * open_around + SHADOW_ABOVE * above
        lit = DEEPEST + (1 - DEEPEST) * torch.maximum(smoothstep(*SHADOW_RANGE, openness), out)
        within = within + out * (1 - within)
        surface = view.values[:, 4:7] * lit
        on_teeth = (lit + TEETH_FILL * (1 - lit)) * within
        depth = view.fragments.depth[:, None]
        for teeth in self.teeth.layers(view, heads):
            shown = teeth.cover * (1 - moved * _before(depth, teeth))
            surface = surface + shown * (teeth.colour * on_teeth - surface)
        return colour + inside * (surface - colour), cover


def _before(depth: Tensor, teeth: Layer) -> Tensor:
    """(B, 1, h, w) 0..1: what lies at a depth hides the teeth."""
    return smoothstep(0.0, BESIDE_CM, torch.where(teeth.cover > 0, teeth.depth - depth, 0.0))
