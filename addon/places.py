"""The add-on's package and folders, independent of the repository in which Blender installed the extension."""

from __future__ import annotations

from pathlib import Path

ROOT_PACKAGE = (__package__ or "").rpartition(".")[0]
"""The extension's package, ``bl_ext.<repository>.soliloquy``: the key of its preferences and its user folder."""
PRESET_PATHS = Path(__file__).parent / "blender"
"""Folder whose subfolder ``presets`` holds the presets that come with the extension."""
COMMAND = "soliloquy"
"""Name of the command line: ``blender --command soliloquy``."""
