"""Reactions to changed properties, without an import from the properties to the code that reacts.

A property can't import the code that moves strips and tracks, because that code reads properties itself. So each kind
of change is an object here. The code that reacts sets its handler when the add-on is registered (`scene.reactions`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import bpy

Owner = TypeVar("Owner")


class Change(Generic[Owner]):
    """One kind of change, of a property in the group ``Owner``. ``update`` is passed to the property's declaration.

    ``handler`` is called with the group after each change. Without a handler nothing happens.
    """

    handler: Callable[[Owner], None] | None

    def __init__(self) -> None:
        self.handler = None

        def update(owner: Owner, _context: bpy.types.Context) -> None:
            if self.handler is not None:
                self.handler(owner)

        self.update = update  # a closure, because Blender accepts no bound method as an update function
