"""Operators on characters: add one, assign strips to one, remove one."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import compat
from ..properties.queue import queue_settings_of
from ..properties.scene import settings_of
from ..scene import characters
from ..typed import Result, there
from ..words import say, say_count
from .job import poll_by


def selected_sounds(scene: bpy.types.Scene) -> list:
    """Selected sound strips."""
    return [strip for strip in compat.selected_strips(scene) if strip.type == "SOUND"]


class SOLILOQUY_OT_add_character(bpy.types.Operator):
    """Make a character from the portrait chosen above, and assign it the selected sound strips without a character"""

    bl_idname = "soliloquy.add_character"
    bl_label = "Add Character"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Name it after the picture."""
        scene = compat.sequencer_scene(context)
        settings, queue = settings_of(scene), queue_settings_of(scene)
        image, file = settings.portrait_image, settings.portrait_file
        wanted = Path(image.name if image else file).stem or "Character"
        name = characters.free_name(scene, wanted)
        character = queue.characters.add()
        character.name, character.portrait_image, character.portrait_file = name, image, file
        queue.active_character = len(queue.characters) - 1
        for strip in selected_sounds(scene):
            strip.soliloquy_character = strip.soliloquy_character or name
        return {"FINISHED"}


class SOLILOQUY_OT_remove_character(bpy.types.Operator):
    """Remove the character; its strips and targets then have no character"""

    bl_idname = "soliloquy.remove_character"
    bl_label = "Remove Character"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A character is chosen."""
        chosen = characters.active_character(compat.sequencer_scene(context))
        return poll_by(cls, say("No character is chosen") if chosen is None else "")

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove the character, and its name from strips and targets."""
        scene = compat.sequencer_scene(context)
        queue = queue_settings_of(scene)
        name = there(characters.active_character(scene), "chosen character").name
        for strip in compat.all_strips(scene):
            if strip.soliloquy_character == name:
                strip.soliloquy_character = ""
        for target in settings_of(scene).targets:
            if target.character == name:
                target.character = ""
        queue.characters.remove(queue.active_character)
        queue.active_character = max(0, min(queue.active_character, len(queue.characters) - 1))
        return {"FINISHED"}


class SOLILOQUY_OT_assign_character(bpy.types.Operator):
    """Assign the selected sound strips to the chosen character: they use its portrait and its targets"""

    bl_idname = "soliloquy.assign_character"
    bl_label = "Assign to Strips"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A character is chosen and sound strips are selected."""
        scene = compat.sequencer_scene(context)
        if characters.active_character(scene) is None:
            return poll_by(cls, say("No character is chosen"))
        return poll_by(cls, "" if selected_sounds(scene) else say("No sound strip is selected in the sequencer"))

    def execute(self, context: bpy.types.Context) -> Result:
        """Write the name on each strip."""
        scene = compat.sequencer_scene(context)
        name = there(characters.active_character(scene), "chosen character").name
        chosen = selected_sounds(scene)
        for strip in chosen:
            strip.soliloquy_character = name
        told = say_count(len(chosen), "{name} speaks 1 strip", "{name} speaks {count} strips", name=name)
        self.report({"INFO"}, told)
        return {"FINISHED"}


CLASSES = (SOLILOQUY_OT_add_character, SOLILOQUY_OT_remove_character, SOLILOQUY_OT_assign_character)
