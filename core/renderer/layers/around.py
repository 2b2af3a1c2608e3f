"""The person around a pasted square: shoulders and chest that reach beyond it move on with those in the square.

The photograph around the square is parted into the person and the background behind, as the square is. There the motion
of the body goes on and fades out with the distance from the square. All of it is done in the frame's own pixels. Only
a narrow band of the background can be uncovered, so it is continued smoothly.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch

from ..fields import fill_smoothly, pixel_grid, smoothstep
from ..framing import FEATHER, INSET, Framing
from ..geometry import HeadGeometry
from .matte import UNIT, find_person
from .near import SOLID, fitted_matte
from .torso import EDGE, along, torso_fields

MARGIN = 0.3
"""Distance from the square at which the motion has faded out, as a fraction of the square's side."""
CELLS = 64
"""Cells of the motion's field along the square's side."""
FADING = 0.25
"""Share of the motion below which a pixel passes into the photograph's own."""
NEAR = 60
"""Distance from the person, in 1/512 of the square's side, beyond which nothing moves."""
HIDDEN = 0.75
"""Distance outside the outline within which a pixel can still show some of the person, in 1/256 of the surroundings."""
_NONE = np.empty(0, np.float32)
"""Second map of a remapping whose first one holds both coordinates."""


class Strip(NamedTuple):
    """A part of the surroundings in which the person moves.

    ``rows`` and ``columns`` are its place, and ``places`` (h, w, 2) float32 its pixels (x, y) in the surroundings.
    ``weight`` (h, w, 3) uint8 is how much of it is drawn, ``rest`` (h, w, 3) uint8 what the photograph adds to that.
    """

    rows: slice
    columns: slice
    places: np.ndarray
    weight: np.ndarray
    rest: np.ndarray


class Around:
    """The moving surroundings of one portrait's square.

    Parameters
    ----------
    geometry, framing
        The person's head in the square, and the square's place in the frame.
    landmarks
        (N, 2 or more) pixels of the square.
    """

    def __init__(self, geometry: HeadGeometry, framing: Framing, landmarks: np.ndarray) -> None:
        self.frame = framing.frame
        x, y, side = framing.paste
        height, width = self.frame.shape[:2]
        reach = round(MARGIN * side)
        self.rows = slice(max(y, 0), min(y + side + reach, height))
        self.columns = slice(max(x - reach, 0), min(x + side + reach, width))
        self.shape = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        start = np.array([x - self.columns.start, y - self.rows.start], np.float32)  # the square's in the surroundings
        self._part(landmarks[:, :2] * (side / len(framing.crop)) + start)
        share = self._lay_field(geometry, framing, start)
        rim = int((INSET + FEATHER) * side) + 1  # there the pasted square hides all
        inner = start[0] + rim, start[0] + side - rim, start[1] + side - rim
        left, right, low = (max(int(k), 0) for k in inner)
        rows, columns = self.shape
        boxes = ((0, low, 0, left), (0, low, right, columns), (low, rows, 0, columns))
        near = round(NEAR * side / 512)
        reached = cv2.dilate(self.person[..., 3], np.ones((2 * near + 1, 2 * near + 1), np.uint8)) > 0
        strips = (self._strip(np.s_[a:b, c:d], share * reached) for a, b, c, d in boxes)
        self.strips = [strip for strip in strips if strip is not None]

    def _part(self, landmarks: np.ndarray) -> None:
        """Part the surroundings: person (h, w, 4) uint8, multiplied by its matte, and background (h, w, 3) uint8."""
        part, (rows, columns) = self.frame[self.rows, self.columns], self.shape
        size = max(rows, columns)
        # Mirrored beyond the photograph, people whom its edge cuts off are found up to that edge.
        crop = cv2.copyMakeBorder(part, 0, size - rows, 0, size - columns, cv2.BORDER_REFLECT)
        inside = np.zeros((size, size), bool)
        inside[:rows, :columns] = True
        picture = torch.tensor(crop).permute(2, 0, 1)[None].float() / 255
        alpha = fitted_matte(picture, find_person(crop, landmarks))
        known = (alpha > SOLID[0]).float()
        pure = picture + (1 - smoothstep(*SOLID, alpha)) * (fill_smoothly(picture, known) - picture)
        outside = (alpha[0, 0] < 0.02).numpy().astype(np.uint8)
        hidden = cv2.distanceTransform(outside, cv2.DIST_L2, 5) < HIDDEN * size / UNIT
        seen = torch.from_numpy(inside & ~hidden).float()[None, None]
        layers = torch.cat([pure * alpha, alpha], 1), fill_smoothly(picture, seen)
        self.person, self.background = (
            np.ascontiguousarray((layer[0] * 255 + 0.5).byte().permute(1, 2, 0)[:rows, :columns].numpy())
            for layer in layers
        )

    def _lay_field(self, geometry: HeadGeometry, framing: Framing, start: np.ndarray) -> np.ndarray:
        """Compute the motion, (4, n, m, 2) pixels of the frame for a unit of each of ``channels.BODY``.

        Returns (h, w) float32, the share of the motion that each pixel has by its distance from the square.
        """
        size, side = len(framing.crop), framing.paste[2]
        cell = side / CELLS
        rows, columns = (max(2, round(length / cell)) for length in self.shape)
        steps = torch.tensor([self.shape[1] / columns, self.shape[0] / rows])  # the cells fill the surroundings
        grid = (pixel_grid(rows, columns) * steps - torch.from_numpy(start)) * (size / side)
        axis = -(geometry.rotation @ geometry.pivot + geometry.translation)[2].cpu()
        camera = geometry.unproject(torch.cat([grid, axis.expand(rows, columns, 1)], -1).to(geometry.rotation.device))
        points = (camera - geometry.translation) @ geometry.rotation
        fields = torso_fields(geometry, points, grid.to(points))[0].cpu()
        away = torch.stack([-grid, grid - size]).amax((0, -1)) / size
        share = smoothstep(MARGIN, 0.0, away)
        fields = along(fields * share[..., None], *framing.photograph_edges(grid.numpy()), size / CELLS, EDGE * size)
        self.fields = (fields * (side / size)).numpy()
        moves = np.abs(self.fields).max((0, -1)) > 0
        return self._enlarged(share.numpy() * moves)

    def _enlarged(self, field: np.ndarray) -> np.ndarray:
        return cv2.resize(field, self.shape[::-1], interpolation=cv2.INTER_LINEAR)

    def _strip(self, box: tuple[slice, slice], share: np.ndarray) -> Strip | None:
        """What moves in a part of the surroundings; None if nothing does."""
        there = share[box] > 0
        if not there.any():
            return None
        ys, xs = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
        rows, columns = (slice(b.start + k[0], b.start + k[-1] + 1) for b, k in zip(box, (ys, xs), strict=True))
        y, x = np.mgrid[rows, columns].astype(np.float32)
        weight = np.round(255 * np.clip(share[rows, columns] / FADING, 0, 1)).astype(np.uint8)
        weight = cv2.cvtColor(weight, cv2.COLOR_GRAY2RGB)
        rest = cv2.multiply(self.frame[self.rows, self.columns][rows, columns], 255 - weight, scale=1 / 255)
        return Strip(rows, columns, np.stack([x, y], -1), weight, rest)

    def moved(self, body: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8: the frame with its surroundings moved by ``body`` (4,) of ``channels.BODY``."""
        out = self.frame.copy()
        around = out[self.rows, self.columns]
        shift = np.tensordot(body.astype(np.float32), self.fields, 1)
        shift = self._enlarged(shift) if self.strips else shift
        for rows, columns, places, weight, rest in self.strips:
            at = places - shift[rows, columns]
            person = cv2.remap(self.person, at, _NONE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            behind = cv2.cvtColor(255 - person[..., 3], cv2.COLOR_GRAY2RGB)
            behind = cv2.multiply(self.background[rows, columns], behind, scale=1 / 255)
            drawn = cv2.add(cv2.cvtColor(person, cv2.COLOR_RGBA2RGB), behind)
            around[rows, columns] = cv2.add(cv2.multiply(drawn, weight, scale=1 / 255), rest)
        return out
