"""Soliloquy: a talking head from a sound strip and a portrait.

Blender calls ``register`` and ``unregister``; everything that needs ``bpy`` is imported only then, so that
the same folder can be imported by tools and tests that have no Blender.
"""

from __future__ import annotations


def register() -> None:
    """Add the operators, panels, settings and the command line to Blender."""
    from . import addon

    addon.register()


def unregister() -> None:
    """Remove everything again and end any worker that still runs."""
    from . import addon

    addon.unregister()
