"""Covers for faces whose landmarks are known: masks, scarves, hands, sunglasses, bars, patches and hair.

Every function takes a random generator, an image (H, W, 3) uint8 RGB and the face mesh (478, 3) px, and returns a new
image. Lengths are in outer-eye distances. Axes: x from the person's right eye to the left one, y downward in the face.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import cv2
import numpy as np

from core.face.points import CONTOUR, EYE_CORNERS, LIPS_OUTER_RING, MOUTH_CORNERS, OUTER_EYES

from .canvas import as_bytes, filled, skin_colour

Cover = Callable[[random.Random, np.ndarray, np.ndarray], np.ndarray]
CLOTHS = ("white", "blue", "black", "any", "pattern", "skin", "picture")
"""Kinds of cloth: plain colours, a pattern, the colour of the face's own skin, and a piece of the picture itself."""
_PLAIN = {"white": (235, 235, 238), "blue": (150, 190, 220), "black": (22, 22, 25)}
_MASK_TOPS = ((454, 330, 5, 101, 234), (454, 280, 4, 50, 234), (454, 330, 195, 101, 234))
"""Upper edges of masks: cheek, next to the nose, nose, and back."""
_NOSE_TIP, _UNDER_NOSE, _UPPER_LIP = 1, 2, 0
_ROUND, _OVAL, _BOX = 1.0, 0.8, 0.35
"""Exponents of superellipses."""


class _Face:
    """Unit of length, axes and places of a face."""

    def __init__(self, face: np.ndarray) -> None:
        self.face = face
        self.points = face[:, :2].astype(np.float64)
        right, left = self.points[list(OUTER_EYES)]
        self.unit = float(np.linalg.norm(left - right))
        self.x = (left - right) / max(self.unit, 1e-6)
        self.y = np.array([-self.x[1], self.x[0]])

    def eye(self, side: int) -> np.ndarray:
        """(2,) middle between the corners of an eye."""
        middle: np.ndarray = self.points[list(EYE_CORNERS[side])].mean(0)
        return middle

    def at(self, middle: np.ndarray, across: np.ndarray | float, down: np.ndarray | float) -> np.ndarray:
        """(…, 2) px of places given in units from ``middle``."""
        across, down = np.asarray(across)[..., None], np.asarray(down)[..., None]
        return middle + self.unit * (across * self.x + down * self.y)

    def ring(self, middle: np.ndarray, width: float, height: float, power: float = _ROUND) -> np.ndarray:
        """(60, 2) px of a superellipse with these half axes."""
        turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        across, down = np.cos(turn), np.sin(turn)
        return self.at(
            middle,
            np.sign(across) * np.abs(across) ** power * width,
            np.sign(down) * np.abs(down) ** power * height,
        )


def mask(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """A face mask over nose or upper lip, cheeks and chin."""
    at = _Face(face)
    outline = at.points[list(CONTOUR)]
    below = outline[(outline - at.points[_NOSE_TIP]) @ at.y > r.uniform(-0.1, 0.15) * at.unit]
    middle = at.points[_NOSE_TIP]
    ring = np.concatenate([middle + (below - middle) * r.uniform(1.0, 1.08), at.points[list(r.choice(_MASK_TOPS))]])
    return _laid(image, _cloth(r, image, at), filled(image, cv2.convexHull(ring.astype(np.float32))[:, 0]), at, 0.008)


def scarf(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Cloth from above the upper lip to the bottom of the picture."""
    at = _Face(face)
    top = (at.points[_UNDER_NOSE] + at.points[_UPPER_LIP]) / 2
    ring = at.at(top, np.array([-3, 3, 3, -3]), np.array([0, r.uniform(-0.2, 0.2), 9, 9]))
    return _laid(image, _cloth(r, image, at), filled(image, ring), at, 0.01)


def tape(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """An oval or a strip that covers only the mouth."""
    at = _Face(face)
    corners, lips = at.points[list(MOUTH_CORNERS)], at.points[list(LIPS_OUTER_RING)]
    middle = corners.mean(0)
    width = abs((corners[1] - corners[0]) @ at.x) / 2 / at.unit * r.uniform(1.15, 1.6)
    height = float(np.abs((lips - middle) @ at.y).max()) / at.unit * r.uniform(1.2, 1.8)
    ring = at.ring(middle, width, height, r.choice([_ROUND, 0.15]))
    return _laid(image, _cloth(r, image, at), filled(image, ring), at, 0.008)


def hand(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Three or four fingers across the mouth."""
    at = _Face(face)
    count, thick, turn = r.choice([3, 4]), r.uniform(0.16, 0.2), r.uniform(-0.5, 0.5) + r.choice([0.0, np.pi])
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    skin, middle = skin_colour(image, at.face) * r.uniform(0.8, 1.1), at.points[list(LIPS_OUTER_RING)].mean(0)
    out = image.astype(np.float32)
    for finger in range(count):
        root = across * thick * 0.95 * (finger - (count - 1) / 2)
        ends = at.at(middle, *np.stack([root - along * 1.5, root + along * r.uniform(0.45, 0.65)]).T)
        cover = _line(image, ends, thick * at.unit)
        lit = 0.55 + 0.45 * cv2.GaussianBlur(cover, (0, 0), max(thick * at.unit / 4, 0.5))
        out += cover[..., None] * (skin * lit[..., None] - out)
    return as_bytes(out)


def sunglasses(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Black, grey, tinted, graded or mirroring glasses, in three shapes, mostly with a frame."""
    at = _Face(face)
    kind = r.choice(["black", "grey", "tint", "mirror", "graded"])
    width, height, power = r.uniform(0.24, 0.33), r.uniform(0.17, 0.26), r.choice([_ROUND, _OVAL, _BOX])
    grey = r.uniform(5, 25) if kind == "black" else r.uniform(25, 70)
    colour = np.full(3, grey) if kind in ("black", "grey") else np.array([r.uniform(10, 90) for _ in range(3)])
    sky, ground = (np.array([r.uniform(*ends) for _ in range(3)]) for ends in ((120, 250), (20, 120)))
    horizon, edge, glint = r.uniform(-0.06, 0.06), r.uniform(0.01, 0.08), r.choice([0.0, r.uniform(40, 110)])
    rings = [at.ring(at.at(at.eye(side), 0, 0.03), width, height, power) for side in (0, 1)]
    out = image
    for ring in rings:
        across, down = _places(image, at, ring.mean(0))
        lens = np.broadcast_to(colour, image.shape).astype(np.float32)
        if kind == "mirror":
            share = 1 / (1 + np.exp(-np.clip((down - horizon + 0.02 * np.sin(9 * across)) / edge, -30, 30)))
            lens = sky + share[..., None] * (ground - sky)
        elif kind == "graded":
            lens = lens * (1 + 1.5 * np.clip(down / height + 0.3, 0, 1))[..., None]
        lens = lens + glint * np.exp(-(((across + 0.1) / 0.05) ** 2 + ((down + 0.07) / 0.03) ** 2))[..., None]
        out = _laid(out, lens, filled(image, ring) * r.uniform(0.95, 1.0), at, 0.004)
    return _framed(r, out, at, rings) if r.random() < 0.8 else out


def shaded(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Tinted glasses through which the eyes are seen well. This is no cover."""
    at = _Face(face)
    tint = r.uniform(0.35, 0.6) * np.array([r.uniform(0.7, 1) for _ in range(3)])
    power, haze = r.choice([_ROUND, _OVAL, _BOX]), r.uniform(0, 20)
    rings = [at.ring(at.at(at.eye(side), 0, 0.03), 0.28, 0.21, power) for side in (0, 1)]
    out = image
    for ring in rings:
        out = _laid(out, out * tint + haze, filled(image, ring), at, 0.004)
    return _framed(r, out, at, rings)


def bar(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """A bar over both eyes, as newspapers print it, or a blindfold."""
    at = _Face(face)
    width, height, tilt = r.uniform(0.65, 1.2), r.uniform(0.14, 0.3), r.uniform(-0.06, 0.06)
    corners = at.at((at.eye(0) + at.eye(1)) / 2, width * np.array([-1, 1, 1, -1]), height * np.array([-1, -1, 1, 1]))
    corners = corners + at.unit * tilt * np.array([[-1], [1], [1], [-1]]) * at.y
    flat = np.full(image.shape, r.choice([0.0, 0.0, 255.0, 128.0]), np.float32)
    return _laid(image, flat if r.random() < 0.4 else _cloth(r, image, at), filled(image, corners), at, 0.005)


def eye_patch(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """A patch over one eye."""
    at = _Face(face)
    ring = at.ring(at.eye(r.choice([0, 1])), r.uniform(0.22, 0.3), r.uniform(0.15, 0.25), r.choice([_ROUND, _BOX]))
    return _laid(image, _cloth(r, image, at), filled(image, ring), at, 0.006)


def hair(r: random.Random, image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """A fringe over one eye or both."""
    at = _Face(face)
    base = r.uniform(10, 120) * np.array([1, 0.85, 0.7])
    out = image.astype(np.float32)
    for side in r.choice([(0,), (1,), (0, 1)]):
        middle = at.eye(side)
        ring = at.at(middle, np.array([-0.3, 0.3, 0.28, -0.28]), np.array([-0.9, -0.9, 0.15, 0.15]))
        cover = cv2.GaussianBlur(filled(image, ring), (0, 0), max(0.02 * at.unit, 0.5))[..., None]
        out += 0.97 * cover * (base - out)
        for _ in range(80):
            ends = np.array([[r.uniform(-0.32, 0.32), -0.9], [r.uniform(-0.34, 0.34), r.uniform(0.08, 0.3)]])
            ends = at.at(middle, ends[:, 0], ends[:, 1])
            strand = _line(image, ends, 0.012 * at.unit)[..., None]
            near = _around(ends, 3 + 0.012 * at.unit)
            out[near] += 0.8 * strand[near] * (base * r.uniform(0.5, 1.6) - out[near])
    return as_bytes(out)


OVER_MOUTH: dict[str, Cover] = {"mask": mask, "scarf": scarf, "tape": tape, "hand": hand}
OVER_EYES: dict[str, Cover] = {"sunglasses": sunglasses, "bar": bar}
OVER_AN_EYE: dict[str, Cover] = {"eye patch": eye_patch, "hair": hair}
"""Covers of one eye or both."""
COVERS = {**OVER_MOUTH, **OVER_EYES, **OVER_AN_EYE}


def _cloth(r: random.Random, image: np.ndarray, at: _Face) -> np.ndarray:
    """(H, W, 3) float colours of a cloth with light, folds and grain."""
    height, width = image.shape[:2]
    kind = r.choice(CLOTHS)
    if kind == "skin":
        cloth = np.broadcast_to(skin_colour(image, at.face) * r.uniform(0.85, 1.1), image.shape)
    elif kind == "picture":
        side = int(min(max(at.unit, 16), height, width))
        top, left = r.randrange(height - side + 1), r.randrange(width - side + 1)
        piece = image[top : top + side, left : left + side]
        cloth = np.tile(piece, (height // side + 1, width // side + 1, 1))[:height, :width].astype(np.float32)
    else:
        cloth = np.broadcast_to(np.array(_PLAIN.get(kind, [r.randrange(256) for _ in range(3)]), float), image.shape)
    across, down = _places(image, at, at.points[_NOSE_TIP])
    if kind == "pattern":
        other, period, turn = [r.randrange(256) for _ in range(3)], r.uniform(0.06, 0.35), r.uniform(0, np.pi)
        first = np.sin((across * np.cos(turn) + down * np.sin(turn)) * 2 * np.pi / period)
        second = np.sin((down * np.cos(turn) - across * np.sin(turn)) * 2 * np.pi / period)
        marked = r.choice([first > 0, (first > 0) ^ (second > 0), first + second > 1])
        cloth = np.where(marked[..., None], np.array(other, float), cloth)
    light = 1 + r.uniform(-0.12, 0.12) * across - r.uniform(0, 0.17) * across**2
    for _ in range(r.choice([0, 0, 2, 4])):
        fold = down - r.uniform(0, 1) - r.uniform(-0.15, 0.15) * across
        light = light - r.uniform(0.05, 0.2) * np.exp(-((fold / 0.03) ** 2))
    grain = np.random.default_rng(r.randrange(1 << 30)).normal(0, 1, (height, width)).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), r.choice([0.7, 1.5])) * r.uniform(0, 6)
    return np.clip(cloth * np.clip(light, 0.3, 1.3)[..., None] + grain[..., None], 0, 255)


def _framed(r: random.Random, image: np.ndarray, at: _Face, rings: list[np.ndarray]) -> np.ndarray:
    """The frame of glasses: both rims and the bridge between them."""
    colour = np.broadcast_to([r.uniform(0, 120) for _ in range(3)], image.shape)
    thick = r.choice([0.02, 0.05]) * at.unit
    cover = np.maximum.reduce([_line(image, ring, thick, closed=True) for ring in rings])
    bridge = np.stack([rings[0].mean(0), rings[1].mean(0)])
    bridge = bridge.mean(0) + (bridge - bridge.mean(0)) * 0.35
    return _laid(image, colour, np.maximum(cover, _line(image, bridge, thick)), at, 0.0)


def _places(image: np.ndarray, at: _Face, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) each: how far every pixel lies across and down from ``middle``, in units."""
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32) + 0.5
    across = ((columns - middle[0]) * at.x[0] + (rows - middle[1]) * at.x[1]) / at.unit
    down = ((columns - middle[0]) * at.y[0] + (rows - middle[1]) * at.y[1]) / at.unit
    return across, down


def _line(image: np.ndarray, points: np.ndarray, thick: float, closed: bool = False) -> np.ndarray:
    """(H, W) float32 cover of a line of some pixels' thickness."""
    cover = np.zeros(image.shape[:2], np.float32)
    points = np.round(points * 16).astype(np.int32)
    cv2.polylines(cover, [points], closed, (1.0,), max(1, round(thick)), cv2.LINE_AA, 4)
    return cover


def _around(points: np.ndarray, margin: float) -> tuple[slice, slice]:
    """Rows and columns of an image around points (N, 2) px."""
    low, high = (np.clip(edge, 0, None).astype(int) for edge in (points.min(0) - margin, points.max(0) + margin + 1))
    return slice(low[1], high[1]), slice(low[0], high[0])


def _laid(image: np.ndarray, colours: np.ndarray, cover: np.ndarray, at: _Face, soft: float) -> np.ndarray:
    """``colours`` over the image where ``cover`` says so, with an edge of ``soft`` units."""
    cover = cv2.GaussianBlur(cover, (0, 0), max(soft * at.unit, 0.5))[..., None]
    return as_bytes(image + cover * (colours - image.astype(np.float32)))
