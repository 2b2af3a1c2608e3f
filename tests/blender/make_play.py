"""Save a .blend in which two characters take turns, each with a portrait and a face; for ``batch_cases``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
from harness import WORK, fresh_file, two_characters

fresh_file()
scene = two_characters("anna", "ben")
scene.soliloquy.output_dir = "//takes"
scene.soliloquy.motion_only = True
bpy.ops.wm.save_as_mainfile(filepath=str(WORK / "play.blend"))
