"""The preview: one small take within seconds, which the real take replaces."""

from __future__ import annotations

import bpy

from .. import compat
from ..jobs import jobs
from ..scene.request import generate_request, preview_of
from ..words import say
from .job import OnSpeech


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
