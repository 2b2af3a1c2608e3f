"""Hair as a mesh of its own: layers of strands from the crown to the hairline that the photograph shows, or hanging.

Columns of quads run from the crown outward like strands. The volume of ``core.neural_head.portrait_hair`` tells how far
they stand off the skull, and where the crown is bare. The photograph tells where they end on forehead and temples (the
border between hair and skin), how far they hang beside the face, their colours, and whether they curl. Behind the ears
they hang as far as at the sides; if nothing hangs there, they end at the nape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import cKDTree

from ..motion.rotations import euler_to_matrix
from ..neural_head.portrait_hair import HairVolume
from ..neural_head.regions import Regions
from ..portrait.portrait import Portrait
from .curls import curliness
from .hair_texture import LAYERS, between, strand_texture
from .model import DetailedHead

COLUMNS, ROWS = 96, 36
"""Columns around the crown, and rows along a strand."""
SKULL_Y_CM = 1.0
"""Skin above this height tells the skull's shape; the middle of the skull is where ``CENTRE_CM`` is."""
CENTRE_CM = (0.0, 3.5, -0.5)
POLE_BACK = np.radians(22)
"""The crown lies this far behind the top of the skull, seen from its middle."""
STEPS = 220
"""Places along a column at which its end is looked for."""
REACH_CM = 34.0
"""Length of that search."""
LEAST_CM, MOST_CM = 0.35, 8.0
"""Limits of the hair's thickness over the skull."""
EVERY = 4
"""Steps between the places of a column at which the volume is looked up, in every second column."""
REACHES_CM, REACHES = (-2.5, 8.0), 22
"""Distances from the skull between which the volume's surface is looked for, and their number. What hangs can come
nearer to the neck than the skull's widest place."""
THERE_CM = 0.15
"""Thickness from which the volume has hair over the skull."""
EVEN = (1.0, 1.0)
"""Standard deviations, in looked-up places along and across, by which the thickness is smoothed."""
LEVEL_CM = 2.0
"""Length over which the directions away from a strand that falls become level."""
CLOSED = 9
"""Gaps of a column that are shorter than this many steps have hair."""
WHORL_CM = 2.0
"""Hair that begins nearer to the crown than this begins there."""
SHORTEST_CM = 1.0
"""Least length of a column with hair."""
BEGINS_CM = 1.5
"""Length over which hair below a bare crown reaches its thickness."""
ENDS_CM = 1.0
"""Length over which short hair becomes thin at its end."""
FACES, BESIDE = 0.2, -0.2
"""Cosines toward the camera from which a column's place is seen, and from which its hair is seen beside the head."""
NATURAL_CM = ((0, 8.5), (40, 6.5), (62, 3.0), (78, 0.8), (95, 2.2), (115, 1.5), (130, -2.0), (180, -2.8))
"""Natural hairline: (degrees from the front, height of its end in head space)."""
LONG_CM = -2.5
"""Hair beside the face that reaches below this height hangs."""
SMOOTH = 1.6
"""Standard deviation, in columns, by which the beginnings and ends of columns are smoothed."""
LAYER_SHARE = (0.55, 0.8, 1.0)
"""Thickness of each layer, relative to the outermost."""
LAYER_LONGER = (1.0, 1.04, 1.08)
RELIEF_CM = 0.12
"""Height of locks; curls have up to twice as much."""
LOCK, CURL = (0.8, 5.0), (0.6, 0.6)
"""Standard deviations in columns and rows of the noise that makes locks, and of that which makes curls."""
BEHIND = -0.3
"""Cosine from the front below which a column is behind the ears. Where such columns don't hang they reach the natural
hairline at the nape, however thin the volume is there."""
FALLS_CM, NAPE_CM, BELOW_CM = 2.5, 0.5, 7.0
"""Most thickness behind the ears, which the photograph doesn't show, of what hangs and of short hair, from the third
number on below the middle of the skull."""


@dataclass(frozen=True)
class HairMesh:
    """Hair in head space.

    Attributes
    ----------
    vertices
        (H, 3) centimetres.
    faces
        (n, 4) rows of ``vertices``, counter-clockwise from outside; −1 ends a triangle.
    uv
        (H, 2) texture coordinates.
    texture
        (S, S, 4) uint8: colour and opacity.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    texture: np.ndarray


def make_hair(
    head: DetailedHead, portrait: Portrait, regions: Regions, neutral: np.ndarray, volume: HairVolume
) -> HairMesh | None:
    """The hair that the photograph shows on a person's neutral head (V, 3), in its volume; None if no strand grows."""
    curls = curliness(portrait, regions)
    shape = _Shape(head, portrait, regions, neutral, volume)
    faces, uv = _grid(shape.has)
    if not len(faces):
        return None
    layers = [shape.layer(number, curls) for number in range(LAYERS)]
    points = np.concatenate([layer.reshape(-1, 3) for layer in layers])
    used, rows = np.unique(faces, return_inverse=True)
    texture = strand_texture(portrait, regions, shape.project(layers[-1]), shape.seen(layers[-1]), curls)
    return HairMesh(points[used], rows.reshape(-1, 4), uv[used], texture)


def _grid(has: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces between columns that have hair (COLUMNS,), and texture coordinates, of all layers. The last column repeats
    the first, so that the texture closes."""
    across = COLUMNS + 1
    row, column = np.meshgrid(np.arange(ROWS - 1), np.flatnonzero(has & np.roll(has, -1)), indexing="ij")
    first = row * across + column
    quads = np.stack([first, first + across, first + across + 1, first + 1], -1).reshape(-1, 4)
    u, v = np.meshgrid(np.linspace(0, 1, across), np.linspace(0, 1, ROWS))
    faces, uv = [], []
    for layer in range(LAYERS):
        faces.append(quads + layer * across * ROWS)
        uv.append(np.stack([u, 1 - (layer + 0.02 + 0.96 * v) / LAYERS], -1).reshape(-1, 2))
    return np.concatenate(faces), np.concatenate(uv)


class _Shape:
    """The form of one person's hair, from the outline and the hairline in the photograph."""

    def __init__(
        self, head: DetailedHead, portrait: Portrait, regions: Regions, neutral: np.ndarray, volume: HairVolume
    ) -> None:
        self.portrait, self.regions = portrait, regions
        self.rotation = euler_to_matrix(portrait.rotation.astype(np.float64))
        skin = head.part_vertices("skin").numpy()
        moved = neutral[skin] - head.mean.numpy()[skin]
        top = head.mean.numpy()[skin][:, 1] > SKULL_Y_CM
        self.centre = np.array(CENTRE_CM) + moved[top].mean(0)
        away = neutral[skin] - self.centre
        self._radius = np.linalg.norm(away, axis=1)
        self._tree = cKDTree(away / self._radius[:, None])
        self.azimuth = np.linspace(0, 2 * np.pi, COLUMNS, endpoint=False)
        angle = np.abs((self.azimuth + np.pi) % (2 * np.pi) - np.pi)
        self.natural = np.interp(np.degrees(angle), *np.array(NATURAL_CM, float).T) + moved[top, 1].mean()
        self.front = np.cos(self.azimuth)
        low = self._lowest()
        self.lowest = np.where(np.sin(self.azimuth) >= 0, low[0], low[1])
        self.lowest[self.front < BEHIND] = 0.5 * (low[0] + low[1])
        self.hangs = self.lowest < LONG_CM + self.centre[1] - CENTRE_CM[1]
        self.base, self.out = self._lines()
        thick, there = self._thickness(volume)
        hanging = self.base[..., 1] < self.centre[1] - LEVEL_CM
        least = np.where(hanging, REACHES_CM[0], LEAST_CM)
        low = np.clip((self.centre[1] - self.base[..., 1]) / BELOW_CM, 0, 1) * np.clip(self.front / BEHIND, 0, 1)
        thick = np.clip(thick, least, MOST_CM)
        most = np.where(self.hangs, FALLS_CM, NAPE_CM)
        self.thick = thick + (np.minimum(thick, most) - thick) * low
        self.path = self.base + self.out * self.thick[..., None]
        self.first, self.last, self.has = self._runs(there)

    def skull(self, direction: np.ndarray) -> np.ndarray:
        """(...,) distance of the skull from its middle in unit directions (..., 3), without the ears."""
        found = self._radius[self._tree.query(direction, k=12)[1]]
        return np.quantile(found, 0.3, axis=-1)

    def _directions(self, polar: np.ndarray) -> np.ndarray:
        """(n, COLUMNS, 3) unit directions at polar angles (n,) from the crown."""
        sine, cosine = np.sin(polar)[:, None], np.cos(polar)[:, None]
        x, z = sine * np.sin(self.azimuth), sine * np.cos(self.azimuth)
        y = np.broadcast_to(cosine, x.shape)
        tilt_c, tilt_s = np.cos(POLE_BACK), np.sin(POLE_BACK)
        return np.stack([x, tilt_c * y + tilt_s * z, tilt_c * z - tilt_s * y], -1)

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) pixels of the photograph."""
        camera = points @ self.rotation.T + self.portrait.translation
        flat = camera[..., :2] / -camera[..., 2:]
        return self.portrait.centre + self.portrait.focal * flat * (1, -1)

    def _unit(self) -> float:
        """Pixels of a centimetre at the middle of the skull."""
        beside = self.centre + self.rotation[0]  # the camera's x axis in head space
        return float(np.linalg.norm(self.project(beside) - self.project(self.centre)))

    def seen(self, points: np.ndarray) -> np.ndarray:
        """(ROWS, COLUMNS + 1) 0..1: how far a layer faces the camera."""
        along, across = np.gradient(points, axis=0), np.gradient(points, axis=1)
        normal = np.cross(along, across)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
        camera = points @ self.rotation.T + self.portrait.translation
        view = -camera / np.linalg.norm(camera, axis=-1, keepdims=True)
        cosine = ((normal @ self.rotation.T) * view).sum(-1)
        return np.clip((cosine - FACES) / 0.4, 0, 1)

    def _lines(self) -> tuple[np.ndarray, np.ndarray]:
        """(STEPS, COLUMNS, 3) each: lines along the skull, longer than any hair, in steps of equal length; and the
        unit directions away from it."""
        polar = np.linspace(0.02, np.radians(150), 400)
        direction = self._directions(polar)
        radius = ndimage.gaussian_filter(self.skull(direction), (6, 1.5), mode=("nearest", "wrap"))
        points = self.centre + direction * radius[..., None]
        base, out = np.zeros((2, STEPS, COLUMNS, 3))
        wanted = np.linspace(0, REACH_CM, STEPS)
        for column in range(COLUMNS):
            line, away = points[:, column], direction[:, column]
            if self.hangs[column]:  # from its widest place a strand falls straight down
                widest = int(np.argmax(np.hypot(line[:, 0] - self.centre[0], line[:, 2] - self.centre[2])))
                line, away = line[: widest + 1], away[: widest + 1]
            length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
            for axis in range(3):
                base[:, column, axis] = np.interp(wanted, length, line[:, axis])
                out[:, column, axis] = np.interp(wanted, length, away[:, axis])
            falling = np.maximum(wanted - length[-1], 0)
            base[:, column, 1] -= falling
            out[:, column, 1] *= np.exp(-falling / LEVEL_CM)
        return base, out / np.linalg.norm(out, axis=-1, keepdims=True)

    def _thickness(self, volume: HairVolume) -> tuple[np.ndarray, np.ndarray]:
        """(STEPS, COLUMNS) each: how far the volume reaches from the lines in cm, smooth, and whether it does."""
        base, out = self.base[::EVERY, ::2], self.out[::EVERY, ::2]
        offsets = np.linspace(*REACHES_CM, REACHES)
        places = base[..., None, :] + offsets[:, None] * out[..., None, :]
        flat = torch.from_numpy(places.reshape(-1, 3).astype(np.float32))
        field = volume.distance(flat).numpy().reshape(places.shape[:-1])
        inside = field < 0
        last = REACHES - 1 - inside[..., ::-1].argmax(-1)
        here = np.take_along_axis(field, last[..., None], -1)[..., 0]
        beyond = np.take_along_axis(field, np.minimum(last + 1, REACHES - 1)[..., None], -1)[..., 0]
        share = np.where(beyond > 0, here / np.where(beyond > here, here - beyond, -1), 0)
        found = offsets[last] + share * (offsets[1] - offsets[0])
        there = inside.any(-1) & ((found > THERE_CM) | self.hangs[::2])
        weight = ndimage.gaussian_filter(there.astype(float), EVEN, mode=("nearest", "wrap"))
        total = ndimage.gaussian_filter(np.where(there, found, 0.0), EVEN, mode=("nearest", "wrap"))
        smooth = np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), LEAST_CM)
        return _finer(smooth), _finer(there.astype(float)) > 0.5

    def _photographed(self) -> tuple[np.ndarray, np.ndarray]:
        """(STEPS, COLUMNS) bool each: places whose skin the photograph shows, and those whose hair it shows."""
        hair = _looked_up(self.regions.hair, self.project(self.path))
        skin = _looked_up(self.regions.skin, self.project(self.base))
        toward = (self.out @ self.rotation.T)[..., 2]
        return (skin > 0.5) & (hair < 0.5) & (toward > FACES), (hair > 0.5) & (toward > BESIDE)

    def _runs(self, there: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(COLUMNS,) each: where each column's hair begins and ends in cm along its line, and whether it has any."""
        bare, shown = self._photographed()
        height = self.base[..., 1]
        first, last = np.zeros(COLUMNS), np.zeros(COLUMNS)
        for column in range(COLUMNS):
            lowest = self.lowest[column] if self.hangs[column] else self.natural[column]
            if self.front[column] > 0.1 and bare[:, column].any():
                lowest = -np.inf
            full = there[:, column]
            if self.front[column] < BEHIND and not self.hangs[column] and full.any():
                full = full | (height[:, column] < self.centre[1])
            grows = full & ((height[:, column] > lowest) | shown[:, column]) & ~bare[:, column]
            grows = ndimage.binary_closing(grows, np.ones(CLOSED))
            parts, count = ndimage.label(grows)
            if count:
                longest = 1 + np.bincount(parts)[1:].argmax()
                steps = np.flatnonzero(parts == longest)
                first[column], last[column] = steps[0], steps[-1] + 1
        first, last = first * REACH_CM / (STEPS - 1), last * REACH_CM / (STEPS - 1)
        first[first < WHORL_CM] = 0.0
        has = last - first > SHORTEST_CM
        weight = np.maximum(ndimage.gaussian_filter1d(has.astype(float), SMOOTH, mode="wrap"), 1e-6)
        first, last = (ndimage.gaussian_filter1d(one * has, SMOOTH, mode="wrap") / weight for one in (first, last))
        return first, last, has

    def _lowest(self) -> tuple[float, float]:
        """Height in head space down to which hair hangs on the person's left and right."""
        rows, columns = np.nonzero(self.regions.hair > 0.5)
        middle = self.project(self.centre)
        unit = self._unit()
        out = []
        for side in (1, -1):
            beside = side * (columns - middle[0]) > 5.0 * unit
            bottom = np.quantile(rows[beside], 0.985) if beside.sum() > 20 else middle[1]
            out.append(self.centre[1] - (bottom - middle[1]) / unit)
        return out[0], out[1]

    def layer(self, number: int, curls: float) -> np.ndarray:
        """(ROWS, COLUMNS + 1, 3) points of one layer of hair that is 0..1 curly; the last column is the first again."""
        rng = np.random.default_rng(number)
        along = np.linspace(0, 1, ROWS)[:, None]
        length = (self.last - self.first) * LAYER_LONGER[number]
        wanted = self.first + along * length
        place = np.clip(wanted / REACH_CM * (STEPS - 1), 0, STEPS - 1.001)
        low = place.astype(int)
        t = place - low
        column = np.arange(COLUMNS)[None]

        def at(field: np.ndarray) -> np.ndarray:
            part = t if field.ndim == 2 else t[..., None]
            return field[low, column] * (1 - part) + field[low + 1, column] * part

        base, out, thick = at(self.base), at(self.out), at(self.thick)
        # Toward their ends short strands lie down on the skin, and where they begin below a bare crown too.
        hangs = self.hangs * np.clip((self.centre[1] - 3 - base[..., 1]) / 3, 0, 1)
        left = np.clip((self.last - wanted) / ENDS_CM, 0, 1)
        taper = 1 - (1 - hangs) * (1 - left) ** 2 * 0.75
        begun = np.where(self.first > 0, np.clip((wanted - self.first) / BEGINS_CM, 0.2, 1), 1.0)
        size = between(LOCK, CURL, curls)[::-1]
        locks = ndimage.gaussian_filter(rng.standard_normal((ROWS, COLUMNS)), size, mode=("nearest", "wrap"))
        locks *= RELIEF_CM * (1 + curls) / max(locks.std(), 1e-9) * along**0.5
        keep = np.where(hangs > 0, 1 - (1 - LAYER_SHARE[number]) * 0.35, LAYER_SHARE[number])
        lifted = thick * keep * taper * begun + locks
        lifted = np.where(hangs > 0, lifted, np.maximum(lifted, 0.12))
        points = base + out * lifted[..., None]
        return np.concatenate([points, points[:, :1]], 1)


def _finer(field: np.ndarray) -> np.ndarray:
    """(STEPS, COLUMNS) values between those at every EVERY-th step of every second column, which go around."""
    closed = np.concatenate([field, field[:, :1]], 1)
    rows = np.minimum(np.arange(STEPS) / EVERY, len(field) - 1)
    grid = np.meshgrid(rows, np.arange(COLUMNS) / 2, indexing="ij")
    return np.asarray(ndimage.map_coordinates(closed, grid, order=1))


def _looked_up(mask: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Values of a mask (H, W) at pixels (..., 2); 0 outside."""
    height, width = mask.shape
    x, y = np.floor(pixels[..., 0]).astype(int), np.floor(pixels[..., 1]).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    return np.where(inside, mask[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)], 0.0)
