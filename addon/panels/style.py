"""Panels for how new takes are sampled, how the chosen take is shown, and which parts of it are sampled again."""

from __future__ import annotations

import math
from typing import Any

import bpy

from ...core.errors import SoliloquyError
from ...core.motion.channels import GROUPS
from .. import compat
from ..animation import nla
from ..drawing import Panel, draw_text, in_editors
from ..properties.scene import heeds
from ..properties.style import AMPLITUDES
from ..scene import take_list
from ..scene.request import range_of
from ..typed import layout_of
from ..words import say
from .presets import SOLILOQUY_PT_performance_presets, SOLILOQUY_PT_style_presets

_ANGLES = ("Pitch", "Yaw", "Roll")


class SOLILOQUY_UL_poses(bpy.types.UIList):
    """Poses of the head with their times."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        """One row."""
        row = layout.row(align=True)
        row.prop(item, "seconds", text="", emboss=False)
        angles = "  ".join(f"{math.degrees(angle):+.0f}°" for angle in item.angles)
        row.label(text=angles, translate=False)


class SOLILOQUY_UL_emotions(bpy.types.UIList):
    """Emotions with their times."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        """One row."""
        row = layout.row(align=True)
        row.prop(item, "seconds", text="", emboss=False)
        row.prop(item, "emotion", text="", emboss=False)
        row.prop(item, "strength", text="", emboss=False)


class _Performance(Panel):
    bl_label = "Performance"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """The popover of the presets."""
        SOLILOQUY_PT_performance_presets.draw_panel_header(layout_of(self))

    def draw(self, context: bpy.types.Context) -> None:
        """How the next takes will move; existing takes don't change."""
        layout, settings = layout_of(self), self.settings(context)
        performance = settings.performance
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column(align=True)
        for owner, name in ((performance, "liveliness"), (settings, "guidance_scale")):
            sub = column.column(align=True)
            sub.active = heeds(settings, name)
            sub.prop(owner, name, slider=True)
        self.draw_persona(layout, settings)
        layout.prop(performance, "gaze_to_camera", slider=True)
        row = layout.row(heading="Blinks per Minute")
        row.prop(performance, "set_blink_rate", text="")
        sub = row.row()
        sub.active = performance.set_blink_rate
        sub.prop(performance, "blink_rate", text="")
        layout.prop(settings, "articulation", slider=True)
        column = layout.column(align=True)
        for name in AMPLITUDES:
            column.prop(performance, name, slider=True)
        layout.prop(settings, "body", slider=True)
        layout.prop(performance, "loop")
        for name in ("start", "end"):
            self.draw_pose(layout, performance, name)
        self.draw_poses(layout, performance)
        self.draw_emotions(layout, performance)
        column = layout.column(align=True)
        column.prop(settings, "pose_video", placeholder="as sampled")
        column.prop(settings, "blink_video", placeholder="as sampled")

    @staticmethod
    def draw_persona(layout: bpy.types.UILayout, settings: Any) -> None:
        """Whether takes share a persona, and which."""
        performance = settings.performance
        row = layout.row(heading="Same Persona")
        row.active = heeds(settings, "persona")
        row.prop(performance, "set_persona", text="")
        sub = row.row()
        sub.active = performance.set_persona
        sub.prop(performance, "persona", text="")
        row.operator("soliloquy.persona_from_take", text="", icon="EYEDROPPER")

    @staticmethod
    def draw_pose(layout: bpy.types.UILayout, performance: bpy.types.PropertyGroup, which: str) -> None:
        """A pose in which the head begins or ends."""
        row = layout.row()
        row.prop(performance, f"set_{which}_pose")
        row.operator("soliloquy.pose_from_take", text="", icon="EYEDROPPER").which = which
        if getattr(performance, f"set_{which}_pose"):
            _draw_angles(layout, performance, f"{which}_pose")

    @staticmethod
    def draw_poses(layout: bpy.types.UILayout, performance: Any) -> None:
        """Poses in between, and the angles of the chosen one."""
        buttons = _draw_list(layout, performance, "pose", say("Poses"))
        if buttons is None:
            return
        buttons.operator("soliloquy.pose_from_take", text="", icon="EYEDROPPER").which = "chosen"
        if 0 <= performance.active_pose < len(performance.poses):
            _draw_angles(layout, performance.poses[performance.active_pose], "angles")

    @staticmethod
    def draw_emotions(layout: bpy.types.UILayout, performance: Any) -> None:
        """Emotions, and the chosen one."""
        _draw_list(layout, performance, "emotion", say("Emotions"))
        if 0 <= performance.active_emotion < len(performance.emotions):
            column = layout.column(align=True)
            chosen = performance.emotions[performance.active_emotion]
            column.prop(chosen, "emotion")
            column.prop(chosen, "strength", slider=True)


def _draw_list(layout: bpy.types.UILayout, performance: Any, of: str, title: str) -> Any:
    """A list of settings at times with its buttons, which are returned; only a button to add one if it is empty."""
    row = layout.row()
    row.label(text=title, translate=False)
    if not getattr(performance, f"{of}s"):
        row.operator(f"soliloquy.add_{of}", icon="ADD")
        return None
    row = layout.row()
    row.template_list(f"SOLILOQUY_UL_{of}s", "", performance, f"{of}s", performance, f"active_{of}", rows=3)
    buttons = row.column(align=True)
    buttons.operator(f"soliloquy.add_{of}", text="", icon="ADD")
    buttons.operator(f"soliloquy.remove_{of}", text="", icon="REMOVE")
    return buttons


def _draw_angles(layout: bpy.types.UILayout, owner: bpy.types.PropertyGroup, name: str) -> None:
    """Pitch, yaw and roll of a pose, one below the other."""
    column = layout.column(align=True)
    for index, angle in enumerate(_ANGLES):
        column.prop(owner, name, index=index, text=angle)


class _Style(Panel):
    bl_label = "Style"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen."""
        return take_list.active_take(compat.sequencer_scene(context)) is not None

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """The popover of the presets."""
        SOLILOQUY_PT_style_presets.draw_panel_header(layout_of(self))

    def draw(self, context: bpy.types.Context) -> None:
        """How far each group moves, shown at once on the targets."""
        layout, take = layout_of(self), take_list.chosen_take(compat.sequencer_scene(context))
        style = take.style
        if not nla.tracks_of(take.key):
            draw_text(layout, say("The take is on no target yet. Bake it first") + ".", "INFO")
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(style, "liveliness", slider=True)
        column = layout.column(align=True)
        for group in GROUPS:
            column.prop(style, group, slider=True)
        column = layout.column(align=True)
        column.prop(style, "way_in")
        column.prop(style, "way_out")
        layout.operator("soliloquy.reset_style", icon="LOOP_BACK")


class _Resample(Panel):
    bl_label = "Resample"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Groups and frames to sample again, and how they join the kept motion."""
        layout, settings = layout_of(self), self.settings(context)
        grid = layout.grid_flow(columns=4, even_columns=True, align=True)
        grid.prop(settings, "renew")
        layout.prop(settings, "range_kind", text="")
        if settings.range_kind == "FRAMES":
            row = layout.row(align=True)
            row.prop(settings, "range_first")
            row.prop(settings, "range_last")
        scene = compat.sequencer_scene(context)
        take = take_list.active_take(scene)
        if take is not None and settings.range_kind != "WHOLE":
            try:
                chosen = range_of(scene, take)
                if chosen is not None:
                    first, last = chosen[0]
                    words = say("Scene frames {first} to {last} of {take}", first=first, last=last, take=take.name)
                    layout.label(text=words, icon="PREVIEW_RANGE", translate=False)
            except SoliloquyError as error:
                draw_text(layout, str(error), "ERROR", alert=True)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        sub = column.column()
        sub.active = settings.range_kind != "WHOLE"
        sub.prop(settings, "transition")
        column.prop(settings, "renew_style")
        count = settings.takes_wanted
        label = say("Resample {count} Takes", count=count) if count > 1 else say("Resample")
        layout.operator("soliloquy.resample", text=label, icon="FILE_REFRESH", translate=False)


CLASSES = (
    SOLILOQUY_UL_poses,
    SOLILOQUY_UL_emotions,
    *in_editors((_Performance, "speak"), (_Style, "takes"), (_Resample, "takes")),
)
