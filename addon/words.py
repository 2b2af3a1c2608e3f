"""User-facing words in the language of Blender's interface.

Blender itself translates labels, descriptions and plain texts of a layout. `say` is for sentences that name something;
it is that of ``core.words`` with Blender's translator. The catalogues are in ``translations/``;
``tests/addon/test_translations.py`` checks that they are complete.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..core.wire.workload import LEAST
from ..core.words import duration, later, say, say_count, size, translate_with

__all__ = ["duration", "later", "say", "say_count", "size", "time_left"]


def _in_blender(text: str) -> str:
    """``text`` in the language of Blender's interface."""
    translations: Any = bpy.app.translations  # the stubs say that its functions return nothing
    return str(translations.pgettext_iface(text))


translate_with(_in_blender)


def time_left(seconds: float) -> str:
    """``75`` → ``1 min 15 s``, and ``a few seconds`` for the least time that is told."""
    return say("a few seconds") if seconds <= LEAST else duration(seconds)
