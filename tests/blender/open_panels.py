"""Our panels in a real window: find them, open all of them, and watch them being drawn."""

from __future__ import annotations

import contextlib
import importlib
import traceback
from collections.abc import Iterator

import bpy
from harness import PACKAGE

_FIELDS = ("bl_idname", "bl_parent_id", "bl_options")


def panels_of(kind: str) -> list[type]:
    """Our panels in an editor, parents before their children."""
    package = importlib.import_module(f"{PACKAGE}.addon")
    classes = [cls for module in package._WITH_CLASSES for cls in module.CLASSES]
    ours = [cls for cls in classes if getattr(cls, "bl_space_type", "") == kind and issubclass(cls, bpy.types.Panel)]
    return sorted(ours, key=lambda cls: hasattr(cls, "bl_parent_id"))


@contextlib.contextmanager
def all_open(panels: list[type]) -> Iterator[None]:
    """Register the panels again as open, as after a click on each; closed panels are not drawn.

    Under other names: Blender remembers by its name which panel was closed.
    """
    before = [{name: getattr(cls, name) for name in _FIELDS if hasattr(cls, name)} for cls in panels]
    _register_as(panels, [{k: f"{own[k]}_open" for k in own if k != "bl_options"} for own in before])
    try:
        yield
    finally:
        _register_as(panels, before)


def _register_as(panels: list[type], fields: list[dict[str, object]]) -> None:
    for cls in reversed(panels):
        bpy.utils.unregister_class(cls)
    for cls, own in zip(panels, fields, strict=True):
        cls.bl_options = set()
        for name, value in own.items():
            setattr(cls, name, value)
        bpy.utils.register_class(cls)


def watched(cls: type, draw, wrong: dict[str, str]):
    """Wrap a panel's ``draw`` to record its error, or none, under the panel's name."""

    def note(kind, error, trace):
        """Called when a draw ends, with its error or None three times."""
        if kind is None:
            wrong.setdefault(cls.__name__, "")
        else:
            wrong[cls.__name__] = "".join(traceback.format_exception(kind, error, trace))

    def watching(self, context):
        with contextlib.ExitStack() as ended:
            ended.push(note)
            draw(self, context)

    return watching
