"""Blender's side of a batch under a bpy wheel: ``python -m tests.fuzz.batch_side USER_FOLDER LIST …``.

The arguments after the folder are those of ``blender --command soliloquy batch``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy

python = os.environ["SOLILOQUY_PYTHON"]

from tests.addon.conftest import load_extension  # noqa: E402 - it takes the variable away

os.environ["SOLILOQUY_PYTHON"] = python
bpy.ops.wm.read_factory_settings(use_empty=True)
extension = load_extension()

from soliloquy.addon.commands import cli  # noqa: E402
from soliloquy.addon.properties import preferences  # noqa: E402

preferences.user_folder = lambda: Path(sys.argv[1])
extension.register()
code = cli.run(["batch", *sys.argv[2:]])
extension.unregister()
sys.exit(code)
