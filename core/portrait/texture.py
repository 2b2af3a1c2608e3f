"""Texture of a person's head from the photograph: projected where seen, else mirrored, else diffused.

Eyes, teeth, gums, tongue and the mouth's inside are hardly ever seen whole, so they are painted: fixed colours, and
an iris in the colour that the photograph shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve

from ..head.head_model import PARTS, HeadModel
from ..head.raster import rasterise
from ..head.rotation import euler_to_matrix
from .portrait import Portrait

PAINT = {
    "mouth_socket": (96, 38, 36),
    "gums_upper": (176, 98, 94),
    "gums_lower": (168, 92, 88),
    "tongue": (178, 92, 90),
    "teeth_upper": (228, 221, 205),
    "teeth_lower": (218, 210, 194),
}
"""sRGB colours of the parts that are painted, eyes aside."""
SCLERA = (222, 214, 208)
PUPIL = (12, 10, 10)
IRIS = (98, 72, 52)
"""Used where the photograph shows too little of the iris."""
FACING = (0.2, 0.6)
"""Cosine between normal and line of sight at which a surface begins to count, and counts fully."""
DEPTH_TOLERANCE_CM = 0.3
BUFFER = 768
"""Side of the depth buffer that tells what the camera sees, pixels."""
PUPIL_SHARE = 0.36
"""Radius of the pupil over the iris's."""


@dataclass(frozen=True)
class Texels:
    """Where each texel lies on the mesh: row and column in the picture, triangle, barycentric weights (n, 3)."""

    row: np.ndarray
    column: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray


def texels_of(head: HeadModel, size: int) -> Texels:
    """All texels of a square texture whose middles a triangle covers; v points up."""
    uv = head.uv * size
    position = torch.stack([uv[:, 0], size - uv[:, 1], torch.zeros_like(uv[:, 0])], dim=-1)
    seen = rasterise(position[None], head.triangle_uv, size, size)
    row, column = seen.covered[0].nonzero(as_tuple=True)
    return Texels(
        row=row.numpy(),
        column=column.numpy(),
        triangle=seen.triangle[0, row, column].numpy(),
        weights=seen.barycentric[0, row, column].numpy(),
    )


def _at(field: np.ndarray, triangles: np.ndarray, texels: Texels) -> np.ndarray:
    """(V, C) on the vertices -> (n, C) at the texels."""
    return np.einsum("nkc,nk->nc", field[triangles[texels.triangle]], texels.weights)


def _sample(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(n, C) bilinear samples of an image (H, W, C) at pixels (n, 2), the edge continued outside."""
    coordinates = [pixels[:, 1] - 0.5, pixels[:, 0] - 0.5]
    channels = [ndimage.map_coordinates(image[..., c], coordinates, order=1, mode="nearest") for c in range(3)]
    return np.stack(channels, axis=-1)


class PhotographProjection:
    """The portrait's camera on the fitted head: pixel and visibility of points of the surface."""

    def __init__(self, head: HeadModel, portrait: Portrait, detail: float) -> None:
        """``detail``: texels a centimetre; a finer photograph is smoothed to that."""
        identity = torch.from_numpy(portrait.identity).float()
        shape = head.vertices(identity, torch.from_numpy(portrait.expression).float())
        rotation = euler_to_matrix(torch.from_numpy(portrait.rotation).float())
        self.triangles = head.triangles.numpy()
        self.camera = (shape @ rotation.T + torch.from_numpy(portrait.translation).float()).numpy()  # (V, 3)
        self.normals = (head.normals(shape) @ rotation.T).numpy()
        self.focal, self.centre = portrait.focal, np.asarray(portrait.centre, np.float32)
        pixels_a_centimetre = portrait.focal / float(np.median(-self.camera[:, 2]))
        blur = max(0.0, 0.4 * (pixels_a_centimetre / detail - 1))
        image = portrait.image.astype(np.float32)
        self.image = ndimage.gaussian_filter(image, (blur, blur, 0)) if blur > 0 else image
        self._make_depth_buffer()

    def project(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) pixels of camera-space points (n, 3)."""
        flat = points[:, :2] * (1.0, -1.0)
        return self.centre + self.focal * flat / -points[:, 2:]

    def _make_depth_buffer(self) -> None:
        pixels = self.project(self.camera)
        self.origin = pixels.min(0)
        self.scale = BUFFER / float(np.ptp(pixels, axis=0).max())
        scaled = np.column_stack([(pixels - self.origin) * self.scale, -self.camera[:, 2]]).astype(np.float32)
        seen = rasterise(torch.from_numpy(scaled)[None], torch.from_numpy(self.triangles), BUFFER, BUFFER)
        depth = seen.depth[0].numpy()
        # The nearest depth among neighbours would hide slopes; the farthest one forgives half a pixel of offset.
        self.depth = ndimage.maximum_filter(np.where(np.isfinite(depth), depth, -np.inf), size=3)

    def confidence(self, texels: Texels) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n, 2) of texels, and how well each is seen (n,) from 0 (hidden, grazing, outside) to 1."""
        point = _at(self.camera, self.triangles, texels)
        normal = _at(self.normals, self.triangles, texels)
        view = -point / np.linalg.norm(point, axis=1, keepdims=True)
        cosine = (normal * view).sum(1) / np.maximum(np.linalg.norm(normal, axis=1), 1e-6)
        facing = np.clip((cosine - FACING[0]) / (FACING[1] - FACING[0]), 0, 1)
        pixels = self.project(point)
        place = np.clip(((pixels - self.origin) * self.scale).astype(int), 0, BUFFER - 1)
        visible = -point[:, 2] < self.depth[place[:, 1], place[:, 0]] + DEPTH_TOLERANCE_CM
        height, width = self.image.shape[:2]
        inside = (pixels >= 0.5).all(1) & (pixels <= (width - 0.5, height - 0.5)).all(1)
        return pixels, facing * visible * inside


def mirrored_triangles(head: HeadModel) -> tuple[np.ndarray, np.ndarray]:
    """Row of each triangle's mirror image (F,), and (F, 3) which of its corners mirrors each of ours."""
    triangles, symmetry = head.triangles.numpy(), head.symmetry.numpy()
    rows = {tuple(sorted(triangle)): row for row, triangle in enumerate(triangles.tolist())}
    image = symmetry[triangles]  # (F, 3)
    partner = np.array([rows[tuple(sorted(triangle))] for triangle in image.tolist()])
    corner = (triangles[partner][:, None, :] == image[:, :, None]).argmax(-1)
    return partner, corner


def diffuse(colours: np.ndarray, confidence: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Spread vertex colours (V, 3) over the mesh: known where confidence (V,) is high, harmonic where it is zero.

    Minimises sum_v c_v |x_v - colour_v|^2 + sum over edges |x_a - x_b|^2 / 20.
    """
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    count = len(colours)
    ones = np.full(len(edges), 0.05)
    graph = coo_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
    graph = graph + graph.T
    # Components that nobody sees would be singular: a whisper of the mean colour.
    known = confidence + 1e-6
    mean = np.average(colours, axis=0, weights=known)
    system = (diags(np.asarray(graph.sum(1)).ravel() + known) - graph).tocsc()
    right = confidence[:, None] * colours + 1e-6 * mean
    return np.stack([spsolve(system, right[:, c]) for c in range(3)], axis=1)


def project_texture(head: HeadModel, portrait: Portrait, size: int) -> np.ndarray:
    """Texture (size, size, 3) uint8 of the person in a portrait, for the head model's own UVs.

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
    detail = _texels_a_centimetre(head, size)
    projection = PhotographProjection(head, portrait, detail)
    pixels, own = projection.confidence(texels)
    partner, corner = mirrored_triangles(head)
    mirror_weights = np.zeros_like(texels.weights)
    np.put_along_axis(mirror_weights, corner[texels.triangle], texels.weights, axis=1)
    mirror = Texels(texels.row, texels.column, partner[texels.triangle], mirror_weights)
    mirror_pixels, other = projection.confidence(mirror)
    other = other * (1 - own)
    # The mirrored side is lit differently: it only fills what the own side leaves, up to full confidence.
    total = np.maximum(own + other, 1e-6)[:, None]
    colour = own[:, None] * _sample(projection.image, pixels) + other[:, None] * _sample(
        projection.image, mirror_pixels
    )
    colour, confidence = colour / total, np.clip(own + other, 0, 1)

    part = head.triangle_part.numpy()[texels.triangle]
    skin = np.isin(part, [PARTS.index(name) for name in ("skin", "lips")])
    vertex_colour, vertex_confidence = _to_vertices(colour, confidence * skin, texels, triangles, len(head.mean))
    surface = head.part_triangles("skin", "lips", "eye_socket_left", "eye_socket_right").numpy()
    filled = diffuse(vertex_colour, vertex_confidence, triangles[surface])
    colour = confidence[:, None] * colour + (1 - confidence[:, None]) * _at(filled, triangles, texels)
    exposure = []
    for side, name in enumerate(("eye_left", "eye_right")):
        inside = part == PARTS.index(name)
        colour[inside], white = _eye_colours(head, projection, texels, inside, side, pixels, own)
        exposure.append(np.clip(white.mean() / np.mean(SCLERA), 0.75, 1.1))
    for name, paint in PAINT.items():
        colour[part == PARTS.index(name)] = np.array(paint) * np.mean(exposure)
    picture = np.zeros((size, size, 3), np.float32)
    covered = np.zeros((size, size), bool)
    picture[texels.row, texels.column] = colour
    covered[texels.row, texels.column] = True
    # Beyond the charts' edges the nearest colour goes on, so that filtering takes in no foreign one.
    nearest = ndimage.distance_transform_edt(~covered, return_distances=False, return_indices=True)
    return np.clip(picture[nearest[0], nearest[1]] + 0.5, 0, 255).astype(np.uint8)


def _texels_a_centimetre(head: HeadModel, size: int) -> float:
    """Texture pitch on the lips and skin of the mean head: square root of texel area over surface area."""
    rows = head.part_triangles("lips")
    corners, flat = head.mean[head.triangles[rows]], head.uv[head.triangle_uv[rows]]
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1).sum()
    a, b = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    return size * float(((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).abs().sum() / area).sqrt())


def _to_vertices(
    colour: np.ndarray, confidence: np.ndarray, texels: Texels, triangles: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean colour (V, 3) and mean confidence (V,) of the texels around each vertex."""
    total, weight, reach = np.zeros((count, 3)), np.zeros(count), np.zeros(count)
    for corner in range(3):
        vertex = triangles[texels.triangle, corner]
        share = texels.weights[:, corner]
        np.add.at(total, vertex, (share * confidence)[:, None] * colour)
        np.add.at(weight, vertex, share * confidence)
        np.add.at(reach, vertex, share)
    return total / np.maximum(weight, 1e-9)[:, None], weight / np.maximum(reach, 1e-9)


def _eye_colours(
    head: HeadModel,
    projection: PhotographProjection,
    texels: Texels,
    inside: np.ndarray,
    side: int,
    pixels: np.ndarray,
    seen: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) colours of an eyeball's texels (white, iris with a darker rim, pupil), and the white (3,) itself.

    White and iris are as bright as the photograph shows them, where it shows enough of them.
    """
    mean = head.mean.numpy()
    points = _at(mean, head.triangles.numpy(), texels)[inside]
    centre = mean[int(head.iris_points[side])]
    limbus = float(np.linalg.norm(mean[head.iris_ring[side].numpy(), :2] - centre[:2], axis=1).mean())
    front = points[:, 2] > float(head.eye_centres[side, 2])
    radius = np.where(front, np.linalg.norm(points[:, :2] - centre[:2], axis=1) / limbus, 9.0)
    well_seen = seen[inside] > 0.3

    def photographed(ring: np.ndarray, quantile: float, otherwise: tuple[int, int, int]) -> np.ndarray:
        """Mean colour around a quantile of brightness: lids shade the dark end, reflections make the bright one."""
        if (ring & well_seen).sum() < 20:
            return np.array(otherwise, np.float32)
        found = _sample(projection.image, pixels[inside][ring & well_seen])
        order = np.argsort(found.sum(1))
        first = int(max(0.0, quantile - 0.15) * len(order))
        return found[order[first : max(first + 1, int(min(1.0, quantile + 0.15) * len(order)))]].mean(0)

    iris = photographed((radius > PUPIL_SHARE + 0.1) & (radius < 0.85), 0.5, IRIS)
    white = photographed((radius > 1.2) & (radius < 2.0), 0.7, SCLERA)
    # What is photographed between dark lashes is darker than the white itself.
    white = np.clip(white / max(white.mean(), 1.0), 0.85, 1.15) * np.clip(white.mean(), 110, 225)

    def step(edge: float, width: float) -> np.ndarray:
        t = np.clip((radius - edge) / width + 0.5, 0, 1)[:, None]
        return t * t * (3 - 2 * t)

    rim = 1 - 0.45 * np.exp(-(((radius - 0.95) / 0.1) ** 2))[:, None]
    colour = np.array(PUPIL) + step(PUPIL_SHARE, 0.08) * (iris * rim - np.array(PUPIL))
    # The white darkens toward the lids, which shade it.
    shaded = white * (1 - 0.3 * np.clip((radius - 1.2) / 1.3, 0, 1))[:, None]
    return colour + step(1.0, 0.08) * (shaded - colour), white
