"""The sidebar tab “Soliloquy” in the sequencer and in the 3D viewport."""

from __future__ import annotations

import bpy

from . import compat, jobs, operators_runtime, preferences, speech, takes, thumbnails
from .operators_takes import why_not
from .properties import SoliloquySettings, settings_of

_STATUS_ICONS = {"READY": "IMAGE_DATA", "MOTION": "FCURVE", "MISSING": "ERROR"}


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines that fit ``width`` pixels of a panel; Blender's labels don't wrap by themselves."""
    room = max(20, int((width - 40) / (7 * bpy.context.preferences.system.ui_scale)))
    lines = [""]
    for word in text.split():
        while len(word) > room:  # a path
            lines.append(word[:room])
            word = word[room:]
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


def draw_text(layout: bpy.types.UILayout, text: str, icon: str = "NONE", alert: bool = False) -> None:
    """A message over several lines."""
    column = layout.column(align=True)
    column.scale_y = 0.85
    column.alert = alert
    region = bpy.context.region
    for index, line in enumerate(wrapped(text, region.width if region else 300)):
        column.label(text=line, icon=icon if index == 0 else "BLANK1")


def draw_runtime(layout: bpy.types.UILayout) -> None:
    """Is the runtime there? The button that installs it, or how far the installation is."""
    if operators_runtime.is_installing():
        row = layout.row(align=True)
        row.progress(factor=0.0, type="RING", text=operators_runtime.installation().text)
        row.operator("soliloquy.cancel_install", text="", icon="X")
        return
    python = preferences.worker_python()
    if python is not None:
        layout.label(text="Runtime installed", icon="CHECKMARK")
        return
    draw_text(layout, f"Soliloquy needs a runtime of Python packages ({operators_runtime.SIZE}).", "INFO")
    if not bpy.app.online_access:
        draw_text(layout, "Online access is off: allow it in Preferences > System > Network.", "ERROR", alert=True)
    latest = operators_runtime.installation()
    if latest is not None and latest.error:
        draw_text(layout, latest.error, "ERROR", alert=True)
    layout.operator("soliloquy.install_runtime", icon="IMPORT")


def draw_progress(layout: bpy.types.UILayout) -> bool:
    """The running job, or the last one's outcome; True while one runs."""
    job = jobs.current()
    if job is None:
        message, bad = jobs.last_message()
        if message:
            draw_text(layout.box(), message, "ERROR" if bad else "CHECKMARK", alert=bad)
        return False
    left = f" · {jobs.duration(job.left)} left" if job.left is not None else ""
    column = layout.column(align=True)
    column.label(text="Stopping" if job.cancelling else job.stage, icon="SORTTIME")
    row = column.row(align=True)
    row.progress(factor=job.share, text=f"{job.share:.0%}{left}")
    row.operator("soliloquy.cancel", text="", icon="X")
    for notice in job.notices:
        draw_text(column, notice, "INFO")
    return True


class SOLILOQUY_UL_takes(bpy.types.UIList):
    """Takes with thumbnail and seed."""

    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_property, _index=0) -> None:
        """One row."""
        picture = thumbnails.icon_of(item)
        row = layout.row(align=True)
        if picture:
            row.label(text=item.name, icon_value=picture)
        else:
            row.label(text=item.name, icon=_STATUS_ICONS[item.status])
        sub = row.row()
        sub.alignment = "RIGHT"
        sub.label(text="missing" if item.status == "MISSING" else f"seed {item.seed}")


class _Panel:
    bl_category = "Soliloquy"
    bl_region_type = "UI"

    @staticmethod
    def settings(context: bpy.types.Context) -> SoliloquySettings:
        """Settings of the scene in view."""
        return settings_of(compat.sequencer_scene(context))


class _Speak(_Panel):
    bl_label = "Speak"

    def draw(self, context: bpy.types.Context) -> None:
        """Speech, portrait, Generate."""
        layout = self.layout
        if preferences.worker_python() is None:
            draw_runtime(layout)
            show = layout.operator("preferences.addon_show", text="Preferences", icon="PREFERENCES")
            show.module = preferences.ROOT_PACKAGE
            return
        scene, settings = compat.sequencer_scene(context), self.settings(context)
        column = layout.column()
        column.label(text="Speech")
        column.row().prop(settings, "sound", expand=True)
        if settings.sound == "STRIP":
            strip = speech.sound_strip(scene)
            column.label(text=strip.name if strip else "Select a sound strip", icon="SOUND" if strip else "ERROR")
        column = layout.column()
        column.label(text="Portrait")
        column.template_ID(settings, "portrait_image", open="image.open")
        if settings.portrait_image is None:
            column.prop(settings, "portrait_file", text="", placeholder="or a picture file")
        row = layout.row(align=True)
        row.prop(settings, "takes_wanted")
        row.prop(settings, "seed")
        if not draw_progress(layout):
            row = layout.row()
            row.scale_y = 1.4
            row.operator("soliloquy.generate", icon="PLAY")
            reason = why_not(context, needs_speech=True)
            if reason:
                draw_text(layout, reason, "INFO")


class _Options(_Panel):
    bl_label = "Options"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """What rarely changes."""
        layout, settings = self.layout, self.settings(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.prop(settings, "motion_only")
        sub = column.column()
        sub.active = not settings.motion_only
        sub.prop(settings, "size")
        sub.prop(settings, "framing")
        column = layout.column(align=True)
        column.prop(settings, "guidance_scale")
        column.prop(settings, "num_inference_steps")
        layout.prop(settings, "output_dir", placeholder="beside the .blend")


class _Takes(_Panel):
    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        """The list, a larger picture of the chosen take, and what can be done with it."""
        layout, settings = self.layout, self.settings(context)
        row = layout.row()
        row.template_list("SOLILOQUY_UL_takes", "", settings, "takes", settings, "active_take", rows=3)
        column = row.column(align=True)
        column.operator("soliloquy.place_take", text="", icon="SEQ_SEQUENCER")
        column.operator("soliloquy.open_folder", text="", icon="FILE_FOLDER")
        column.operator("soliloquy.remove_take", text="", icon="REMOVE")
        take = takes.active_take(compat.sequencer_scene(context))
        if take is None:
            return
        picture = thumbnails.icon_of(take)
        if picture:
            layout.template_icon(icon_value=picture, scale=6.0)
        if take.status == "MOTION":
            layout.operator("soliloquy.render_take", icon="RENDER_STILL")
        count = settings.takes_wanted
        label = f"Resample {count} Takes" if count > 1 else "Resample"
        layout.operator("soliloquy.resample", text=label, icon="FILE_REFRESH")
        if context.scene.view_settings.view_transform != "Standard":
            draw_text(
                layout,
                "This view transform changes the frames' colours; Standard shows them as they are.",
                "INFO",
            )
            layout.prop(context.scene.view_settings, "view_transform", text="")


class _Keep(_Panel):
    bl_label = "Keep on Resample"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Groups whose motion stays when the rest gets new seeds."""
        settings = self.settings(context)
        grid = self.layout.grid_flow(columns=3, even_columns=True, align=True)
        grid.prop(settings, "keep")


class _Head(_Panel):
    bl_label = "Head"

    def draw(self, context: bpy.types.Context) -> None:
        """The 3D head: add it, choose it, bake on it."""
        layout, settings = self.layout, self.settings(context)
        layout.operator("soliloquy.add_head", icon="USER")
        layout.prop(settings, "head", text="", icon="ARMATURE_DATA")
        layout.operator("soliloquy.bake", icon="ACTION")


def _in_space(base: type, space: str, suffix: str, parent: str = "") -> type:
    """A panel class of ``base`` for one editor; Blender needs one class for each."""
    name = f"SOLILOQUY_PT_{base.__name__.strip('_').lower()}_{suffix}"
    fields = {"bl_space_type": space, "bl_idname": name, "__doc__": base.draw.__doc__}
    if parent:
        fields["bl_parent_id"] = f"SOLILOQUY_PT_{parent}_{suffix}"
    return type(name, (base, bpy.types.Panel), fields)


CLASSES = (
    SOLILOQUY_UL_takes,
    *(
        _in_space(base, space, suffix, parent)
        for space, suffix in (("SEQUENCE_EDITOR", "sequencer"), ("VIEW_3D", "viewport"))
        for base, parent in ((_Speak, ""), (_Options, "speak"), (_Takes, ""), (_Keep, "takes"), (_Head, ""))
    ),
)
