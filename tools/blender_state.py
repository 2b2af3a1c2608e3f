"""Blender's state as the scripts in this folder use it, where the type stubs can't know what is there.

The stubs (fake-bpy-module) say of most things that they may be None, and don't know what the extension adds. The
functions below return Blender's things, or raise RuntimeError if Blender has none. Runs inside Blender, also before the
extension is registered: `addon/typed.py` is the same for the extension's own code.
"""

from __future__ import annotations

from typing import Any, TypeVar

import bpy

operators: Any = bpy.ops
"""Blender's operators, including those of extensions, which the stubs don't know."""

Found = TypeVar("Found")


def there(thing: Found | None, what: str) -> Found:
    """``thing``, which is not None; raises RuntimeError otherwise, and says that ``what`` is missing."""
    if thing is None:
        raise RuntimeError(f"Blender has no {what} here.")
    return thing


def current_scene() -> bpy.types.Scene:
    """The scene of Blender's context."""
    return there(bpy.context.scene, "scene")


def manager() -> bpy.types.WindowManager:
    """The window manager."""
    return there(bpy.context.window_manager, "window manager")


def preferences() -> bpy.types.Preferences:
    """The user's preferences."""
    return there(bpy.context.preferences, "preferences")


def settings_of(scene: bpy.types.Scene) -> Any:
    """The extension's settings and takes in a scene."""
    return getattr(scene, "soliloquy")  # noqa: B009 (the stubs don't know the name)


def set_up_video(scene: bpy.types.Scene) -> None:
    """25 frames a second, and colours as they are in the pictures."""
    scene.render.fps, scene.render.fps_base = 25, 1.0
    view: Any = there(scene.view_settings, "view settings")  # the stubs don't know the names of its transforms
    view.view_transform = "Standard"
