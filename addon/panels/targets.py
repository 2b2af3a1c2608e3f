"""Panels for the targets of baking, and for their mappings."""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat
from ..drawing import Panel, draw_text, in_editors
from ..operators.targets import active_target, profiles
from ..properties.queue import queue_settings_of
from ..properties.targets import SoliloquyRule
from ..rig import targets
from ..rig.mapping import BONE_KINDS
from ..rig.objects import shape_keys_of
from ..rig.presets import PRESETS
from ..typed import layout_of, there
from ..words import say


class SOLILOQUY_UL_targets(bpy.types.UIList):
    """Targets with their mapping."""

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
        row.prop(item, "use", text="")
        if item.thing is None:
            row.prop(item, "thing", text="")
            return
        row.label(text=item.thing.name, icon="ARMATURE_DATA" if item.thing.type == "ARMATURE" else "MESH_DATA")
        sub = row.row()
        sub.alignment = "RIGHT"
        sub.label(text=PRESETS[item.preset][0] if item.preset in PRESETS else item.preset)


class _Targets(Panel):
    bl_label = "Targets"

    def draw(self, context: bpy.types.Context) -> None:
        """Add heads and rigs, and bake on them."""
        layout, settings = layout_of(self), self.settings(context)
        row = layout.row(align=True)
        row.operator("soliloquy.add_head", icon="USER")
        row.operator("soliloquy.add_target", text="Add Selected", icon="ADD")
        layout.row().prop(settings, "head_detail", expand=True)
        if not settings.targets:
            return
        row = layout.row()
        row.template_list("SOLILOQUY_UL_targets", "", settings, "targets", settings, "active_target", rows=2)
        row.column(align=True).operator("soliloquy.remove_target", text="", icon="REMOVE")
        for target in settings.targets:
            reason = targets.why_not(target.thing) if target.use else ""
            if reason:
                draw_text(layout, reason, "ERROR", alert=True)
            elif target.use and target.thing is not None:
                for doubt in targets.doubts(target.thing, target.wanted_rules()):
                    draw_text(layout, doubt, "ERROR")
        target = active_target(context)
        if target is not None and target.thing is not None and target.thing.pose:
            row = layout.row(align=True)
            row.prop(target, "look_at", text="Look", icon="HIDE_OFF")
            sub = row.row(align=True)
            sub.active = target.look_at is not None
            sub.prop(target, "look_influence", text="")
            row.operator("soliloquy.look_at_camera", text="", icon="CAMERA_DATA")
        queue = queue_settings_of(compat.sequencer_scene(context))
        if target is not None and queue.characters:
            layout.prop_search(target, "character", queue, "characters", text="Character", icon="USER")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "tolerance")
        column.prop(settings, "bake_on_arrival")
        row = layout.row(align=True)
        row.scale_y = 1.2
        row.operator("soliloquy.bake", icon="ACTION")
        row.operator("soliloquy.check_moves", text="", icon="QUESTION")
        row.operator("soliloquy.unbake", text="", icon="TRASH")


class SOLILOQUY_UL_rules(bpy.types.UIList):
    """Lines of a mapping: a channel and what it moves."""

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
        row.prop(item, "use", text="")
        split = row.split(factor=0.5)
        split.active = item.use
        split.label(text=item.source, icon="ERROR" if item.problem else "NONE")
        what = f"{item.destination} {say(item.axis.capitalize())}" if item.kind in BONE_KINDS else item.destination
        shown: Any = item.bl_rna.properties["kind"].enum_items[item.kind].icon
        split.label(text=what, icon=shown)

    def filter_items(self, context: bpy.types.Context, data: Any, property: str) -> tuple[Any, Any]:
        """Search in channels and destinations."""
        wanted = self.filter_name.lower()
        return [
            self.bitflag_filter_item if wanted in f"{item.source} {item.destination}".lower() else 0
            for item in getattr(data, property)
        ], []


class SOLILOQUY_MT_presets(bpy.types.Menu):
    """Mappings for known rigs, and saved ones"""

    bl_label = "Mapping"

    def draw(self, _context: bpy.types.Context) -> None:
        """Built-in ones, saved ones, files."""
        layout = layout_of(self)
        for key, (label, _, _) in PRESETS.items():
            layout.operator("soliloquy.apply_preset", text=label).preset = key
        layout.separator()
        for path in profiles():
            layout.operator("soliloquy.load_mapping", text=path.stem).filepath = str(path)
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("soliloquy.load_mapping", text="Load…", icon="FILE_FOLDER")
        layout.operator("soliloquy.save_mapping", text="Save…", icon="FILE_TICK")


class _Mapping(Panel):
    bl_label = "Mapping"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A target is chosen."""
        return active_target(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """The mapping of the chosen target."""
        layout, target = layout_of(self), there(active_target(context), "chosen target")
        layout.use_property_decorate = False
        layout.prop(target, "thing", text="")
        if target.thing is None:
            return
        row = layout.row(align=True)
        label = PRESETS[target.preset][0] if target.preset in PRESETS else target.preset
        row.menu("SOLILOQUY_MT_presets", text=label or "Mapping", icon="PRESET")
        row.operator("soliloquy.apply_preset", text="", icon="VIEWZOOM").preset = "MATCH"
        row = layout.row()
        row.template_list("SOLILOQUY_UL_rules", "", target, "rules", target, "active_rule", rows=6)
        column = row.column(align=True)
        column.operator("soliloquy.edit_rules", text="", icon="ADD").action = "ADD"
        column.operator("soliloquy.edit_rules", text="", icon="REMOVE").action = "REMOVE"
        column.separator()
        column.operator("soliloquy.edit_rules", text="", icon="TRASH").action = "CLEAR"
        lacking = targets.missing(target.thing, target.wanted_rules())
        if lacking:
            names = ", ".join(lacking[:4]) + (", …" if len(lacking) > 4 else "")
            draw_text(layout, say("“{target}” lacks: {names}", target=target.thing.name, names=names), "ERROR")
        if 0 <= target.active_rule < len(target.rules):
            self.draw_rule(layout.box(), target.thing, target.rules[target.active_rule])

    @staticmethod
    def draw_rule(layout: bpy.types.UILayout, thing: bpy.types.Object, rule: SoliloquyRule) -> None:
        """The chosen line."""
        layout.prop(rule, "source", text="")
        if rule.problem:
            draw_text(layout, rule.problem, "ERROR", alert=True)
        row = layout.row(align=True)
        row.prop(rule, "kind", text="")
        meshes = targets.meshes_of(thing)
        if rule.kind in BONE_KINDS and thing.pose:
            row.prop_search(rule, "destination", thing.pose, "bones", text="")
            layout.row(align=True).prop(rule, "axis", text="")
        elif rule.kind == "SHAPE" and meshes:
            row.prop_search(rule, "destination", shape_keys_of(meshes[0]), "key_blocks", text="")
        else:
            row.prop(rule, "destination", text="")
            if thing.pose:
                layout.prop_search(rule, "bone", thing.pose, "bones", text="On Bone")
        row = layout.row(align=True)
        row.prop(rule, "multiplier")
        row.prop(rule, "offset")
        layout.operator("soliloquy.wiggle", icon="PLAY")


CLASSES = (
    SOLILOQUY_UL_targets,
    SOLILOQUY_UL_rules,
    SOLILOQUY_MT_presets,
    *in_editors((_Targets, ""), (_Mapping, "targets")),
)
