"""The preview: one small take within seconds, which the real take replaces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy

from ...core.wire.protocol import Generate
from .. import compat
from ..jobs import jobs
from ..scene.request import generate_request
from ..words import say
from .job import OnSpeech

PREVIEW = {"takes": 1, "size": 256, "renderer": "warp", "motion_only": False, "extract": False, "preview": 4.0}
"""Settings of a preview that differ from the request: only the first four seconds, in small, uncorrected pictures."""
PREVIEW_FOLDER = "previews"


def preview_of(request: Generate) -> Generate:
    """The request for a preview, which stands for the first take of ``request`` until that is made."""
    return replace(request, **PREVIEW, out=str(Path(request.out) / PREVIEW_FOLDER))


class SOLILOQUY_OT_preview(OnSpeech, bpy.types.Operator):
    """Show the first four seconds of the first take in small, uncorrected pictures; the real take replaces them"""

    bl_idname = "soliloquy.preview"
    bl_label = "Preview"
    bl_options = {"REGISTER"}

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Send the request for a preview."""
        scene = compat.sequencer_scene(context)
        request, spoken = generate_request(scene)
        return jobs.start(preview_of(request), say("Preview"), scene, spoken, say("Preview: 256 px, no correction"))


CLASSES = (SOLILOQUY_OT_preview,)
