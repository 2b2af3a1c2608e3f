"""The add-on's package and folders, whatever repository Blender has put the extension in."""

from __future__ import annotations

from pathlib import Path

ROOT_PACKAGE = (__package__ or "").rpartition(".")[0]
"""The extension's package, ``bl_ext.<repository>.soliloquy``: the key of its preferences and its user folder."""
PRESET_PATHS = Path(__file__).parent / "blender"
"""Blender looks for the presets that come with the extension in the folder ``presets`` in here."""
