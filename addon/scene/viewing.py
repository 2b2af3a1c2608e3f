"""Show a new object to the user: it is selected, and the window's 3D views look at it, with its texture."""

from __future__ import annotations

import math
from collections.abc import Iterator

import bpy
import numpy as np
from mathutils import Vector

from ..typed import there

_HALF_SENSOR = 36.0
"""Millimetres: half the width that Blender assumes behind the lens of a 3D view."""
_LOOSE = 1.1
"""How much further away than necessary the view stays."""


def window_with(context: bpy.types.Context, scene: bpy.types.Scene) -> bpy.types.Window | None:
    """The window of the context if it shows the scene, else another window that does, else None."""
    manager = context.window_manager
    windows = [context.window, *(manager.windows if manager is not None else ())]
    return next((window for window in windows if window is not None and window.scene == scene), None)


def layer_of(window: bpy.types.Window | None, scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """The view layer that the window shows; without a window the scene's first."""
    return there(window.view_layer if window is not None else scene.view_layers[0], "view layer")


def views_of(window: bpy.types.Window | None) -> list[tuple[bpy.types.Area, bpy.types.SpaceView3D]]:
    """The window's 3D views; if it shows none now, those of the other workspaces, to which the user will switch."""
    if window is None:
        return []
    shown = list(_views_in(window.screen))
    return shown or [view for screen in bpy.data.screens if not screen.is_temporary for view in _views_in(screen)]


def _views_in(screen: bpy.types.Screen) -> Iterator[tuple[bpy.types.Area, bpy.types.SpaceView3D]]:
    for area in screen.areas:
        space = area.spaces.active
        if area.type == "VIEW_3D" and isinstance(space, bpy.types.SpaceView3D):
            yield area, space


def _regions(space: bpy.types.SpaceView3D) -> list[bpy.types.RegionView3D]:
    """The space's view, or its four views."""
    return list(space.region_quadviews) or [there(space.region_3d, "3D view")]


def eyes_of(window: bpy.types.Window | None) -> list[tuple[float, ...]]:
    """The points from which the user looks into the scene, those of views in perspective."""
    eyes = [
        region.view_location + region.view_rotation @ Vector((0.0, 0.0, region.view_distance))
        for _, space in views_of(window)
        for region in _regions(space)
        if region.view_perspective == "PERSP"
    ]
    return [(eye.x, eye.y, eye.z) for eye in eyes]


def select_only(layer: bpy.types.ViewLayer, thing: bpy.types.Object) -> bool:
    """Select only the object and make it active, as Blender does with new objects; False while another is edited."""
    active = layer.objects.active
    if active is not None and active.mode != "OBJECT":
        return False
    for other in layer.objects:
        if other.select_get(view_layer=layer):
            other.select_set(False, view_layer=layer)
    thing.select_set(True, view_layer=layer)
    layer.objects.active = thing
    return True


def show(window: bpy.types.Window | None, things: list[bpy.types.Object], box: np.ndarray) -> None:
    """Let the window's 3D views look at the box (2, 3) and show textures where they are solid.

    ``things`` join local views. A view through the camera stays as it is while there is another view to look with.
    """
    views = views_of(window)
    free = [view for view in views if not _through_camera(view[1])]
    for area, space in free or views:
        if space.local_view is not None:
            for thing in things:
                thing.local_view_set(space, True)
        if space.shading.type == "SOLID":
            space.shading.color_type = "TEXTURE"
        _look_at(area, space, box)
        area.tag_redraw()


def _through_camera(space: bpy.types.SpaceView3D) -> bool:
    return any(region.view_perspective == "CAMERA" for region in _regions(space))


def _look_at(area: bpy.types.Area, space: bpy.types.SpaceView3D, box: np.ndarray) -> None:
    """Move the view's centre and distance, as Blender's View Selected does; its direction stays."""
    radius = float(np.linalg.norm(box[1] - box[0])) / 2.0
    shape = (max(area.width, 1), max(area.height, 1))
    opening = _HALF_SENSOR / space.lens * min(shape) / max(shape)
    distance = _LOOSE * radius * math.hypot(1.0, opening) / opening
    space.lock_object, space.lock_cursor = None, False
    space.clip_start = min(space.clip_start, distance / 10.0)
    for region in _regions(space):
        if region.view_perspective == "CAMERA":
            region.view_perspective = "PERSP"
        region.view_location = Vector(box.mean(axis=0).tolist())
        region.view_distance = distance
