"""Blender's interface as the add-on uses it, where the type stubs can't know what is there.

The stubs (fake-bpy-module) say of most things that they may be None: of the scene in a context, or of a panel's layout
while it draws. The functions below return them, or raise RuntimeError if Blender really has none. The stubs also don't
know the properties that the add-on attaches to Blender's classes: `attach`, `attached` and `detach` are for those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import bpy

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems, OperatorReturnItems

    Result = set[OperatorReturnItems]
    OperatorMixin = bpy.types.Operator
    PanelMixin = bpy.types.Panel
else:
    # Blender looks for properties only in bases that are none of its own classes, so mixins derive from object.
    OperatorMixin = PanelMixin = object
    Result, IconItems = set, str

declarations: Any = bpy.props
"""Functions that declare properties, for where the result is kept: the stubs say that they return None."""

operators: Any = bpy.ops
"""Blender's operators, including ours, which the stubs don't know."""

Found = TypeVar("Found")


class _Drawn(Protocol):
    """Whatever has a layout: panels, menus, headers, operators, preferences."""

    @property
    def layout(self) -> bpy.types.UILayout | None: ...


def there(thing: Found | None, what: str) -> Found:
    """``thing``, which is not None; raises RuntimeError that names ``what`` is missing otherwise."""
    if thing is None:
        raise RuntimeError(f"Blender has no {what} here.")
    return thing


def scene_of(context: bpy.types.Context) -> bpy.types.Scene:
    """The context's scene."""
    return there(context.scene, "scene")


def manager_of(context: bpy.types.Context) -> bpy.types.WindowManager:
    """The context's window manager."""
    return there(context.window_manager, "window manager")


def view_layer_of(context: bpy.types.Context) -> bpy.types.ViewLayer:
    """The context's view layer."""
    return there(context.view_layer, "view layer")


def preferences_of(context: bpy.types.Context) -> bpy.types.Preferences:
    """Blender's preferences."""
    return there(context.preferences, "preferences")


def layout_of(drawn: _Drawn) -> bpy.types.UILayout:
    """The layout that a panel or the like draws into."""
    return there(drawn.layout, "layout")


def owning_scene(group: bpy.types.PropertyGroup) -> bpy.types.Scene:
    """The scene that a property group is stored in."""
    owner = group.id_data
    if not isinstance(owner, bpy.types.Scene):
        raise RuntimeError(f"{group!r} is not stored in a scene.")
    return owner


def open_path(path: object) -> Result:
    """Show a file or folder in the system's file manager."""
    result: Result = operators.wm.path_open(filepath=str(path))
    return result


def attach(kind: Any, name: str, declaration: Any) -> None:
    """Give one of Blender's classes a property of ours, as ``bpy.props`` declares it."""
    setattr(kind, name, declaration)


def detach(kind: Any, name: str) -> None:
    """Remove a property that `attach` added."""
    delattr(kind, name)


def attached(owner: Any, name: str) -> Any:
    """The value of a property that `attach` added."""
    return getattr(owner, name)
