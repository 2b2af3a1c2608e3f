"""Photographs of synthetic talkers: light, shading and the picture, many at once, with exact truth for each pixel.

Rendering is deferred: ``core.head.raster`` finds the nearest surface of each pixel, and everything else is computed on
the visible pixels. Light multiplies display values, because the photographs' light was removed from the skins in the
same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.head.camera import pinhole
from core.head.head_model import PARTS, HeadModel
from core.head.raster import Fragments, interpolate_fragments, rasterise
from core.head.rotation import euler_to_matrix
from core.renderer.geometry import head_share

from . import props
from .light import Lights, harmonic_terms, occlusion
from .people import TORSO, People, SkinBank, shirt
from .person import INSIDES, Noise, collar, paint_eyes, torso

CLOTH, HAIR, GLASSES = len(PARTS), len(PARTS) + 1, len(PARTS) + 2
"""Part labels in addition to the head model's."""
SKIN_PARTS = ("skin", "lips", "eye_socket_left", "eye_socket_right")
INSIDE_PARTS = tuple(name for name in INSIDES if not name.startswith("eye_socket"))
WRAP = (1.0, 0.94, 0.90)
"""Share of the directed light's fall-off in red, green and blue. Light scatters under the skin, red light most."""
DEPTH_FALLOFF_CM = 2.6
"""Depth behind the lips over which the light in the mouth falls to 1/e."""


@dataclass(frozen=True)
class Camera:
    """A pinhole for each of B pictures: focal (B,) and centre (B, 2) in pixels of the picture."""

    focal: Tensor
    centre: Tensor

    def project(self, points: Tensor) -> Tensor:
        """(B, N, 3) camera space -> x, y pixels and distance (B, N, 3)."""
        pixels = pinhole(points, self.focal[:, None, None], self.centre[:, None])
        return torch.cat([pixels, -points[..., 2:]], -1)


@dataclass(frozen=True)
class Frames:
    """Rendered pictures and their truth.

    picture (B, 3, S, S) 0–1; parts (B, S, S) int64, −1 the background; pixels (B, V, 3) of the head model's vertices,
    with distance in centimetres; fragments of the S × S picture, for flow.
    """

    picture: Tensor
    parts: Tensor
    pixels: Tensor
    fragments: Fragments


class Studio:
    """Photographs people with skins of a bank, on a device. All inputs must be on that device."""

    def __init__(self, model: HeadModel, bank: SkinBank, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.model, self.textures, self.noise = model.to(device), bank.textures.to(device), Noise(1)
        self.noise.lattice = self.noise.lattice.to(device)
        with self.device:
            self._prepare()

    def _prepare(self) -> None:
        """Make the meshes and tables that are the same for all people."""
        model = self.model
        mean = model.mean
        bust = (mean[:, 1] < -15.0) | ((mean[:, 0].abs() > 8.6) & (mean[:, 1] < -10.5))
        kept = ~bust[model.triangles].any(1)  # its edge would show through the shirt
        shirt_vertices, shirt_triangles = torso(*TORSO)
        self.share = head_share(mean)[None, :, None]
        self.head_uv = model.triangle_uv[kept]
        self.head_faces = int(kept.sum())
        pieces, labels, start = [model.triangles[kept]], [model.triangle_part[kept]], len(mean)
        wave = torch.zeros(1, props.CURTAIN_ROWS, props.CURTAIN_AROUND)
        one = torch.ones(1)
        counts = (
            (shirt_triangles, CLOTH, len(shirt_vertices)),
            (props.curtain_triangles(), HAIR, props.curtain(one, one, one, one, one, wave).shape[1]),
            (props.glasses_triangles(), GLASSES, self._glasses_count()),
        )
        for triangles, label, count in counts:
            pieces.append(triangles + start)
            labels.append(torch.full((len(triangles),), label))
            start += count
        self.triangles, self.labels = torch.cat(pieces), torch.cat(labels)
        self.lash = self._lash_line()
        self.collar = collar(mean) * (model.vertex_part == PARTS.index("skin"))
        table = torch.zeros(len(PARTS), 3)
        for name, colour in INSIDES.items():
            table[PARTS.index(name)] = torch.tensor(colour)
        self.inside_colours = table
        self.is_skin, self.is_inside, self.is_eye, self.is_tooth = (
            torch.isin(torch.arange(GLASSES + 1), torch.tensor([PARTS.index(name) for name in names]))
            for names in (SKIN_PARTS, INSIDE_PARTS, ("eye_left", "eye_right"), ("teeth_upper", "teeth_lower"))
        )

    @staticmethod
    def _glasses_count() -> int:
        one = torch.ones(1)
        return props.glasses(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), torch.ones(1, 2), one, one).shape[1]

    def _lash_line(self) -> Tensor:
        """(V,) 0..1 on the skin near the margins of the upper lids."""
        model = self.model
        shade = torch.zeros(len(model.mean))
        skin = model.vertex_part == PARTS.index("skin")
        for loop in (model.contour_eye_left, model.contour_eye_right):
            points = model.mean[loop]
            upper = points[: len(loop) // 2 + 1]
            distance = torch.cdist(model.mean, upper).min(1).values
            shade = torch.maximum(shade, torch.exp(-(distance / 0.14).square()))
        return shade * skin

    def camera_space(
        self, people: People, expression: Tensor, rotation: Tensor, translation: Tensor, body: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Vertices (B, V + props, 3) in camera space, cm, and their unit normals.

        rotation (B, 3, 3) and translation (B, 3) map head space to camera space. ``body`` (B, 3, 3) is the rotation of
        neck and shoulders.
        """
        model = self.model
        neutral = model.neutral(people.identity)
        head = neutral + model.expression_offsets(expression)
        normals = model.normals(head)
        raised = head + normals * (people.lift + 0.15 * self.collar)[..., None]
        normals = torch.where((people.lift > 0.02)[..., None], model.normals(raised), normals)
        worn = torch.cat([people.curtain, people.glasses], 1)
        clothes = shirt(neutral, model)
        pivot = model.neck_pivot
        moved = translation + (rotation @ pivot)  # the pivot in camera space

        def place(points: Tensor, turn: Tensor) -> Tensor:
            return (points - pivot) @ turn.mT + moved[:, None]

        blended = place(raised, body) + self.share * (place(raised, rotation) - place(raised, body))
        vertices = torch.cat([blended, place(clothes, body), place(worn, rotation)], 1)
        turned = normals @ rotation.mT
        others = self._prop_normals(vertices)
        return vertices, torch.cat([turned, others], 1)

    def _prop_normals(self, vertices: Tensor) -> Tensor:
        """(B, props, 3) unit normals of props and clothes."""
        count = len(self.model.mean)
        rows = self.triangles[self.head_faces :]
        a, b, c = (vertices[:, rows[:, k]] for k in range(3))
        faces = torch.nan_to_num(torch.linalg.cross(b - a, c - a))
        total = torch.zeros_like(vertices[:, count:])
        for k in range(3):
            total.index_add_(1, rows[:, k] - count, faces)
        return F.normalize(total, dim=-1)

    def shoot(
        self,
        people: People,
        vertices: Tensor,
        normals: Tensor,
        camera: Camera,
        lights: Lights,
        background: Tensor,
        samples: float = 1.5,
    ) -> Frames:
        """Pictures of people, with vertices and normals from :meth:`camera_space`.

        Parameters
        ----------
        background
            (B, 3, S, S) 0–1.
        samples
            Samples per pixel along each axis; ``samples`` · S must be a whole number.
        """
        size = background.shape[-1]
        fine = round(samples * size)
        pixels = camera.project(vertices)
        scaled = torch.cat([pixels[..., :2] * (fine / size), pixels[..., 2:]], -1)
        seen = rasterise(scaled, self.triangles, fine, fine, cull_backfaces=True)
        canvas = (
            F.interpolate(background, (fine, fine), mode="bilinear").permute(0, 2, 3, 1).reshape(len(people), -1, 3)
        )
        bounds = torch.searchsorted(seen.address, torch.arange(len(people) + 1, device=seen.address.device) * fine**2)
        fuzz = torch.zeros(len(people), fine * fine)
        shade = occlusion(seen).reshape(len(people), -1)
        harmonics = lights.harmonics()
        for b in range(len(people)):
            one = slice(int(bounds[b]), int(bounds[b + 1]))
            place = seen.address[one] - b * fine**2
            colour, hairy = self._colours(people, b, seen, one, vertices, normals, lights, harmonics[b])
            canvas[b, place] = colour * shade[b, place, None]
            fuzz[b, place] = hairy
        canvas = canvas.reshape(len(people), fine, fine, 3).permute(0, 3, 1, 2)  # (B, fine², 3) -> (B, 3, fine, fine)
        canvas = self._fray(canvas, fuzz.reshape(-1, 1, fine, fine), people)
        picture = F.interpolate(canvas, (size, size), mode="area") if fine != size else canvas
        coarse = seen if fine == size else rasterise(pixels, self.triangles, size, size, cull_backfaces=True)
        parts = coarse.scatter(self.labels[coarse.face], -1)
        return Frames(picture.clamp(0, 1), parts, pixels[:, : len(self.model.mean)], coarse)

    def _colours(
        self,
        people: People,
        b: int,
        seen: Fragments,
        one: slice,
        vertices: Tensor,
        normals: Tensor,
        lights: Lights,
        harmonics: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Lit colours (n, 3) of one frame's pixels, and the share (n,) that hair covers."""
        face, weights = seen.face[one], seen.weights[one]
        part = self.labels[face]
        # Props have no place on the mean head: their own place in space takes its role.
        count = len(self.model.mean)
        canonical = torch.cat([self.model.mean, torch.nan_to_num(vertices[b, count:])])
        extra = torch.stack([people.scalp[b], self.lash], -1)
        extra = torch.cat([extra, torch.zeros(len(canonical) - count, 2)])
        table = torch.cat([canonical, normals[b], extra, torch.nan_to_num(vertices[b])], 1)
        piece = Fragments((1, *seen.shape[1:]), seen.address[one], face, weights, seen.distance[one])
        values = interpolate_fragments(piece, self.triangles, table)
        mean, normal, hair, lash = values[:, :3], F.normalize(values[:, 3:6], dim=1), values[:, 6], values[:, 7]
        view = F.normalize(-values[:, 8:], dim=1)

        colour = torch.zeros(len(face), 3)
        gloss = torch.full((len(face),), float(people.gloss[b]))
        rows = self.is_skin[part].nonzero()[:, 0]
        skin = self._texture(int(people.skin[b]), face[rows], weights[rows]) * people.tint[b]
        colour[rows] = skin * (1 - people.lashes[b] * lash[rows, None].clamp(0, 1))
        rows = self.is_inside[part].nonzero()[:, 0]
        inner = self.inside_colours[part[rows]]
        inner = torch.where(self.is_tooth[part[rows]][:, None], people.teeth[b] * 0.92, inner)
        behind = (self.model.mean[self.model.landmarks68[62], 2] - 0.6 - mean[rows, 2]).clamp_min(0)
        colour[rows] = inner * torch.exp(-behind / DEPTH_FALLOFF_CM)[:, None]
        gloss[rows] = 0.3
        rows = self.is_eye[part].nonzero()[:, 0]
        if len(rows):
            iris = people.iris[b].expand(len(rows), 3)
            colour[rows] = paint_eyes(mean[rows], part[rows], self.model, iris, self.noise)
            gloss[rows] = 0.9
        covered = self._hair(people, b, mean, part, hair, colour, gloss)
        cloth = (part == CLOTH) | ((collar(mean) > 0.5) & (part == PARTS.index("skin")))
        rows = cloth.nonzero()[:, 0]
        colour[rows] = people.cloth[b] * (1 + 0.07 * self.noise(mean[rows], 4.0, 2)[:, None])
        gloss[rows] = 0.05
        rows = part == GLASSES
        colour[rows], gloss[rows] = people.frame[b], 0.6
        lit = self._light(b, colour, gloss, normal, view, lights, harmonics, self.is_inside[part], part == CLOTH)
        return lit, covered

    def _hair(
        self, people: People, b: int, mean: Tensor, part: Tensor, hair: Tensor, colour: Tensor, gloss: Tensor
    ) -> Tensor:
        """Add hair to ``colour`` and ``gloss``; returns the share (n,) of each pixel that it covers."""
        covered = (part == HAIR).float()
        rows = ((hair > 0.02) | (part == HAIR)).nonzero()[:, 0]
        if not len(rows):
            return covered
        point = mean[rows] + people.place[b]
        strand = self.noise(point * torch.tensor([2.6, 0.35, 1.2]), 0.45, 3)
        lock = self.noise(point * torch.tensor([1.0, 0.3, 1.0]), 2.0, 2)
        scalp = torch.sigmoid((hair[rows] + 0.25 * strand + 0.1 * lock - 0.42) * 12)
        amount = torch.where(part[rows] == HAIR, torch.ones_like(scalp), scalp)
        tone = (1 + people.strands[b] * (strand + 0.6 * lock)).clamp(0.15, 2.0)[:, None]
        colour[rows] = colour[rows] + amount[:, None] * (people.hair[b] * tone - colour[rows])
        gloss[rows] = gloss[rows] + amount * (0.22 + 0.1 * strand - gloss[rows])
        covered[rows] = amount
        return covered

    def _texture(self, skin: int, face: Tensor, weights: Tensor) -> Tensor:
        """(n, 3) bilinear samples of a skin at points of the head model's triangles."""
        texture = self.textures[skin]
        size = texture.shape[0]
        corner = self.model.uv[self.head_uv[face]]  # (n, 3, 2)
        uv = (corner * weights[..., None]).sum(1)
        x = (uv[:, 0] * size - 0.5).clamp(0, size - 1.001)
        y = ((1 - uv[:, 1]) * size - 0.5).clamp(0, size - 1.001)
        column, row = x.long(), y.long()
        right, down = (x - column)[:, None], (y - row)[:, None]
        flat = texture.reshape(-1, 3)  # (S, S, 3) -> (S², 3)
        start = row * size + column
        corners = torch.stack([start, start + 1, start + size, start + size + 1])
        a, b, c, d = flat.index_select(0, corners.reshape(-1)).reshape(4, -1, 3).float()  # (4 n, 3) -> (4, n, 3)
        top, bottom = torch.lerp(a, b, right), torch.lerp(c, d, right)
        return torch.lerp(top, bottom, down) / 255

    def _light(
        self,
        b: int,
        colour: Tensor,
        gloss: Tensor,
        normal: Tensor,
        view: Tensor,
        lights: Lights,
        harmonics: Tensor,
        inside: Tensor,
        cloth: Tensor,
    ) -> Tensor:
        """(n, 3) diffuse light by spherical harmonics, and the first lamp's highlights."""
        outward = torch.where((cloth & (normal[:, 2] < 0))[:, None], -normal, normal)  # the shirt's inner side
        terms = harmonic_terms(outward) @ harmonics
        front = harmonic_terms(torch.tensor([0.0, 0.0, 1.0])) @ harmonics
        diffuse = front + torch.tensor(WRAP) * (terms - front)
        # Lips and cheeks block most light from the inside of the mouth, whatever its direction.
        diffuse = torch.where(inside[:, None], 0.35 * diffuse + 0.45 * front, diffuse).clamp_min(0.03)
        half = F.normalize(view + lights.direction[b, 0], dim=1)
        aligned = (half * outward).sum(1).clamp_min(0)
        wide = gloss * aligned**18 * 0.55
        spark = (gloss > 0.8) * aligned**160 * 0.9
        return colour * diffuse + (wide + spark)[:, None] * lights.colour[b, 0]

    def _fray(self, canvas: Tensor, fuzz: Tensor, people: People) -> Tensor:
        """The picture with the outline of hair displaced by a few pixels, like strands."""
        size = canvas.shape[-1]
        near = F.max_pool2d(F.avg_pool2d(fuzz, 3), 3, 1, 1)
        near = F.interpolate(near, (size, size), mode="bilinear")
        generator = torch.Generator("cpu").manual_seed(int(people.place[0, 0]))
        grain = torch.rand(1, 2, size // 2, size // 6, generator=generator, device="cpu").to(canvas)
        field = F.interpolate(grain - 0.5, (size, size), mode="bilinear") * near
        y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
        still = torch.stack([x, y]) / (size / 2) - 1
        move = still + field * torch.tensor([7.0, 9.0])[:, None, None] / 192
        return F.grid_sample(canvas, move.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)


def turn_of_body(rotation: Tensor, share: Tensor) -> Tensor:
    """(B, 3, 3) of neck and shoulders for head rotations (B, 3) in radians: a share (B,) of the head's turn."""
    return euler_to_matrix(rotation * share[:, None] * torch.tensor([0.3, 1.0, 0.3]))
