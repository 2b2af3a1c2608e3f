"""Completes the background behind a person, so that it is whole where the moving head uncovers it.

Near the person's outline, pieces of the visible background are copied, as in Criminisi, Pérez and Toyama, "Region
filling and object removal by exemplar-based image inpainting" (2004): places where an edge runs into the hole come
first, so stripes and shelves go on behind the head. The pieces are chosen on a small picture, then aligned and copied
at full size, where overlapping pieces are blended. Each is made as bright as its surroundings, so that a sky keeps its
gradient. Deeper inside, where no head uncovers it, the background is only continued smoothly.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from ..fields import fill_smoothly

COARSE = 128
"""Side of the picture on which pieces are chosen, about."""
RADIUS = 4
"""Pieces are squares of 2 · ``RADIUS`` + 1 coarse pixels."""
SEARCH = 28
"""Distance in coarse pixels at which pieces are looked for."""
DEPTH = 0.15
"""Distance behind the outline up to which pieces are copied, as a fraction of the square's side."""
PLAIN = 0.002
"""Strength of an edge that every place counts as having. It settles the order in plain areas."""
MOST_SHIFT = 0.04
"""Limit of the change of a piece's brightness, 0..1."""
FAR = 4e-5
"""Mean squared difference that counts as much as the full distance of the search: near pieces are preferred."""
SHARPNESS = 2
"""Power of the weight that falls toward a piece's rim, where pieces are blended."""
SCHARR = 1 / 32
"""Factor that turns Scharr's filter into a derivative per pixel."""


def complete(picture: np.ndarray, hole: np.ndarray, wanted: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The picture with its hole filled.

    Parameters
    ----------
    picture
        (S, S, 3) float32 0..1.
    hole
        (S, S) bool: pixels to fill.
    wanted
        (S, S) bool: pixels that can come into view. Elsewhere the hole is filled smoothly, which is much faster.
    usable
        (S, S) bool: pixels that may be copied.

    Returns
    -------
    ndarray
        (S, S, 3) float32 0..1, equal to ``picture`` outside the hole.
    """
    values = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
    smooth = fill_smoothly(values, torch.from_numpy(~hole).float()[None, None])[0].permute(1, 2, 0).numpy().copy()
    if not hole.any() or hole.all():
        return smooth
    filled = _Filling(smooth, hole, wanted, usable).run()
    return np.where(hole[..., None], filled.clip(0, 1), picture)


class _Filling:
    """State of the completion at both sizes. A coarse pixel lies on top of ``step`` × ``step`` fine ones."""

    def __init__(self, smooth: np.ndarray, hole: np.ndarray, wanted: np.ndarray, usable: np.ndarray) -> None:
        self.step = max(1, round(len(hole) / COARSE))
        self.side = len(hole) // self.step
        self.fine, self.hole, self.fine_known = smooth, hole, ~hole
        # Sums of the copied pieces and of their weights.
        self.sum, self.total = np.zeros_like(smooth), np.zeros((*hole.shape, 1), np.float32)
        ramp = (np.arange((2 * RADIUS + 1) * self.step) + 0.5) / ((RADIUS + 0.5) * self.step)
        ramp = np.minimum(ramp, ramp[::-1])
        self.weight = (ramp[:, None] * ramp[None]).astype(np.float32) ** SHARPNESS
        cut = self.side * self.step
        self.coarse = cv2.resize(smooth[:cut, :cut], (self.side, self.side), interpolation=cv2.INTER_AREA)
        self.known = self._all(~hole)
        whole = (self.known & self._all(usable)).astype(np.uint8)
        piece = np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)
        self.sources = cv2.erode(whole, piece, borderType=cv2.BORDER_CONSTANT, borderValue=(0.0,)) > 0
        distance = cv2.distanceTransform((~self.known).astype(np.uint8), cv2.DIST_L2, 3)
        self.wanted = ~self.known & (distance < DEPTH * self.side) & ~self._all(~wanted)
        self.confidence = self.known.astype(np.float32)

    def _all(self, mask: np.ndarray) -> np.ndarray:
        """(n, n) bool: coarse pixels all of whose fine pixels are set."""
        cut = mask[: self.side * self.step, : self.side * self.step]
        return cut.reshape(self.side, self.step, self.side, self.step).all((1, 3))

    def run(self) -> np.ndarray:
        """(S, S, 3) the fine picture after the wanted pixels are filled."""
        while (place := self._next()) is not None:
            rows, columns = (slice(max(k - RADIUS, 0), min(k + RADIUS + 1, self.side)) for k in place)
            source = self._best_source(place, rows, columns)
            if source is not None:
                self._copy(rows, columns, source[0] - place[0], source[1] - place[1])
            confidence, known = self.confidence[rows, columns], self.known[rows, columns]
            confidence[~known] = confidence.mean()
            known[:] = True
            self.wanted[rows, columns] = False
        return self.fine

    def _next(self) -> tuple[int, int] | None:
        """Row and column of the place that is filled next, on the border of the hole; None at the end.

        The priority is the mean confidence times the strength of the edge that runs into the hole (paper, §3).
        """
        known = self.known.astype(np.float32)
        around = np.ones((3, 3), np.uint8)
        front = self.wanted & (cv2.dilate(known, around) > 0)
        if not front.any():
            return None
        ys, xs = front.nonzero()
        low, high = (np.array([f(ys), f(xs)]) for f in (np.min, np.max))
        (y0, x0), (y1, x1) = (low - 2 * RADIUS).clip(0), high + 2 * RADIUS + 1
        known, ys, xs = known[y0:y1, x0:x1], ys - y0, xs - x0
        grey = self.coarse[y0:y1, x0:x1].mean(-1)
        inner = cv2.erode(known, around)  # its gradients touch no unknown pixel
        gx, gy = (cv2.Scharr(grey, cv2.CV_32F, k, 1 - k, scale=SCHARR) * inner for k in (1, 0))
        nx, ny = (cv2.Scharr(cv2.blur(known, (3, 3)), cv2.CV_32F, k, 1 - k, scale=SCHARR) for k in (1, 0))
        window = (2 * RADIUS + 1,) * 2
        confidence = cv2.blur(self.confidence[y0:y1, x0:x1] * known, window, borderType=cv2.BORDER_CONSTANT)[ys, xs]
        # The products of the gradient, summed over the window, give the edge's strength across any direction.
        xx, yy, xy = (cv2.blur(v, window, borderType=cv2.BORDER_CONSTANT) for v in (gx * gx, gy * gy, gx * gy))
        nx, ny = nx[ys, xs], ny[ys, xs]
        along = yy[ys, xs] * nx * nx + xx[ys, xs] * ny * ny - 2 * xy[ys, xs] * nx * ny
        edge = np.sqrt(along.clip(0) / (nx * nx + ny * ny + 1e-12))
        best = int((confidence * (edge + PLAIN)).argmax())
        return int(ys[best] + y0), int(xs[best] + x0)

    def _best_source(self, place: tuple[int, int], rows: slice, columns: slice) -> tuple[int, int] | None:
        """Row and column of the middle of the visible piece that is most like the known part of this one."""
        known = self.known[rows, columns]
        starts, ends = [], []
        for k, window in zip(place, (rows, columns), strict=True):
            starts.append(max(k - SEARCH, k - window.start))
            ends.append(min(k + SEARCH + 1, self.side - (window.stop - 1 - k)))
        (y0, x0), (y1, x1) = starts, ends
        above, left = place[0] - rows.start, place[1] - columns.start
        allowed = self.sources[y0:y1, x0:x1]
        if not allowed.any() or not known.any():
            return None
        area = self.coarse[y0 - above : y1 - above + len(known) - 1, x0 - left : x1 - left + known.shape[1] - 1]
        views = np.lib.stride_tricks.sliding_window_view(area, (*known.shape, 3))[:, :, 0]  # (Y, X, h, w, 3)
        views = np.moveaxis(views, -1, 2)  # (Y, X, 3, h, w)
        difference = views[allowed][..., known] - self.coarse[rows, columns][known].T  # (N, 3, known pixels)
        ys, xs = allowed.nonzero()
        away = ((ys + y0 - place[0]) ** 2 + (xs + x0 - place[1]) ** 2) / SEARCH**2
        best = int((np.square(difference).mean((1, 2)) + FAR * away).argmin())
        return int(ys[best] + y0), int(xs[best] + x0)

    def _copy(self, rows: slice, columns: slice, down: int, right: int) -> None:
        """Copy the piece that lies ``down`` and ``right`` coarse pixels away, aligned to the fine pixels around it."""
        step, size = self.step, len(self.hole)
        y0, y1, x0, x1 = rows.start * step, rows.stop * step, columns.start * step, columns.stop * step
        here = (slice(y0, y1), slice(x0, x1))
        known, old = self.fine_known[here], self.fine[here]
        best, piece, difference = np.inf, old, np.zeros((1, 3), np.float32)
        for dy in range(down * step - step, down * step + step + 1):
            for dx in range(right * step - step, right * step + step + 1):
                if y0 + dy < 0 or y1 + dy > size or x0 + dx < 0 or x1 + dx > size:
                    continue
                candidate = self.fine[y0 + dy : y1 + dy, x0 + dx : x1 + dx]
                error = (candidate - old)[known]
                cost = float(np.square(error).mean()) if len(error) else 0.0
                if cost < best:
                    best, piece, difference = cost, candidate, error
        shift = difference.mean(0).clip(-MOST_SHIFT, MOST_SHIFT) if len(difference) else 0.0
        weight = np.where(self.hole[here], self.weight[: y1 - y0, : x1 - x0], 0)[..., None]
        self.sum[here] += weight * (piece - shift)
        self.total[here] += weight
        self.fine[here] = np.where(weight > 0, self.sum[here] / self.total[here].clip(1e-9), old)
        self.fine_known[here] = True
        shape = (columns.stop - columns.start, rows.stop - rows.start)
        self.coarse[rows, columns] = cv2.resize(self.fine[here], shape, interpolation=cv2.INTER_AREA)
