"""Hair as a mesh of its own: layers of strands from the crown to the hairline that the photograph shows, or hanging.

Columns of quads run from the crown outward like strands. The photograph tells how far they stand off the skull (its
outline, as in ``core.renderer.hull``), where they end on forehead and temples (the border between hair and skin), how
far they hang beside the face, and their colours. What it doesn't show, the back, is as thick and as long as the sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ..motion.rotations import euler_to_matrix
from ..portrait.portrait import Portrait
from .hair_texture import LAYERS, strand_texture
from .model import DetailedHead
from .regions import Regions

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
LEAST_CM, MOST_CM = 0.35, 7.0
"""Limits of the hair's thickness over the skull."""
BACK_CM = 3.0
"""Most thickness behind the ears, which the photograph can't show."""
FLAT_FRONT = 0.45
"""Share of the thickness over the forehead, where the outline can't tell it."""
FACES = 0.2
"""Cosine toward the camera from which a column's place is seen."""
NATURAL_CM = ((0, 8.5), (40, 6.5), (62, 3.0), (78, 0.8), (95, 2.2), (115, 1.5), (130, -2.0), (180, -5.0))
"""Natural hairline: (degrees from the front, height of its end in head space)."""
LONG_CM = -2.5
"""Hair beside the face that reaches below this height hangs."""
SMOOTH = 1.6
"""Standard deviation, in columns, by which ends and thickness are smoothed."""
LAYER_SHARE = (0.55, 0.8, 1.0)
"""Thickness of each layer, relative to the outermost."""
LAYER_LONGER = (0.97, 1.0, 1.03)
RELIEF_CM = 0.12
"""Height of locks on the outer layers."""


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


def make_hair(head: DetailedHead, portrait: Portrait, regions: Regions, neutral: np.ndarray) -> HairMesh | None:
    """The hair that the photograph shows on a person's neutral head (V, 3), or None if it shows none."""
    if regions.hair_colour is None:
        return None
    shape = _Shape(head, portrait, regions, neutral)
    layers = [shape.layer(number) for number in range(LAYERS)]
    points = np.concatenate([layer.reshape(-1, 3) for layer in layers])
    faces, uv = _grid()
    texture = strand_texture(portrait, regions, shape.project(layers[-1]), shape.seen(layers[-1]))
    return HairMesh(points, faces, uv, texture)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Faces and texture coordinates of all layers; the last column repeats the first, so that the texture closes."""
    across = COLUMNS + 1
    row, column = np.meshgrid(np.arange(ROWS - 1), np.arange(COLUMNS), indexing="ij")
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

    def __init__(self, head: DetailedHead, portrait: Portrait, regions: Regions, neutral: np.ndarray) -> None:
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
        self.lowest[self.front < -0.3] = 0.5 * (low[0] + low[1])
        self.hangs = self.lowest < LONG_CM + self.centre[1] - CENTRE_CM[1]
        self.path = self._paths(self._side_thickness())
        self.skull_points = self._below(self.path)
        self.end = self._ends()

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

    def _side_thickness(self) -> np.ndarray:
        """(COLUMNS,) thickness in cm where a column's skull is on the outline; hidden ones have that of their side."""
        ring = self._directions(np.radians([50.0, 62.0, 74.0, 86.0]))
        radius = self.skull(ring)
        skull = self.centre + ring * radius[..., None]
        middle = self.project(self.centre)
        out = np.full(ring.shape[:2], np.nan)
        steps = np.linspace(0, MOST_CM + 2, 90)
        for row in range(len(ring)):
            grown = skull[row][:, None] + ring[row][:, None] * (steps - 1.0)[None, :, None]
            # Sideways only: the outline in the picture is that of the widest place.
            inside = _looked_up(self.regions.hair, self.project(grown)) > 0.4
            last = np.where(inside.any(1), len(steps) - 1 - inside[:, ::-1].argmax(1), 0)
            lateral = np.linalg.norm(self.project(skull[row]) - middle, axis=-1)
            limb = lateral / self._unit()
            facing = (ring[row] @ self.rotation.T)[:, 2]
            usable = (np.abs(facing) < 0.5) & inside.any(1) & (limb > 3)
            out[row, usable] = (steps - 1.0)[last[usable]]
        known = ~np.isnan(out)
        if known.sum() < 6:
            return np.full(COLUMNS, 1.5)
        column_mean = np.array([np.nanmedian(out[:, k]) if known[:, k].any() else np.nan for k in range(COLUMNS)])
        usable = ~np.isnan(column_mean)
        angle = np.where(usable)[0]
        filled = np.interp(np.arange(COLUMNS), angle, column_mean[usable], period=COLUMNS)
        filled = np.clip(filled, LEAST_CM, MOST_CM)
        filled = np.where(self.front < 0, np.minimum(filled, BACK_CM), filled)
        return np.asarray(ndimage.gaussian_filter1d(filled, 2 * SMOOTH, mode="wrap"))

    def _crown_thickness(self) -> float:
        """Thickness at the top of the head, from the outline above it."""
        up = np.array([0.0, 1.0, 0.15])
        up /= np.linalg.norm(up)
        base = self.centre + up * self.skull(up)
        steps = np.linspace(-1.5, MOST_CM, 120)
        inside = _looked_up(self.regions.hair, self.project(base + steps[:, None] * up)) > 0.4
        return float(np.clip(steps[inside].max() if inside.any() else LEAST_CM, LEAST_CM, MOST_CM))

    def _paths(self, side_cm: np.ndarray) -> np.ndarray:
        """(STEPS, COLUMNS, 3) the outermost layer, longer than any hair, in steps of equal length."""
        polar = np.linspace(0.02, np.radians(150), 400)
        direction = self._directions(polar)
        radius = self.skull(direction)
        radius = ndimage.gaussian_filter(radius, (6, 1.5), mode=("nearest", "wrap"))
        crown = self._crown_thickness()
        share = np.clip(polar / np.radians(75), 0, 1)[:, None]
        share = share * share * (3 - 2 * share)
        thick = crown + (side_cm[None] - crown) * share
        flat = (
            1 - (1 - FLAT_FRONT) * np.clip(self.front, 0, 1)[None] ** 2 * np.clip(polar / np.radians(60), 0, 1)[:, None]
        )
        points = self.centre + direction * (radius + np.maximum(thick * flat, LEAST_CM))[..., None]
        paths = np.zeros((STEPS, COLUMNS, 3))
        wanted = np.linspace(0, REACH_CM, STEPS)
        for column in range(COLUMNS):
            line = points[:, column]
            if self.hangs[column]:  # from its widest place a strand falls straight down
                widest = int(np.argmax(np.hypot(line[:, 0] - self.centre[0], line[:, 2] - self.centre[2])))
                line = line[: widest + 1]
            length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
            on_skull = np.stack([np.interp(wanted, length, line[:, axis]) for axis in range(3)], 1)
            falling = np.maximum(wanted - length[-1], 0)
            on_skull[:, 1] -= falling
            narrow = 1 - 0.012 * np.minimum(falling, 14)
            on_skull[:, [0, 2]] = self.centre[[0, 2]] + (on_skull[:, [0, 2]] - self.centre[[0, 2]]) * narrow[:, None]
            paths[:, column] = on_skull
        return paths

    def _below(self, paths: np.ndarray) -> np.ndarray:
        """(STEPS, COLUMNS, 3) the skull under each place of the paths."""
        away = paths - self.centre
        direction = away / np.linalg.norm(away, axis=-1, keepdims=True)
        return self.centre + direction * self.skull(direction)[..., None]

    def _ends(self) -> np.ndarray:
        """(COLUMNS,) length of each column in cm."""
        hair = _looked_up(self.regions.hair, self.project(self.path))
        skin = _looked_up(self.regions.skin, self.project(self.skull_points))
        height = self.path[..., 1]
        toward = ((self.path - self.centre) @ self.rotation.T)[..., 2]
        out = np.zeros(COLUMNS)
        for column in range(COLUMNS):
            lowest = self.lowest[column] if self.hangs[column] else self.natural[column]
            last = int((height[:, column] > lowest).sum())
            bare = (skin[:, column] > 0.5) & (hair[:, column] < 0.5) & (toward[:, column] > 0)
            if self.front[column] > 0.1 and bare.any():
                last = int(bare.argmax())
            out[column] = max(2, last) * REACH_CM / (STEPS - 1)
        return np.asarray(ndimage.gaussian_filter1d(out, SMOOTH, mode="wrap"))

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

    def layer(self, number: int) -> np.ndarray:
        """(ROWS, COLUMNS + 1, 3) points of one layer; the last column is the first again."""
        rng = np.random.default_rng(number)
        share = LAYER_SHARE[number]
        wanted = np.linspace(0, 1, ROWS)[:, None] * (self.end * LAYER_LONGER[number])[None]
        place = np.clip(wanted / REACH_CM * (STEPS - 1), 0, STEPS - 1.001)
        low = place.astype(int)
        t = (place - low)[..., None]
        column = np.arange(COLUMNS)[None]

        def at(field: np.ndarray) -> np.ndarray:
            return field[low, column] * (1 - t) + field[low + 1, column] * t

        outer, skull = at(self.path), at(self.skull_points)
        # Toward their ends short strands lie down on the skin.
        hangs = np.clip((self.centre[1] - 3 - outer[..., 1]) / 3, 0, 1)
        taper = 1 - (1 - hangs) * np.linspace(0, 1, ROWS)[:, None] ** 3 * 0.75
        locks = ndimage.gaussian_filter(rng.standard_normal((ROWS, COLUMNS)), (5, 0.8), mode=("nearest", "wrap"))
        locks *= RELIEF_CM / max(locks.std(), 1e-9) * np.linspace(0, 1, ROWS)[:, None] ** 0.5
        away = outer - skull
        distance = np.linalg.norm(away, axis=-1, keepdims=True)
        away = away / np.maximum(distance, 1e-6)
        keep = np.where(hangs[..., None] > 0, 1 - (1 - share) * 0.35, share)
        points = skull + away * np.maximum(distance * keep * taper[..., None] + locks[..., None], 0.12)
        return np.concatenate([points, points[:, :1]], 1)


def _looked_up(mask: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Values of a mask (H, W) at pixels (..., 2); 0 outside."""
    height, width = mask.shape
    x, y = np.floor(pixels[..., 0]).astype(int), np.floor(pixels[..., 1]).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    return np.where(inside, mask[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)], 0.0)
