"""Keys of F-curves: thin them within a given error, and replace them."""

from __future__ import annotations

from collections.abc import Generator

import bpy
import numpy as np

_LINEAR = 1  # Keyframe.interpolation as an integer, for foreach_set
_STRETCH = 1000
"""Cost of a stretch between two keys, whatever its length, counted in frames of a curve."""
_STEP = 200_000
"""Cost of one step, in the same unit: a few milliseconds."""


def thinning(frames: np.ndarray, values: np.ndarray, tolerance: float) -> Generator[None, None, np.ndarray]:
    """Indices of the keys to keep, so that straight lines between them stay within ``tolerance`` of all (n,) values.

    The algorithm of Ramer, Douglas and Peucker: between two kept keys the frame with the largest error is kept too,
    until no error exceeds the tolerance. A tolerance of 0 keeps every frame; a curve that doesn't move keeps its first
    key. In steps of a few milliseconds.
    """
    count = len(values)
    if tolerance <= 0 or count < 3:
        return np.arange(count)
    if np.ptp(values) <= tolerance:
        return np.zeros(1, dtype=int)
    keep = np.zeros(count, dtype=bool)
    keep[[0, -1]] = True
    waiting = [(0, count - 1)]
    spent = 0
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        spent += _STRETCH + last - first
        if spent > _STEP:
            spent = 0
            yield None
        inner = slice(first + 1, last)
        line = np.interp(frames[inner], frames[[first, last]], values[[first, last]])
        error = np.abs(values[inner] - line)
        worst = int(np.argmax(error))
        if error[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            waiting += [(first, middle), (middle, last)]
    return np.nonzero(keep)[0]


def replace_keys(curve: bpy.types.FCurve, frames: np.ndarray, values: np.ndarray, first: float, last: float) -> None:
    """Replace all keys from frame ``first`` to ``last`` by keys at ``frames``. Keys outside stay as they are."""
    points = curve.keyframe_points
    old = np.empty(2 * len(points), dtype=np.float32)  # Blender's own type, which is copied fastest
    points.foreach_get("co", old)
    inside = np.nonzero((old[::2] >= first - 0.5) & (old[::2] <= last + 0.5))[0]
    if len(inside) == len(points):
        points.clear()
    else:
        for index in inside[::-1]:
            points.remove(points[int(index)], fast=True)
    start = len(points)
    points.add(len(frames))
    coordinates = np.empty(2 * len(points), dtype=np.float32)
    interpolation = np.empty(len(points), dtype=np.int32)
    if start:
        points.foreach_get("co", coordinates)
        points.foreach_get("interpolation", interpolation)
    coordinates[2 * start :: 2] = frames
    coordinates[2 * start + 1 :: 2] = values
    interpolation[start:] = _LINEAR
    points.foreach_set("co", coordinates)
    points.foreach_set("interpolation", interpolation)
    curve.update()  # sorts, and sets the handles
