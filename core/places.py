"""Paths of the files that ship with Soliloquy.

Standard library only. Every module that opens a shipped file takes its path from here, so that modules can move between
folders without losing their files.
"""

from __future__ import annotations

from pathlib import Path

CORE = Path(__file__).resolve().parent
"""The folder of the worker's side: ``core`` in the extension, ``soliloquy`` where it is installed as a package."""
ROOT = CORE.parent
"""The folder around it; in the extension (the repository) ``blender_manifest.toml`` and ``addon/`` are in it too."""
INSTALLED = not (ROOT / "blender_manifest.toml").exists()
"""Whether this is the installed package."""
WEIGHTS = CORE / "weights"
"""The trained networks and the head model."""
CARDS = "cards"
"""Name of the folder, inside theirs, of their cards: what each was trained on, for how long, with what numbers."""
SUMS = "SHA256SUMS"
"""Name of the list of the weights' checksums, which only the zip has, next to them. ``sha256sum -c`` reads it."""
ASSETS = CORE / "assets"
"""Small sounds and pictures that the self-test uses."""
REQUIREMENTS = CORE / "requirements"
"""Pinned packages of the worker's environment."""
MANIFEST = (CORE if INSTALLED else ROOT) / "blender_manifest.toml"
"""The extension's manifest: its name and version."""
