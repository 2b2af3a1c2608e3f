"""Where faces crease: lines between landmarks, in six groups as in ``core.wire.names.WRINKLES``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

STEP_CM = 0.02
"""Distance between the points of a line."""
WIDTH_CM = 0.15
"""Half width of a crease."""
FINE_CM = 0.1
"""Half width of the lines beside the eyes and on the nose."""
FURROWS = ((1.3, 0.55, 0.9), (2.15, 0.4, 1.0), (3.0, 0.3, 0.9), (3.8, 0.2, 0.6))
"""Lines of the forehead: cm above the brows, how far they bend as the brows do, and strength."""
FRONT_CM = 2.0
"""Lines lie on skin in front of this depth."""


@dataclass(frozen=True)
class Crease:
    """A line on the skin: points (n, 3) in cm, half width in cm, and strength relative to others."""

    path: np.ndarray
    width: float = WIDTH_CM
    strength: float = 1.0

    def sampled(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Points (m, 3) ``STEP_CM`` apart, unit directions (m, 3), widths and strengths (m,), faint at the ends."""
        length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(self.path, axis=0), axis=1))])
        share = np.linspace(0, 1, max(3, int(length[-1] / STEP_CM)))
        points = np.stack([np.interp(share * length[-1], length, self.path[:, axis]) for axis in range(3)], 1)
        along = np.gradient(points, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        return points, along, np.full(len(share), self.width), self.strength * np.sqrt(np.sin(np.pi * share))


def creases_of(neutral: np.ndarray, landmarks68: np.ndarray, skin: np.ndarray) -> list[list[Crease]]:
    """The six groups of creases of a person's neutral head (V, 3); ``skin`` (n,) are the skin's vertices."""
    surface = _Surface(neutral[skin])
    marks = neutral[landmarks68]
    groups: list[list[Crease]] = [[] for _ in range(6)]
    groups[0] = [Crease(surface.on(line), strength=strength) for line, strength in _forehead(marks)]
    for side in (0, 1):
        brow, eye, wing, corner = _half(marks, side)
        out = 1.0 if side == 0 else -1.0
        for lift, aside, strength in ((0.0, 0.55, 1.0), (0.1, 1.0, 0.5)):
            base = np.array([out * aside, brow[0, 1] - 0.5 + lift])
            frown = _bent(base, base + np.array([out * 0.15, 1.7]), 0.08 * out)
            groups[1].append(Crease(surface.on(frown), strength=strength))
        for drop in (0.2, 0.55, 0.9):
            start = np.array([out * 0.15, eye[0, 1] + 0.35 - drop])
            groups[2].append(Crease(surface.on(_bent(start, start + np.array([out * 0.75, -0.3]), 0.05)), FINE_CM))
        start, end = wing[:2] + np.array([out * 0.55, 0.35]), corner[:2] + np.array([out * 0.9, -0.45])
        groups[3].append(Crease(surface.on(_bent(start, end, out * 0.35)), 1.4 * WIDTH_CM))
        for angle in np.radians([-38, -16, 6, 26]):
            direction = np.array([out * np.cos(angle), np.sin(angle)])
            start = eye[1, :2] + 0.55 * direction
            groups[4].append(Crease(surface.on(_bent(start, start + 1.9 * direction, 0.05)), FINE_CM, 0.9))
        for drop, strength in ((0.75, 0.7), (1.15, 0.5)):
            under = np.stack([np.linspace(eye[0, 0], eye[1, 0], 20), np.linspace(eye[0, 1], eye[1, 1], 20)], 1)
            under[:, 1] -= drop * np.sin(np.linspace(0.35, np.pi - 0.35, 20)) + 0.1
            groups[4].append(Crease(surface.on(under), FINE_CM, strength))
    middle = 0.5 * (marks[57, :2] + marks[8, :2])
    low = np.stack([np.linspace(-1.6, 1.6, 30), np.full(30, middle[1] + 0.35)], 1)
    low[:, 1] -= 0.12 * (low[:, 0] / 1.6) ** 2
    groups[5].append(Crease(surface.on(low), 1.4 * WIDTH_CM))
    return groups


def _forehead(marks: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Lines (n, 2) above the brows, which follow them, and their strengths."""
    x = np.linspace(marks[17, 0] + 0.4, marks[26, 0] - 0.4, 80)
    order = np.argsort(marks[17:27, 0])
    arch = np.interp(x, marks[17:27, 0][order], marks[17:27, 1][order])
    level = arch.mean()
    lines = []
    for number, (above, bend, strength) in enumerate(FURROWS):
        wave = 0.07 * np.sin(2.1 * x + 1.7 * number) + 0.04 * np.sin(5.3 * x + number)
        lines.append((np.stack([x, level + bend * (arch - level) + above + wave], 1), strength))
    return lines


def _half(marks: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of the person's left (0) or right side: brow (5, 3) from its inner end, the eye's corners (2, 3) from the inner
    one, the nose's wing (3,) and the mouth's corner (3,)."""
    if side == 0:
        return marks[22:27], marks[[42, 45]], marks[35], marks[54]
    return marks[[21, 20, 19, 18, 17]], marks[[39, 36]], marks[31], marks[48]


def _bent(start: np.ndarray, end: np.ndarray, bend: float) -> np.ndarray:
    """(30, 2) an arc between two points (2,), ``bend`` centimetres to the side in its middle."""
    t = np.linspace(0, 1, 30)[:, None]
    across = np.array([1.0, 0.0]) if abs(end[1] - start[1]) > abs(end[0] - start[0]) else np.array([0.0, 1.0])
    return np.asarray(start + t * (end - start) + bend * np.sin(np.pi * t) * across)


class _Surface:
    """The front of the skin as depths over (x, y)."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = points[points[:, 2] > FRONT_CM]
        self.tree = cKDTree(self.points[:, :2])

    def on(self, line: np.ndarray) -> np.ndarray:
        """(n, 3) the line (n, 2) laid on the skin."""
        distance, rows = self.tree.query(line, k=4)
        weight = 1 / np.maximum(distance, 1e-3)
        depth = (weight * self.points[rows, 2]).sum(1) / weight.sum(1)
        return np.column_stack([line, depth])
