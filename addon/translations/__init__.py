"""The interface's words in other languages: a JSON file of {English: translated} for each, named after its language.

Blender looks the words of labels, buttons and tooltips up by itself once they are registered here; `words.say` does it
for sentences that name something. To add a language, copy ``de.json``, translate its right-hand sides (``{names}`` stay
as they are) and name it after the language as Blender does (``fr``, ``pt_BR``, ``zh_HANS``).
"""

from __future__ import annotations

import json
from pathlib import Path

import bpy

_FOLDER = Path(__file__).parent
_CONTEXTS = ("*", "Operator")
"""Blender looks names of operators up apart from all other words."""


def catalogues() -> dict[str, dict[str, str]]:
    """{English: translated} of each language that is there."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.json"))}


def register() -> None:
    """Let Blender know all catalogues."""
    words = {
        language: {(context, english): word for english, word in catalogue.items() for context in _CONTEXTS}
        for language, catalogue in catalogues().items()
    }
    bpy.app.translations.register(__package__, words)


def unregister() -> None:
    """Forget them."""
    bpy.app.translations.unregister(__package__)
