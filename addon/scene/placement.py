"""Where a new head goes: a collection that can be seen, and a free place near the 3D cursor.

Blender adds objects at the 3D cursor, so the head goes there too. Where something else is in the way, it goes to the
nearest free place beside, before or above that. All lengths are Blender units; ``metre`` is their number in a metre.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import bpy
import numpy as np

from ..typed import there

_SOLID = {
    "MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME", "GPENCIL", "GREASEPENCIL", "LATTICE",
    "ARMATURE",
}  # fmt: skip
_POINTS = {"CAMERA", "LIGHT"}
"""Types of objects that take up space, and of those that only stand somewhere."""
_GAP = 0.05
"""Metres that stay free around the head."""
_POINT = 0.05
"""Half the size of a camera or a light in metres."""
_ROOM = (3.0, 3.0, 2.0)
"""An object larger than this, in metres, is a room or a landscape if something is inside it."""
_MOST = 5000
"""Objects and instances that are looked at; with more, the rest of the scene is not."""
_WAYS = ((0, 1.0), (0, -1.0), (1, -1.0), (1, 1.0), (2, 1.0))
"""Axis and direction of the ways out of an obstacle, the preferred one first: to the right in the front view."""


def metre(scene: bpy.types.Scene) -> float:
    """Blender units in a metre. It is 100 in a scene whose unit is a centimetre."""
    units = scene.unit_settings
    return 1.0 / units.scale_length if units.system != "NONE" else 1.0


def collection_for(scene: bpy.types.Scene, layer: bpy.types.ViewLayer) -> bpy.types.Collection:
    """The active collection if new objects can be put into it and seen, else the nearest such collection above it."""
    path = list(_path_to(layer.layer_collection, layer.active_layer_collection))
    seen: bpy.types.Collection = scene.collection
    for place in path[1:]:
        if place.exclude or place.hide_viewport or place.collection.hide_viewport:
            break
        if place.collection.library is None and place.collection.override_library is None:
            seen = place.collection
    return seen


def _path_to(
    root: bpy.types.LayerCollection, wanted: bpy.types.LayerCollection | None
) -> Iterator[bpy.types.LayerCollection]:
    """The layer collections from ``root`` down to ``wanted``; only ``root`` if it isn't below it."""
    yield root
    for child in root.children:
        if wanted is not None and (child == wanted or _is_below(child, wanted)):
            yield from _path_to(child, wanted)
            return


def _is_below(root: bpy.types.LayerCollection, wanted: bpy.types.LayerCollection) -> bool:
    return any(child == wanted or _is_below(child, wanted) for child in root.children)


def free_place(
    scene: bpy.types.Scene, layer: bpy.types.ViewLayer, size: np.ndarray, eyes: Sequence[Sequence[float]] = ()
) -> tuple[float, float, float]:
    """The place nearest to the scene's 3D cursor where nothing is in the way.

    ``size`` is (2, 3), the corners of what is placed, relative to its own place. ``eyes`` are the points from which the
    user looks: a large object with one of them inside is a room, and what stands in a room isn't in its way.
    """
    one = metre(scene)
    boxes = _boxes(layer, _POINT * one)
    cameras = [] if scene.camera is None else [np.array(scene.camera.matrix_world)[:3, 3]]
    seen_from = np.array([*eyes, *cameras], np.float64).reshape(-1, 3)
    obstacles = boxes[~_rooms(boxes, seen_from, one)]
    wanted = np.asarray(size, float) + np.array(scene.cursor.location, float)
    x, y, z = (clear_of(obstacles, wanted, _GAP * one) - size)[0].tolist()
    return x, y, z


def clear_of(boxes: np.ndarray, wanted: np.ndarray, gap: float) -> np.ndarray:
    """The box ``wanted`` (2, 3) where it keeps ``gap`` from all ``boxes`` (N, 2, 3): there or moved along one axis."""
    found = []
    for axis, way in _WAYS:
        box = wanted.copy()
        for _ in range(len(boxes) + 1):
            hit = ((boxes[:, 0] - gap < box[1]) & (boxes[:, 1] + gap > box[0])).all(axis=1)
            if not hit.any():
                break
            if way > 0:
                step = boxes[hit, 1, axis].max() + gap - box[0, axis]
            else:
                step = boxes[hit, 0, axis].min() - gap - box[1, axis]
            box[:, axis] += step + way * 1e-6  # rounding never leaves them touching
        found.append(box)
    return min(found, key=lambda box: round(float(np.abs(box - wanted).max()), 5))


def _rooms(boxes: np.ndarray, points: np.ndarray, one: float) -> np.ndarray:
    """Which boxes (N, 2, 3) are rooms or landscapes: large, with one of the points (M, 3) or another box inside."""
    large = ((boxes[:, 1] - boxes[:, 0]) > np.array(_ROOM) * one).all(axis=1)
    rooms = np.zeros(len(boxes), bool)
    for index in np.flatnonzero(large):
        low, high = boxes[index]
        inside = ((boxes[:, 0] >= low) & (boxes[:, 1] <= high)).all(axis=1)
        inside[index] = False
        rooms[index] = inside.any() or ((points > low) & (points < high)).all(axis=1).any()
    return rooms


def _boxes(layer: bpy.types.ViewLayer, point: float) -> np.ndarray:
    """(N, 2, 3) boxes along the world's axes around all that is visible in the view layer, instances too."""
    layer.update()
    graph = there(layer.depsgraph, "dependency graph")
    found: list[np.ndarray] = []
    for instance in graph.object_instances:
        thing = there(instance.object, "object of an instance")
        place = np.array(instance.matrix_world)
        if thing.type in _POINTS:
            found.append(place[:3, 3] + np.array([[-point] * 3, [point] * 3]))
        elif thing.type in _SOLID:
            corners = np.array([tuple(corner) for corner in thing.bound_box]) @ place[:3, :3].T + place[:3, 3]
            if np.isfinite(corners).all() and np.ptp(corners, axis=0).any():
                found.append(np.stack([corners.min(axis=0), corners.max(axis=0)]))
        if len(found) >= _MOST:
            break
    return np.array(found).reshape(-1, 2, 3)
