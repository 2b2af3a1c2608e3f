"""Presets of performance and style in Blender's own preset system: a popover in the panel's header, files to share.

The extension's own presets are in ``blender/presets``, those of users in Blender's folder for user presets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bl_ui.utils import PresetPanel

from ...core.motion.channels import GROUPS
from ..places import PRESET_PATHS
from ..properties.style import AMPLITUDES, POSES

if TYPE_CHECKING:

    class AddPresetBase(bpy.types.Operator):
        """Blender's mixin; its own stubs don't fit those of Operator."""
else:
    from bl_operators.presets import AddPresetBase

_SCENE = "(getattr(bpy.context.workspace, 'sequencer_scene', None) or bpy.context.scene)"
"""`compat.sequencer_scene` as an expression for preset files, which can't import the add-on."""
_SAMPLED = (
    *("liveliness", "set_persona", "persona", *AMPLITUDES, "set_blink_rate", "blink_rate", "gaze_to_camera", "loop"),
    *(name for pose in POSES for name in (f"set_{pose}", pose)),
)
_SHOWN = ("liveliness", *GROUPS, "way_in", "way_out")


class SOLILOQUY_OT_performance_preset(AddPresetBase, bpy.types.Operator):
    """Add these settings to the list of presets, or remove the chosen preset from it"""

    bl_idname = "soliloquy.performance_preset"
    bl_label = "Add Performance Preset"
    preset_menu = "SOLILOQUY_PT_performance_presets"
    preset_subdir = "soliloquy/performance"
    preset_defines = (
        f"settings = {_SCENE}.soliloquy",
        "performance = settings.performance",
    )
    preset_values = (
        *(f"performance.{name}" for name in _SAMPLED),
        *("settings.guidance_scale", "settings.articulation", "settings.body"),
    )


class SOLILOQUY_PT_performance_presets(PresetPanel, bpy.types.Panel):
    """Ready-made performances, and your own"""

    bl_label = "Performance Presets"
    preset_subdir = SOLILOQUY_OT_performance_preset.preset_subdir
    preset_operator = "script.execute_preset"
    preset_add_operator = SOLILOQUY_OT_performance_preset.bl_idname


class SOLILOQUY_OT_style_preset(AddPresetBase, bpy.types.Operator):
    """Add this take's amounts to the list of presets, or remove the chosen preset from it"""

    bl_idname = "soliloquy.style_preset"
    bl_label = "Add Style Preset"
    preset_menu = "SOLILOQUY_PT_style_presets"
    preset_subdir = "soliloquy/style"
    preset_defines = (
        f"settings = {_SCENE}.soliloquy",
        "style = settings.takes[settings.active_take].style",
    )
    preset_values = tuple(f"style.{name}" for name in _SHOWN)


class SOLILOQUY_PT_style_presets(PresetPanel, bpy.types.Panel):
    """Ready-made styles, and your own"""

    bl_label = "Style Presets"
    preset_subdir = SOLILOQUY_OT_style_preset.preset_subdir
    preset_operator = "script.execute_preset"
    preset_add_operator = SOLILOQUY_OT_style_preset.bl_idname


CLASSES = (
    SOLILOQUY_OT_performance_preset,
    SOLILOQUY_PT_performance_presets,
    SOLILOQUY_OT_style_preset,
    SOLILOQUY_PT_style_presets,
)


def register() -> None:
    """Register the folder of the extension's own presets."""
    bpy.utils.register_preset_path(str(PRESET_PATHS))


def unregister() -> None:
    """Unregister the folder."""
    bpy.utils.unregister_preset_path(str(PRESET_PATHS))
