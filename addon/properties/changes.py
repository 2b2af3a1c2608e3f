"""What follows when a property changes, without the properties knowing who acts on it.

A property can't import the code that moves strips and tracks: that code reads properties itself. So each change is an
object here on the properties' side; whoever acts on it sets its handler when the add-on is registered (`reactions`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import bpy

Owner = TypeVar("Owner")


class Change(Generic[Owner]):
    """One kind of change. ``update`` goes to the property's definition; ``Owner`` is the group that the property is in.

    ``handler`` is called with the group after each change. Without a handler a change has no further effect.
    """

    handler: Callable[[Owner], None] | None

    def __init__(self) -> None:
        self.handler = None

        def update(owner: Owner, _context: bpy.types.Context) -> None:
            if self.handler is not None:
                self.handler(owner)

        self.update = update  # a closure, because Blender takes no bound method as an update function
