"""Soliloquy: a talking head from a sound strip and a portrait.

Blender calls ``register`` and ``unregister``; everything that needs ``bpy`` is imported only then, so that
the same folder can be imported by tools and tests that have no Blender.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def register() -> None:
    """Add the operators, panels, settings and the command line to Blender."""
    with _no_garbage_collection():
        from . import addon

        addon.register()


def unregister() -> None:
    """Remove everything again and end any worker that still runs."""
    from . import addon

    addon.unregister()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Pause Python's search for garbage. Imports make many objects that stay, and no garbage: Blender starts sooner."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
