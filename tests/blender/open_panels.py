"""Our panels in a real window: which there are, all of them open, and watched while they are drawn."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import bpy
from harness import PACKAGE


def panels_of(kind: str) -> list[type]:
    """Our panels in an editor, parents before their children."""
    package = importlib.import_module(f"{PACKAGE}.addon")
    classes = [cls for module in package._WITH_CLASSES for cls in module.CLASSES]
    ours = [cls for cls in classes if getattr(cls, "bl_space_type", "") == kind and issubclass(cls, bpy.types.Panel)]
    return sorted(ours, key=lambda cls: hasattr(cls, "bl_parent_id"))


@contextmanager
def all_open(panels: list[type]) -> Iterator[None]:
    """The panels registered anew without being closed, as after a click on each; closed ones are not drawn."""
    before = [getattr(cls, "bl_options", set()) for cls in panels]
    for options in (None, before):
        for cls in reversed(panels):
            bpy.utils.unregister_class(cls)
        for index, cls in enumerate(panels):
            cls.bl_options = set() if options is None else options[index]
            bpy.utils.register_class(cls)
        if options is None:
            yield


def watched(cls: type, draw, wrong: dict[str, str]):
    """A panel's ``draw``; what went wrong in it, or nothing, is noted under the panel's name."""

    def watching(self, context):
        try:
            draw(self, context)
            wrong.setdefault(cls.bl_idname, "")
        except Exception:
            wrong[cls.bl_idname] = traceback.format_exc()
            raise

    return watching
