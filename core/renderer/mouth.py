"""The mouth: lips that keep their own texture, and behind them the head model's teeth, gums, tongue and cheeks in the
portrait's light. Where the photograph shows teeth, the model's teeth wear them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..head.head_model import PARTS
from ..head.raster import interpolate, rasterise
from .fields import blur, dilate, erode, fill_smoothly, largest_of, sample, smoothstep
from .geometry import HeadGeometry, PosedHeads
from .light import LUMA, Light
from .masks import LIPS_INNER_RING, LIPS_OUTER_RING, polygon
from .patch import Patch, PatchView, borrow_hidden, triangles_near
from .spread import smooth_on_mesh
from .visibility import visible_vertices

WINDOW_CM = (8.4, 8.0)
REACH_CM = (3.9, 3.3)
"""Half axes of the ellipse of skin around the mouth that the window redraws."""
INTERIOR = ("teeth_upper", "teeth_lower", "gums_upper", "gums_lower", "tongue", "mouth_socket")
ALBEDO = {
    "teeth_upper": (0.97, 0.89, 0.82),
    "teeth_lower": (0.84, 0.765, 0.70),
    "gums_upper": (0.66, 0.36, 0.34),
    "gums_lower": (0.62, 0.33, 0.31),
    "tongue": (0.68, 0.37, 0.36),
    "mouth_socket": (0.42, 0.18, 0.17),
}
"""Colours under white light, RGB 0–1."""
DEPTH_FALLOFF_CM = (3.4, 2.3, 2.1)
"""Distance behind the front teeth over which red, green and blue light in the mouth falls by e."""
OPEN_CM = 0.07
"""Opening of the lips under which nothing behind them is drawn."""
TEETH_DROP_CM = 0.18
"""How much lower than on the model, whose lips hide them, the upper teeth stand where no photograph tells."""
TEETH_DROP_RANGE_CM = (0.05, 0.55)
LINE = (
    (78, 78),
    (191, 95),
    (80, 88),
    (81, 178),
    (82, 87),
    (13, 14),
    (312, 317),
    (311, 402),
    (310, 318),
    (415, 324),
    (308, 308),
)
"""(upper, lower) inner-lip points along the line where the lips meet, from the person's right corner to the left."""
LINE_HALF_WIDTH_CM = 0.1
PAIRS = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318))
CREASE_TINT = (0.42, 0.56, 0.56)
"""Light that is lost, of red, green and blue, where lips meet or turn inward."""
RECESS = 0.3
"""How much teeth darken behind lips that stand forward around a small opening, as in “oo” (``Mouth._light_within``)."""
RECESS_TINT = (0.85, 1.05, 1.12)
"""Powers of that light for red, green and blue: what still arrives has been thrown back by lips and gums."""
TEETH_FILL = 0.5
"""Share of the lips' shadow that teeth, which are glossy and in front, are spared."""
GAP_CM = 0.13
"""Half width up to which a gap between teeth is closed."""
OWN_SHADE = 0.86
"""Darkest that the photograph's teeth may be where they are worn, in parts of the colour around: the lip's shadow on
them is drawn anew for each frame, and the photograph's own, worn a little lower, reads as a brace."""


class Mouth:
    """Draws the mouth's window over frames."""

    def __init__(
        self, geometry: HeadGeometry, picture: Tensor, landmarks: np.ndarray, light: Light, trust: Tensor
    ) -> None:
        model, size = geometry.model, picture.shape[-1]
        self.geometry, self.light, self.size = geometry, light, size
        source = geometry.source.pixels[0]
        self.centre_point = model.mean[model.landmarks68[[62, 66]]].mean(0)
        self.lip_triangles = triangles_near(model, ("skin", "lips"), self.centre_point, REACH_CM)
        self.interior_triangles = model.triangles[model.part_triangles(*INTERIOR)]
        self.anchor = model.landmarks68[48:68]
        scale = geometry.focal / float(source[self.anchor, 2].mean())
        width, height = (round(side * scale) for side in WINDOW_CM)
        self.closed_window = Patch(self.lip_triangles, width, height, size)
        self.open_window = Patch(torch.cat([self.lip_triangles, self.interior_triangles]), width, height, size)
        self.pixels_per_cm = scale
        self.crease_tint = torch.tensor(CREASE_TINT)[:, None, None]

        self.picture = picture
        self.opening = polygon(landmarks[list(LIPS_INNER_RING)], size)
        lips = polygon(landmarks[list(LIPS_OUTER_RING)], size)
        self.clean = self._without_opening(lips)
        self.own_teeth = self._teeth_mask()
        self.worn = torch.cat([self._teeth_colour(), self.own_teeth], 1)
        self._place_teeth()
        source = geometry.source.pixels[0]
        self.source_is_open = bool(self._gap_pixels(geometry.source.pixels)[0] > OPEN_CM * self.pixels_per_cm)
        self.static = self._vertex_attributes(source, trust)
        self.albedo, self.normals, self.tooth = self._interior_materials()

    def draw(self, frame: Tensor, heads: PosedHeads) -> Tensor:
        """Frames (B, 3, S, S) with the mouth of the posed heads."""
        gap = self._gap_pixels(heads.pixels)
        is_open = gap > OPEN_CM * self.pixels_per_cm
        out = frame.clone()
        for state in (False, True):
            chosen = (is_open == state).nonzero()[:, 0]
            if len(chosen):
                part = PosedHeads(heads.pixels[chosen], heads.expression[chosen], heads.rotation[chosen])
                out[chosen] = self._draw(frame[chosen], part, gap[chosen], state)
        return out

    def _draw(self, frame: Tensor, heads: PosedHeads, gap: Tensor, is_open: bool) -> Tensor:
        window = self.open_window if is_open else self.closed_window
        attributes = self.static.expand(len(frame), -1, -1)
        if is_open:
            attributes = torch.cat([attributes, self._interior_light(heads)], 2)
        lips = heads.pixels[:, self.anchor, :2]
        view = window.view(heads.pixels, lips.mean(1), attributes)
        cover = view.values[:, 2:3]
        at = view.values[:, :2].permute(0, 2, 3, 1)
        colour = sample(self.clean, at)
        crease = view.values[:, 3:4]
        closed = smoothstep(2.0, 1.0, gap / (OPEN_CM * self.pixels_per_cm))[:, None, None, None]
        if not self.source_is_open:
            # The closed lips' own line is better than any drawn one; it belongs to lips that touch.
            colour = colour + closed * (sample(self.picture, at) - colour)
            crease = crease * (1 - closed)
        if is_open:
            colour = colour * (1 - self.crease_tint * crease)
            within = self._light_within(heads)
            colour, cover = self._with_interior(view, colour, cover, at, lips, gap, within)
        else:
            line = self._lip_line(heads, view)
            slit = ((cover == 0) & (line > 0)).float()
            colour = colour + slit * (self.lip_colour - colour)
            cover = cover + slit
            drawn = line if self.source_is_open else slit
            colour = colour * (1 - self.crease_tint * drawn)
        return window.paste(frame, view, colour * cover, cover)

    def _light_within(self, heads: PosedHeads) -> Tensor:
        """(B, 3, 1, 1) 0..1: the share of light that comes through the lips' opening to the front teeth.

        An opening of area A at distance d before a point lets in about A / (A + π d²) of the light from before it.
        """
        ring = self.geometry.model.mesh468(heads.pixels)[:, list(LIPS_INNER_RING)]
        x, y, depth = (ring / torch.tensor([self.pixels_per_cm, self.pixels_per_cm, 1.0])).unbind(-1)
        area = (x * y.roll(-1, 1) - x.roll(-1, 1) * y).sum(1).abs() / 2
        before = (heads.pixels[:, self.front_teeth, 2].mean(1) - depth.mean(1)).clamp_min(0)
        share = area / (area + RECESS * torch.pi * before.square()).clamp_min(1e-6)
        return share[:, None].pow(torch.tensor(RECESS_TINT))[:, :, None, None]

    def _with_interior(
        self, view: PatchView, colour: Tensor, cover: Tensor, at: Tensor, lips: Tensor, gap: Tensor, within: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Lips with what is seen between them, at the window's finer resolution."""
        behind = (view.fragments.triangle >= len(self.lip_triangles))[:, None].float()
        inside = behind * Patch.within(view, lips)
        cover = cover * (1 - behind) + inside
        radius = max(1, round(0.13 * self.pixels_per_cm * view.fineness))
        open_around = blur(inside, radius, 2)
        above = torch.roll(open_around, radius, 2)
        occlusion = 0.35 + 0.65 * smoothstep(0.05, 0.95, 0.45 * open_around + 0.55 * above)
        drawn = self._without_gaps(view, inside, gap)
        own = sample(self.worn, at)
        weight = own[:, 3:] * view.values[:, 8:9]
        surface = drawn * (occlusion + TEETH_FILL * view.values[:, 7:8] * (1 - occlusion))
        surface = surface + weight * (own[:, :3] * (0.45 + 0.55 * occlusion) - surface)
        return colour + inside * (surface * within - colour), cover

    def _without_gaps(self, view: PatchView, inside: Tensor, gap: Tensor) -> Tensor:
        """Close the hair-thin gaps between teeth: at this size they are a shade, not a black line."""
        drawn, tooth = view.values[:, 4:7], view.values[:, 7:8] * inside
        radius = max(1, round(GAP_CM * self.pixels_per_cm * view.fineness))
        soft = blur(torch.cat([drawn * tooth, tooth], 1), radius, 2)
        # Between lips barely open a glimpse of the tips alone would look like missing teeth.
        thin = smoothstep(0.6, 0.3, gap / self.pixels_per_cm)[:, None, None, None]
        near = smoothstep(0.12 - 0.1 * thin, 0.45 - 0.33 * thin, soft[:, 3:])
        # The slits themselves, up to the gums, where few teeth are around: there is one on the left and on the right.
        row = F.pad(tooth, (radius, radius, 0, 0))
        left, right = (largest_of(side, radius, 3) for side in (row[..., : -radius - 1], row[..., radius + 1 :]))
        near = torch.maximum(near, torch.minimum(left, right)) * (1 - tooth)
        return drawn + near * (0.85 * soft[:, :3] / soft[:, 3:].clamp_min(1e-3) - drawn)

    def _lip_line(self, heads: PosedHeads, view: PatchView) -> Tensor:
        """(B, 1, h, w) 0..1: the soft dark line where closed lips meet, thinner toward the corners."""
        points = self.geometry.model.mesh468(heads.pixels)[..., :2]
        upper, lower = (points[:, list(side)] for side in zip(*LINE, strict=True))
        middle = ((upper + lower) / 2 - view.origin[:, None]) * view.fineness
        count = middle.shape[1]
        half = LINE_HALF_WIDTH_CM * self.pixels_per_cm * view.fineness
        lift = torch.tensor([0.0, max(half, 1.2)])
        flat = torch.zeros(len(middle), count, 1)
        strip = torch.cat([torch.cat([middle - lift, flat], 2), torch.cat([middle + lift, flat], 2)], 1)
        step = torch.arange(count - 1)
        quads = torch.stack([step, step + 1, step + 1 + count, step + count], 1)
        triangles = torch.cat([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        along = torch.linspace(-1, 1, count).abs()
        across = torch.cat([-torch.ones(count), torch.ones(count)])
        attributes = torch.stack([across, (1 - along.repeat(2) ** 4) * 0.85], 1)
        seen = rasterise(strip, triangles, *view.values.shape[-2:])
        profile = interpolate(seen, triangles, attributes).permute(0, 3, 1, 2)
        return (1 - profile[:, :1].square()) * profile[:, 1:]

    def _interior_light(self, heads: PosedHeads) -> Tensor:
        """(B, V, 5): shaded colour, whether it is a tooth, and how far it may wear the photograph's."""
        normals = torch.stack([self.normals @ r.T for r in heads.rotation])
        shade = self.light.shade(normals)[..., None]
        gloss = (normals[..., 2:] * 0.8 + normals[..., 1:2] * 0.55).clamp_min(0).pow(24) * 0.10 * self.depth_light
        colour = self.albedo * shade + gloss
        same = torch.cat([self.tooth, self.own_share], 1)
        return torch.cat([colour, same.expand(len(colour), -1, -1)], 2)

    def _interior_materials(self) -> tuple[Tensor, Tensor, Tensor]:
        model, geometry = self.geometry.model, self.geometry
        count = len(model.mean)
        albedo, tooth = torch.zeros(count, 3), torch.zeros(count, 1)
        for name, colour in ALBEDO.items():
            vertices = model.part_vertices(name)
            albedo[vertices] = torch.tensor(colour)
            tooth[vertices] = float(name.startswith("teeth"))
        front = model.mean[model.part_vertices("teeth_upper"), 2].max()
        behind = (front - 0.3 - model.mean[:, 2:]).clamp_min(0)
        reach = torch.tensor(DEPTH_FALLOFF_CM) * (1 - 0.45 * tooth)  # side teeth lie in the corners' shade
        self.depth_light = torch.exp(-behind / reach)  # (V, 3)
        self.own_share = tooth * smoothstep(3.2, 1.6, behind)
        white = self._teeth_white()
        shape = geometry.neutral + model.expression_offsets(geometry.own_expression)
        normals = model.normals(shape)
        # Single teeth are too small to be shaded one by one: mostly they take the dental arch's own roundness.
        arch = torch.stack([shape[:, 0] * 1.2, torch.zeros(count), shape[:, 2] - front + 4.0], 1)
        normals = normals + tooth * 0.75 * (F.normalize(arch, dim=1) - normals)
        return albedo * white * self.depth_light, F.normalize(normals, dim=1), tooth

    def _place_teeth(self) -> None:
        """Put the model's upper teeth where the photograph's end, or a little lower than the model has them."""
        geometry, model = self.geometry, self.geometry.model
        upper = model.part_vertices("teeth_upper")
        front = upper[model.mean[upper, 0].abs() < 0.8]
        self.front_teeth = front
        pixels = geometry.source.pixels[0, front]
        edge = float(pixels[:, 1].max())
        x = slice(int(pixels[:, 0].min()), int(pixels[:, 0].max()) + 1)
        rows = (self.own_teeth[0, 0, :, x] > 0.4).nonzero()[:, 0]
        drop = TEETH_DROP_CM
        if len(rows) > 0.25 * self.pixels_per_cm * (x.stop - x.start):
            low, high = TEETH_DROP_RANGE_CM
            drop = min(max((float(rows.float().quantile(0.97)) + 1 - edge) / self.pixels_per_cm, low), high)
        moved = torch.cat([upper, model.part_vertices("gums_upper")])
        geometry.shift(moved, torch.tensor([0.0, -drop, 0.0]))

    def _teeth_white(self) -> Tensor:
        """Light on the teeth: from the photograph's own teeth where it shows them, else from the eye's white."""
        mask = self.own_teeth[0, 0] > 0.7
        if int(mask.sum()) < 25:
            return self.light.white
        teeth = self.picture[0].permute(1, 2, 0)[mask]
        luma = teeth @ torch.tensor(LUMA)
        bright = teeth[luma >= luma.quantile(0.6)].mean(0)
        return (bright / torch.tensor(ALBEDO["teeth_upper"])).clamp(max=1.15)

    def _gap_pixels(self, pixels: Tensor) -> Tensor:
        """(B,) greatest distance between the inner lips, pixels."""
        points = self.geometry.model.mesh468(pixels)[..., :2]
        upper, lower = (points[:, list(side)] for side in zip(*PAIRS, strict=True))
        return (lower - upper)[..., 1].amax(1)

    def _without_opening(self, lips: Tensor) -> Tensor:
        """The picture with the lips' colour continued over the opening between them."""
        # Bilinear reading reaches a pixel into the opening; more would eat thin lips.
        grown = smoothstep(0.02, 0.4, dilate(self.opening, round(self.size / 512)))
        known = ((grown < 0.01) & (lips > 0.5)).float()
        if int(known.sum()) < 20:
            known = (grown < 0.01).float()
        filled = fill_smoothly(self.picture, known)
        self.lip_colour = (filled * lips).sum((-2, -1), keepdim=True) / lips.sum().clamp_min(1)
        return self.picture + grown * (filled - self.picture)

    def _teeth_mask(self) -> Tensor:
        """(1, 1, S, S) soft mask of teeth that the photograph shows: bright and little coloured, between the lips."""
        inner = (erode(self.opening, 1) > 0.5).float()
        if float(inner.sum()) < 12:
            return torch.zeros_like(inner)
        luma = (self.picture * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
        spread = self.picture.amax(1, keepdim=True) - self.picture.amin(1, keepdim=True)
        saturation = spread / self.picture.amax(1, keepdim=True).clamp_min(0.05)
        level = luma / self.light.white.max()
        mask = inner * smoothstep(0.35, 0.55, level) * smoothstep(0.5, 0.35, saturation)
        return blur(mask, 1, 1) * inner

    def _teeth_colour(self) -> Tensor:
        """(1, 3, S, S) the photograph's teeth without the lip's shadow on them and without what shows between them."""
        solid = (self.own_teeth > 0.9).float()
        if float(solid.sum()) < 12:
            return self.picture
        filled = fill_smoothly(self.picture, solid)
        luma = torch.tensor(LUMA)[:, None, None]
        shade = (self.picture * luma).sum(1, keepdim=True) / (filled * luma).sum(1, keepdim=True).clamp_min(1e-3)
        return filled * shade.clamp(OWN_SHADE, 1.1)

    def _vertex_attributes(self, source: Tensor, trust: Tensor) -> Tensor:
        """(1, V, 4): texture position, cover, and how far on the lips' wet side."""
        model, geometry = self.geometry.model, self.geometry
        shape = geometry.neutral + model.expression_offsets(geometry.own_expression)
        region = torch.unique(self.lip_triangles)
        seen = visible_vertices(source, self.lip_triangles, slack=0.08)
        positions = borrow_hidden(model, shape, source[:, :2], seen, region)
        interior = torch.unique(self.interior_triangles)
        positions[interior] = source[interior, :2]

        offset = (model.mean - self.centre_point)[:, :2] / torch.tensor(REACH_CM)
        cover = smoothstep(0.96, 0.72, offset.norm(dim=1))
        cover = torch.where(model.vertex_part == PARTS.index("lips"), cover, cover * smoothstep(0.3, 0.8, trust))
        cover[interior] = 1.0
        rest = geometry.pose(torch.zeros_like(geometry.own_expression)[None], torch.zeros(1, 3), torch.zeros(1, 3))
        wet = (~visible_vertices(rest.pixels[0], self.lip_triangles, slack=0.08)).float()
        wet[model.vertex_part != PARTS.index("lips")] = 0
        wet = smooth_on_mesh(wet, self.lip_triangles)
        return torch.cat([positions, cover[:, None], wet[:, None]], 1)[None]
