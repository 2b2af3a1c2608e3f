"""Presets of performance and style, in Blender's own preset system: a popover in the panel's header, files to share.

The presets that come with the extension lie in ``blender/presets``; a user's own in their Blender's folder for presets.
"""

from __future__ import annotations

import bpy
from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel

from ...core.motion.channels import GROUPS
from ..places import PRESET_PATHS
from ..properties.style import AMPLITUDES, POSES

_SCENE = "(getattr(bpy.context.workspace, 'sequencer_scene', None) or bpy.context.scene)"
"""The scene whose panel is seen (`compat.sequencer_scene`), for preset files: they can't import the add-on."""
_SAMPLED = (
    *("liveliness", *AMPLITUDES, "set_blink_rate", "blink_rate", "gaze_to_camera", "loop"),
    *(name for pose in POSES for name in (f"set_{pose}", pose)),
)
_SHOWN = ("liveliness", *GROUPS, "way_in", "way_out")


class SOLILOQUY_OT_performance_preset(AddPresetBase, bpy.types.Operator):
    """Add these settings to the list of presets, or take the chosen preset off it"""

    bl_idname = "soliloquy.performance_preset"
    bl_label = "Add Performance Preset"
    preset_menu = "SOLILOQUY_PT_performance_presets"
    preset_subdir = "soliloquy/performance"
    preset_defines = (
        f"settings = {_SCENE}.soliloquy",
        "performance = settings.performance",
    )
    preset_values = (*(f"performance.{name}" for name in _SAMPLED), "settings.guidance_scale")


class SOLILOQUY_PT_performance_presets(PresetPanel, bpy.types.Panel):
    """Ready-made performances, and your own"""

    bl_label = "Performance Presets"
    preset_subdir = SOLILOQUY_OT_performance_preset.preset_subdir
    preset_operator = "script.execute_preset"
    preset_add_operator = SOLILOQUY_OT_performance_preset.bl_idname


class SOLILOQUY_OT_style_preset(AddPresetBase, bpy.types.Operator):
    """Add this take's amounts to the list of presets, or take the chosen preset off it"""

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
    """Let Blender find the presets that come with the extension."""
    bpy.utils.register_preset_path(str(PRESET_PATHS))


def unregister() -> None:
    """Forget them."""
    bpy.utils.unregister_preset_path(str(PRESET_PATHS))
