"""Texture of a person's head from the photograph: projected where it is visible, else mirrored, else diffused.

A photograph hardly ever shows eyes, teeth, gums, tongue and the inside of the mouth completely. They are painted in
fixed colours, and the iris in the colour that the photograph shows (``eye_paint.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy import ndimage
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve

from ..head.camera import pinhole
from ..head.head_model import PARTS, HeadModel
from ..head.raster import rasterise
from ..head.rotation import euler_to_matrix
from .eye_paint import SCLERA, EyePoints, eye_colours
from .portrait import Portrait

PAINT = {
    "mouth_socket": (96, 38, 36),
    "gums_upper": (176, 98, 94),
    "gums_lower": (168, 92, 88),
    "tongue": (178, 92, 90),
    "teeth_upper": (228, 221, 205),
    "teeth_lower": (218, 210, 194),
}
"""sRGB colours 0–255 of the painted parts except eyes, as they look in a photograph. They are finished colours of a
texture. ``renderer.interior.ALBEDO`` are other colours: those under white light in front of the lips, which the
renderer darkens with the depth in the mouth."""
EXPOSURE = (0.75, 1.1)
"""Limits of the photograph's exposure, by which those colours are multiplied: its sclera relative to ``SCLERA``."""
FACING = (0.2, 0.6)
"""Cosine between normal and line of sight at which a surface begins to count, and counts fully."""
DEPTH_TOLERANCE_CM = 0.3
"""A point this far behind the nearest surface still counts as visible."""
BUFFER = 768
"""Side in pixels of the depth buffer with which visibility is decided."""
ANTIALIAS = 0.4
"""Blur of a photograph that is finer than the texture: standard deviation per excess of pixels per texel."""
SMOOTHNESS = 0.05
"""Weight of an edge of the mesh in :func:`diffuse`, relative to a colour with full confidence."""
AT_ONCE = 2**18
"""Texels whose corners are in memory at once."""
WHISPER = 1e-6
"""Weight of the mean colour in :func:`diffuse`: without it, parts of the mesh that are never seen would be singular."""


class TexturedSurface(Protocol):
    """What is needed of a head: the head model, or the detailed head."""

    @property
    def mean(self) -> torch.Tensor:
        """(V, 3) the mean head, centimetres."""

    @property
    def triangles(self) -> torch.Tensor:
        """(F, 3) vertices."""

    @property
    def uv(self) -> torch.Tensor:
        """(U, 2) texture coordinates."""

    @property
    def triangle_uv(self) -> torch.Tensor:
        """(F, 3) rows of ``uv``."""

    @property
    def symmetry(self) -> torch.Tensor:
        """(V,) mirrored vertices."""

    def vertices(self, identity: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
        """(V, 3) a person's head, centimetres."""

    def normals(self, vertices: torch.Tensor) -> torch.Tensor:
        """(V, 3) unit normals."""

    def part_triangles(self, *names: str) -> torch.Tensor:
        """Rows of the triangles of the named parts."""


@dataclass(frozen=True)
class Texels:
    """Places of n texels: row and column in the texture, triangle of the mesh, barycentric weights (n, 3)."""

    row: np.ndarray
    column: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray

    def only(self, chosen: np.ndarray | slice) -> Texels:
        """Those where a mask (n,) is true, or a part of them."""
        return Texels(self.row[chosen], self.column[chosen], self.triangle[chosen], self.weights[chosen])


def texels_of(head: TexturedSurface, size: int) -> Texels:
    """All texels of a square texture with a triangle of the head over their middle."""
    return texels_in(head.uv, head.triangle_uv, size)


def texels_in(uv: torch.Tensor, triangles: torch.Tensor, size: int) -> Texels:
    """All texels of a square texture with a triangle (F, 3) of rows of ``uv`` (U, 2) over their middle; v points up."""
    uv = uv * size
    position = torch.stack([uv[:, 0], size - uv[:, 1], torch.zeros_like(uv[:, 0])], dim=-1)
    seen = rasterise(position[None], triangles, size, size)
    row, column = np.divmod(seen.address.numpy(), size)
    return Texels(row=row, column=column, triangle=seen.face.numpy(), weights=seen.weights.numpy())


def at_texels(field: np.ndarray, triangles: np.ndarray, texels: Texels) -> np.ndarray:
    """Values (n, C) at the texels of a field (V, C) on the vertices."""
    found = np.empty((len(texels.triangle), field.shape[1]), np.result_type(field, texels.weights))
    for first in range(0, len(found), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        corners = field[triangles[texels.triangle[some]]]
        found[some] = np.einsum("nkc,nk->nc", corners, texels.weights[some])
    return found


def sample(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Bilinear samples (n, C) of an image (H, W, C) at pixels (n, 2). Outside the image its edge continues."""
    coordinates = [pixels[:, 1] - 0.5, pixels[:, 0] - 0.5]
    channels = [
        ndimage.map_coordinates(image[..., c], coordinates, order=1, mode="nearest") for c in range(image.shape[2])
    ]
    return np.stack(channels, axis=-1)


class PhotographProjection:
    """The portrait's camera in front of the fitted head: pixels and visibility of points on the surface.

    Parameters
    ----------
    head, portrait
        The head model and the fitted photograph.
    detail
        Texels per centimetre. A finer photograph is blurred to that resolution.
    """

    def __init__(self, head: TexturedSurface, portrait: Portrait, detail: float) -> None:
        identity = torch.from_numpy(portrait.identity).float()
        shape = head.vertices(identity, torch.from_numpy(portrait.expression).float())
        rotation = euler_to_matrix(torch.from_numpy(portrait.rotation).float())
        self.triangles = head.triangles.numpy()
        self.camera = (shape @ rotation.T + torch.from_numpy(portrait.translation).float()).numpy()  # (V, 3)
        self.normals = (head.normals(shape) @ rotation.T).numpy()
        self.focal, self.centre = portrait.focal, torch.from_numpy(np.asarray(portrait.centre, np.float64))
        pixels_per_cm = portrait.focal / float(np.median(-self.camera[:, 2]))
        blur = max(0.0, ANTIALIAS * (pixels_per_cm / detail - 1))
        image = portrait.image.astype(np.float32)
        self.image = ndimage.gaussian_filter(image, (blur, blur, 0)) if blur > 0 else image
        self._make_depth_buffer()

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (n, 2) of points (n, 3) in camera axes, centimetres."""
        return pinhole(torch.from_numpy(points).double(), self.focal, self.centre).numpy()

    def _make_depth_buffer(self) -> None:
        pixels = self.project(self.camera)
        self.origin = pixels.min(0)
        self.scale = BUFFER / float(np.ptp(pixels, axis=0).max())
        scaled = np.column_stack([(pixels - self.origin) * self.scale, -self.camera[:, 2]]).astype(np.float32)
        seen = rasterise(torch.from_numpy(scaled)[None], torch.from_numpy(self.triangles), BUFFER, BUFFER)
        depth = seen.depth[0].numpy()
        # The nearest depth among neighbours would hide slopes. The farthest one tolerates half a pixel of offset.
        self.depth = ndimage.maximum_filter(np.where(np.isfinite(depth), depth, -np.inf), size=3)

    def confidence(self, texels: Texels) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n, 2) of texels, and how well each is visible (n,), from 0 (hidden, grazing or outside) to 1."""
        point = at_texels(self.camera, self.triangles, texels)
        normal = at_texels(self.normals, self.triangles, texels)
        view = -point / np.linalg.norm(point, axis=1, keepdims=True)
        cosine = (normal * view).sum(1) / np.maximum(np.linalg.norm(normal, axis=1), 1e-6)
        facing = np.clip((cosine - FACING[0]) / (FACING[1] - FACING[0]), 0, 1)
        pixels = self.project(point)
        place = np.clip(((pixels - self.origin) * self.scale).astype(int), 0, BUFFER - 1)
        visible = -point[:, 2] < self.depth[place[:, 1], place[:, 0]] + DEPTH_TOLERANCE_CM
        height, width = self.image.shape[:2]
        inside = (pixels >= 0.5).all(1) & (pixels <= (width - 0.5, height - 0.5)).all(1)
        return pixels, facing * visible * inside


def mirrored_triangles(head: TexturedSurface) -> tuple[np.ndarray, np.ndarray]:
    """For each triangle the row of its mirror image (F,), and the mirror corner of each of its corners (F, 3)."""
    triangles, symmetry = head.triangles.numpy(), head.symmetry.numpy()
    rows = {tuple(sorted(triangle)): row for row, triangle in enumerate(triangles.tolist())}
    image = symmetry[triangles]  # (F, 3)
    partner = np.array([rows[tuple(sorted(triangle))] for triangle in image.tolist()])
    corner = (triangles[partner][:, None, :] == image[:, :, None]).argmax(-1)
    return partner, corner


def mirrored_texels(head: TexturedSurface, texels: Texels) -> Texels:
    """The texels with their places on the other side of the head."""
    partner, corner = mirrored_triangles(head)
    weights = np.zeros_like(texels.weights)
    np.put_along_axis(weights, corner[texels.triangle], texels.weights, axis=1)
    return Texels(texels.row, texels.column, partner[texels.triangle], weights)


def diffuse(colours: np.ndarray, confidence: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Spread vertex colours (V, 3) over the mesh: given colours where confidence (V,) is high, harmonic where it is 0.

    Minimises Σ_v c_v |x_v − colour_v|² + ``SMOOTHNESS`` · Σ over edges |x_a − x_b|².
    """
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    count = len(colours)
    weights = np.full(len(edges), SMOOTHNESS)
    graph = coo_matrix((weights, (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
    graph = graph + graph.T
    known = confidence + WHISPER
    mean = np.average(colours, axis=0, weights=known)
    system = (diags(np.asarray(graph.sum(1)).ravel() + known) - graph).tocsc()
    right = confidence[:, None] * colours + WHISPER * mean
    return np.stack([spsolve(system, right[:, c]) for c in range(3)], axis=1)


def project_texture(head: HeadModel, portrait: Portrait, size: int) -> np.ndarray:
    """Texture (size, size, 3) uint8 of the person in a portrait, for the head model's own texture coordinates.

    Parameters
    ----------
    head
        On the processor.
    portrait
        The fitted photograph.
    size
        Side in texels.
    """
    texels = texels_of(head, size)
    triangles = head.triangles.numpy()
    detail = texels_per_cm(head, size)
    projection = PhotographProjection(head, portrait, detail)
    pixels, own = projection.confidence(texels)
    mirror_pixels, other = projection.confidence(mirrored_texels(head, texels))
    other = other * (1 - own)
    # The mirrored side has other light, so it only fills up what the own side lacks to full confidence.
    total = np.maximum(own + other, 1e-6)[:, None]
    colour = own[:, None] * sample(projection.image, pixels) + other[:, None] * sample(projection.image, mirror_pixels)
    colour, confidence = colour / total, np.clip(own + other, 0, 1)

    part = head.triangle_part.numpy()[texels.triangle]
    skin = np.isin(part, [PARTS.index(name) for name in ("skin", "lips")])
    vertex_colour, vertex_confidence = to_vertices(colour, confidence * skin, texels, triangles, len(head.mean))
    surface = head.part_triangles("skin", "lips", "eye_socket_left", "eye_socket_right").numpy()
    filled = diffuse(vertex_colour, vertex_confidence, triangles[surface])
    colour = confidence[:, None] * colour + (1 - confidence[:, None]) * at_texels(filled, triangles, texels)
    exposure = []
    for side, name in enumerate(("eye_left", "eye_right")):
        inside = part == PARTS.index(name)
        points = at_texels(head.mean.numpy(), triangles, texels)[inside]
        eye = EyePoints.of(head, side, points, sample(projection.image, pixels[inside]), own[inside])
        colour[inside], white = eye_colours(eye)
        exposure.append(np.clip(white.mean() / np.mean(SCLERA), *EXPOSURE))
    for name, paint in PAINT.items():
        colour[part == PARTS.index(name)] = np.array(paint) * np.mean(exposure)
    picture = np.zeros((size, size, 3), np.float32)
    covered = np.zeros((size, size), bool)
    picture[texels.row, texels.column] = colour
    covered[texels.row, texels.column] = True
    return as_bytes(continued(picture, covered))


def continued(picture: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """A picture (S, S, C) with the nearest value wherever it is not ``covered`` (S, S).

    So colours continue beyond the edges of the charts, and filtering mixes in no foreign colour.
    """
    nearest = ndimage.distance_transform_edt(~covered, return_distances=False, return_indices=True)
    return np.asarray(picture[nearest[0], nearest[1]])


def as_bytes(picture: np.ndarray) -> np.ndarray:
    """A picture in 0–255, rounded to uint8."""
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def texels_per_cm(head: TexturedSurface, size: int) -> float:
    """Resolution of the texture on the lips of the mean head: square root of texel area over surface area."""
    rows = head.part_triangles("lips")
    corners, flat = head.mean[head.triangles[rows]], head.uv[head.triangle_uv[rows]]
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1).sum()
    a, b = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    return size * float(((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).abs().sum() / area).sqrt())


def to_vertices(
    colour: np.ndarray, confidence: np.ndarray, texels: Texels, triangles: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean colour (V, 3) and mean confidence (V,) of the texels around each vertex."""
    total, weight, reach = np.zeros((count, 3)), np.zeros(count), np.zeros(count)
    for corner in range(3):
        vertex = triangles[texels.triangle, corner]
        share = texels.weights[:, corner]
        for channel in range(3):
            total[:, channel] += np.bincount(vertex, share * confidence * colour[:, channel], count)
        weight += np.bincount(vertex, share * confidence, count)
        reach += np.bincount(vertex, share, count)
    return total / np.maximum(weight, 1e-9)[:, None], weight / np.maximum(reach, 1e-9)
