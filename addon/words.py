"""Words that people see, in the language that they chose for Blender's interface.

Blender looks labels, descriptions and plain texts of a layout up by itself. `say` is for sentences that name something
(a take, a bone, a number): the sentence is looked up first and filled in afterwards. The catalogues are in
``translations/``; ``tests/addon/test_translations.py`` holds them complete.
"""

from __future__ import annotations

import bpy


def say(text: str, /, **parts: object) -> str:
    """``text`` translated, its ``{names}`` filled in from ``parts``.

    ``text`` must be a literal where this is called: the catalogue's test reads the source to find all of them.
    """
    translated = bpy.app.translations.pgettext_iface(text)
    return translated.format(**parts) if parts else translated


def later(text: str) -> str:
    """``text`` as it is: the catalogues have it from here, and ``say(word)`` looks it up where it is shown.

    For constants, which are made before a language is known, and for threads, which must not ask Blender.
    """
    return text


def duration(seconds: float) -> str:
    """``75`` → ``1 min 15 s``."""
    whole = max(0, round(seconds))
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
