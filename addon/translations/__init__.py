"""The interface in other languages: for each language a JSON file of {English: translation}, named after the language.

Once the catalogues are registered here, Blender itself translates labels, buttons and tooltips; `words.say` translates
sentences that name something. To add a language, copy ``de.json``, translate its right-hand sides without changing the
``{names}``, and name the file as Blender names the language (``fr``, ``pt_BR``, ``zh_HANS``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy

_FOLDER = Path(__file__).parent
_CONTEXTS = ("*", "Operator")
"""Contexts of translation: Blender has one for the names of operators and one for all other words."""


def catalogues() -> dict[str, dict[str, str]]:
    """{English: translation} by language."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.json"))}


def register() -> None:
    """Register all catalogues with Blender."""
    words: Any = {  # the stubs have only text as a key
        language: {(context, english): word for english, word in catalogue.items() for context in _CONTEXTS}
        for language, catalogue in catalogues().items()
    }
    bpy.app.translations.register(__package__, words)


def unregister() -> None:
    """Remove them."""
    bpy.app.translations.unregister(__package__)
