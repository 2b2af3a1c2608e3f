"""One person's teeth: strips that wear the photograph's own teeth where it shows them, and learned ones elsewhere."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import torch
from torch import Tensor

from ...head.raster import interpolate, rasterise
from ..fields import blur, sample, smoothstep
from ..geometry import HeadGeometry, PosedHeads
from ..light import Light
from ..patch import PatchView
from .appearance import Strip, load_teeth, luma_of, placed
from .arch import DENSITY, HEIGHTS_CM, REACH_CM, Arch, ArchInPicture, boundaries, texture_places
from .photographed import teeth_mask

TALKING = 0.8
"""Brightness of unseen teeth relative to those in smiling portraits. Teeth of filmed talkers of GRID are that much
darker: less light comes in between lips that talk, and films aren't retouched."""
LOWER_TONE = 0.86
"""Brightness of the lower teeth relative to the upper ones: they lean inward and lie in the lower lip's shade."""
LEAST_TEETH = 150.0
"""Pixels of the picture of teeth that must show teeth in the photograph, so that it counts as showing them."""
DRAW = 0.8
"""Spread of the patterns' weights for people whose teeth aren't seen, relative to that among people."""
SOFT_CM = 0.08
"""Radius over which the photograph's own teeth pass into the learned ones."""
TRUSTED = (0.55, 0.95)
"""Blurred mask between which the photograph's own teeth come in."""
CROWN_CM = (0.25, 0.6)
"""Heights between which the brightness of a crown is read."""
EDGE = (0.6, 0.86)
"""Brightness relative to the crown between which a tooth begins, at its biting edge."""
LEARNED_EDGE = (0.3, 0.8)
"""Cover of the learned teeth between which the photograph's own teeth may be."""
EDGE_CM = (-0.1, 0.1, 0.3, 0.4)
"""There is no tooth below the first height, there may be from the second on, and there surely is from the third to the
fourth."""
SHARPER, SHARPER_CM = 1.2, 0.12
"""How much the learned picture is sharpened, and over which distance: averaging people blurs the gaps."""
CROWNS_CM = (1.05, 0.9, 1.0, 0.85, 0.85, 0.75)
"""Heights of crowns from the middle outward (source as for ``arch.WIDTHS_CM``); the gums begin there."""
SHORTER_CM = (0.0, 0.06, 0.0, 0.03, 0.05, 0.08)
"""How much higher their biting edges lie than those of the middle teeth."""
ROUNDED_CM, ROUNDNESS = 0.1, 4
"""How much higher the edge is at the corners of a tooth, and the power of the distance from its middle."""
SCALLOP_CM, GUMS_SOFT_CM = 0.2, 0.1
"""How much lower the gums reach between teeth, and how softly they begin."""
GUMS, GUMS_SHARE = (0.78, 0.47, 0.45), 0.75
"""Colour of gums relative to that of teeth in full light, and how much of it is laid over what was learned: few
people show them."""
ENDS_CM = (3.9, 2.7)
"""Distance along the arch at which teeth end in the dark of the cheeks, and are whole."""
GUMS_CM = 0.9
"""How far a strip goes on above the picture, in the colours of its highest row: a lip that is drawn up shows gums."""
COLUMNS, ROWS = 43, 7
"""Points of a strip along the arch, and along the height."""
SHADE_RANGE = (0.8, 1.2)
"""Limits of the light on teeth relative to that in the photograph."""
DARKEST = (0.26, 0.13, 0.12)
"""Lower limit of the relative colours: also between teeth and cheeks no wet surface is black."""
GLOSS = 0.12
GLOSS_CM = (0.32, 0.55, 0.2)
"""Brightness of the gloss of learned teeth, its half width relative to the tooth's, its height, and its half height."""


@dataclass(frozen=True)
class Layer:
    """One row of teeth in a window.

    Attributes
    ----------
    colour
        (B, 3, h, w).
    cover
        (B, 1, h, w) 0..1.
    depth
        (B, 1, h, w) distance from the camera plane in centimetres; +inf where there is no strip.
    """

    colour: Tensor
    cover: Tensor
    depth: Tensor


class Row:
    """One row of teeth.

    Parameters
    ----------
    geometry
        The person's head.
    arch
        The row's arch.
    placement
        (5,) of the picture of teeth on the arch.
    picture
        (1, 4, H, W) colour in the photograph's light, and cover.
    light
        The portrait's light.
    """

    def __init__(self, geometry: HeadGeometry, arch: Arch, placement: Tensor, picture: Tensor, light: Light) -> None:
        self.geometry, self.arch, self.picture, self.light = geometry, arch, picture, light
        low, high = HEIGHTS_CM
        along, height = torch.linspace(-REACH_CM, REACH_CM, COLUMNS), torch.linspace(high + GUMS_CM, low, ROWS)
        along, height = along.expand(ROWS, COLUMNS).reshape(-1), height[:, None].expand(ROWS, COLUMNS).reshape(-1)
        at = torch.stack([(along + REACH_CM) * DENSITY, (high - height) * DENSITY], 1)  # (N, 2) px of the picture
        on_head = tuple(v[0] for v in placed(placement[None], along, height))
        self.weights = arch.weights(arch.points(*on_head), geometry.model)
        self.normals = arch.normals(on_head[0])
        self.triangles = _grid(ROWS, COLUMNS, clockwise=arch.row == "lower")
        before = light.shade(self.normals @ geometry.rotation.T)
        self.attributes = torch.cat([at, 1 / before[:, None]], 1)

    def places(self, heads: PosedHeads) -> Tensor:
        """(B, N, 3) the strip's points on posed heads: x, y in pixels of the square, and distance in centimetres."""
        geometry = self.geometry
        # Frame by frame: a matrix product can round differently for another number of rows.
        frames = heads.pixels[:, self.arch.vertices]
        return torch.stack([geometry.project(self.weights @ geometry.unproject(pixels)) for pixels in frames])

    def layer(self, view: PatchView, heads: PosedHeads) -> Layer:
        """The row in a window, at its finer resolution."""
        places = self.places(heads)
        values = []
        for rotation in heads.rotation:
            change = self.light.shade(self.normals @ rotation.T)[:, None] * self.attributes[:, 2:]
            values.append(torch.cat([self.attributes[:, :2], change.clamp(*SHADE_RANGE)], 1))
        local = torch.cat([(places[..., :2] - view.origin[:, None]) * view.fineness, places[..., 2:]], -1)
        height, width = view.values.shape[-2:]
        seen = rasterise(local, self.triangles, height, width, cull_backfaces=True)
        found = interpolate(seen, self.triangles, torch.stack(values)).permute(0, 3, 1, 2)
        drawn = sample(self.picture, found[:, :2].permute(0, 2, 3, 1))
        cover = drawn[:, 3:] * seen.covered[:, None]
        return Layer(drawn[:, :3] * found[:, 2:], cover, seen.depth[:, None])


class Teeth:
    """Both rows of one person.

    The upper row is placed where the photograph shows it. The head model's own teeth are moved there too, because
    others measure with them.

    Parameters
    ----------
    geometry
        The person's head.
    picture
        (1, 3, S, S) 0..1 the photograph.
    opening
        (1, 1, S, S) mask of its opening between the lips.
    light
        The portrait's light.
    """

    def __init__(self, geometry: HeadGeometry, picture: Tensor, opening: Tensor, light: Light) -> None:
        model = load_teeth(str(picture.device))
        upper, lower = (Arch.of(geometry.model, row) for row in ("upper", "lower"))
        in_picture = ArchInPicture(upper, geometry)
        strip = Strip.of(picture, opening, in_picture)
        mask = Strip.of(teeth_mask(picture, opening, light).expand(-1, 3, -1, -1), opening, in_picture)
        placement = model.align(strip)[0]
        self.seen = float(mask.at(placement[None])[0][0, 0].sum()) > LEAST_TEETH
        if self.seen:
            colour, shown, full = model.relative(strip, placement)
            weights = model.weights_of(colour, shown)
            learned = model.picture(weights)
            trust = smoothstep(*TRUSTED, blur(shown[None], round(SOFT_CM * DENSITY), 2)[0])
            learned = _crisp(learned)
            own = learned + trust * (colour - learned)
        else:
            placement, full = model.place, light.white * model.tone * TALKING
            # Drawn for the photograph, so that a person's teeth are the same in every take and at every size.
            generator = torch.Generator().manual_seed(zlib.crc32(geometry.digest.encode()))
            weights = DRAW * torch.randn(len(model.basis), generator=generator).to(picture.device)
            own = learned = _crisp(model.picture(weights))
            trust = torch.zeros_like(learned[:1])
        self.weights = weights
        glossy = learned + (1 - trust) * _gloss()
        own = own + (1 - trust) * _gloss()
        # Below the photograph's own teeth its lower teeth can follow at once; the learned edge parts them.
        cover = _cover(own) * (1 - trust + trust * smoothstep(*LEARNED_EDGE, _cover(learned)))
        cover = torch.minimum(cover, trust + (1 - trust) * _outline())
        own, glossy = (torch.maximum(v, torch.tensor(DARKEST)[:, None, None]) for v in (own, glossy))
        along, _ = texture_places()
        cover = cover * smoothstep(*ENDS_CM, along.abs())
        coloured = own * full[:, None, None]
        placement = self._move_upper(geometry, upper, placement)
        self.rows = (
            Row(geometry, lower, _lower_placement(placement), _as_lower(glossy * full[:, None, None], learned), light),
            Row(geometry, upper, placement, torch.cat([coloured, cover])[None], light),
        )

    @staticmethod
    def _move_upper(geometry: HeadGeometry, arch: Arch, placement: Tensor) -> Tensor:
        """Move the head model's upper teeth and gums up or down, so that they end where the picture of teeth on the
        arch ends. The placement (5,) on the moved head is returned."""
        gums = geometry.model.part_vertices("gums_upper")
        edge = geometry.model.mean[arch.vertices, 1].min() - arch.edge[0]
        up = placement[2] - edge
        geometry.shift(torch.cat([arch.vertices, gums]), torch.tensor([0.0, float(up), 0.0]))
        return torch.cat([placement[:2], edge[None], placement[3:]])

    def layers(self, view: PatchView, heads: PosedHeads) -> tuple[Layer, Layer]:
        """The lower and the upper row in a window, at its finer resolution."""
        lower, upper = self.rows
        return lower.layer(view, heads), upper.layer(view, heads)


def _grid(rows: int, columns: int, clockwise: bool) -> Tensor:
    """(F, 3) triangles of a grid of points, row by row."""
    first = torch.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (v.reshape(-1) for v in (first[:-1, :-1], first[:-1, 1:], first[1:, :-1], first[1:, 1:]))
    triangles = torch.cat([torch.stack([a, c, b], 1), torch.stack([b, c, d], 1)])
    return triangles.flip(1) if clockwise else triangles


def _cover(picture: Tensor) -> Tensor:
    """(1, H, W) 0..1: where relative colours (3, H, W) show a tooth, and not what is seen below its edge."""
    _, height = texture_places()
    luma = luma_of(picture)
    crown = (height[:, :1] > CROWN_CM[0]) & (height[:, :1] < CROWN_CM[1])
    bright = (luma * crown).sum(1, keepdim=True) / crown.sum()
    none, may, sure, surely = EDGE_CM
    tooth = smoothstep(*EDGE, luma / bright.clamp_min(1e-3)) * smoothstep(none, may, height)
    return torch.maximum(tooth, smoothstep(sure, surely, height))


def _in_tooth() -> tuple[Tensor, Tensor]:
    """Number of the upper tooth from the middle outward, and place in it from −1 to 1, (H, W) each."""
    along, _ = texture_places()
    ends = torch.cat([torch.zeros(1), boundaries("upper")])
    tooth = (along.abs()[..., None] >= ends[1:]).sum(-1).clamp(max=len(ends) - 2)
    return tooth, 2 * (along.abs() - ends[tooth]) / (ends[tooth + 1] - ends[tooth]) - 1


def _crisp(learned: Tensor) -> Tensor:
    """(3, H, W) learned colours with sharper gaps, and gums above the crowns."""
    sharp = learned + SHARPER * (learned - blur(learned[None], round(SHARPER_CM * DENSITY), 2)[0])
    _, height = texture_places()
    tooth, across = _in_tooth()
    line = torch.tensor(CROWNS_CM)[tooth] - SCALLOP_CM * across**ROUNDNESS
    gums = GUMS_SHARE * smoothstep(-GUMS_SOFT_CM, GUMS_SOFT_CM, height - line)
    return sharp + gums * (torch.tensor(GUMS)[:, None, None] - sharp)


def _outline() -> Tensor:
    """(1, H, W) 0..1: above the biting edges of teeth as textbooks have them."""
    _, height = texture_places()
    tooth, across = _in_tooth()
    edge = torch.tensor(SHORTER_CM)[tooth] + ROUNDED_CM * across**ROUNDNESS
    return smoothstep(-1 / DENSITY, 1 / DENSITY, height - edge)[None]


def _gloss() -> Tensor:
    """(1, H, W) reflection of the window in front of every tooth, relative to full light."""
    along, height = texture_places()
    _, across = _in_tooth()
    width, middle, tall = GLOSS_CM
    spots = torch.exp(-0.5 * ((across / width) ** 2 + ((height - middle) / tall) ** 2))
    return (GLOSS * spots * torch.exp(-((along / 2) ** 2)))[None]


def _as_lower(coloured: Tensor, learned: Tensor) -> Tensor:
    """(1, 4, H, W) picture of the lower teeth, from that of the upper ones: tooth by tooth, in their own widths."""
    along, height = texture_places()
    upper, lower = (torch.cat([torch.zeros(1), boundaries(row)]) for row in ("upper", "lower"))
    tooth = (along.abs()[..., None] >= lower[1:]).sum(-1).clamp(max=len(lower) - 2)
    share = (along.abs() - lower[tooth]) / (lower[tooth + 1] - lower[tooth])
    there = along.sign() * (upper[tooth] + share * (upper[tooth + 1] - upper[tooth]))
    at = torch.stack([(there + REACH_CM) * DENSITY, (HEIGHTS_CM[1] - height) * DENSITY], -1)[None]
    picture = torch.cat([coloured * LOWER_TONE, torch.minimum(_cover(learned), _outline())])
    return sample(picture[None], at)


def _lower_placement(placement: Tensor) -> Tensor:
    """(5,) of the lower row: as wide as the upper one, at its own height."""
    lower = torch.zeros_like(placement)
    lower[1] = placement[1]
    return lower
