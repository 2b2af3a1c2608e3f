"""Operators on targets and their mappings: add, presets, lines, wiggle, save and load."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ...core.errors import SoliloquyError
from ...core.files import is_folder
from .. import compat
from ..animation import styles, wiggle
from ..properties import preferences
from ..properties.scene import settings_of
from ..properties.targets import SoliloquyTarget
from ..rig import mapping, presets, targets
from ..rig.objects import shape_keys_of
from ..typed import OperatorMixin, Result, manager_of, scene_of, there
from ..unexpected import as_told
from ..words import say, say_count
from .job import poll_by

_SUFFIX = ".json"


def active_target(context: bpy.types.Context) -> SoliloquyTarget | None:
    """The target chosen in the list, or None."""
    settings = settings_of(compat.sequencer_scene(context))
    index = settings.active_target
    return settings.targets[index] if 0 <= index < len(settings.targets) else None


def chosen_target(context: bpy.types.Context) -> tuple[SoliloquyTarget, bpy.types.Object]:
    """The target chosen in the list and its object. Raises RuntimeError if one of them is missing."""
    target = there(active_target(context), "chosen target")
    return target, there(target.thing, "object of the chosen target")


class _OnTarget(OperatorMixin):
    """Base of operators that need a chosen target with an object."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A target is chosen."""
        target = active_target(context)
        if target is None:
            return poll_by(cls, say("No target is chosen"))
        return poll_by(cls, say("Pick the target's object first") if target.thing is None else "")


class SOLILOQUY_OT_add_target(bpy.types.Operator):
    """Add the selected armatures and meshes with shape keys as targets, each with the mapping that fits it best"""

    bl_idname = "soliloquy.add_target"
    bl_label = "Add Target"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Add an entry for each; an empty one if no suitable object is selected."""
        settings = settings_of(compat.sequencer_scene(context))
        there = {target.thing for target in settings.targets}
        picked = [
            thing
            for thing in context.selected_objects
            if thing not in there and (thing.type == "ARMATURE" or shape_keys_of(thing) is not None)
        ]
        # A mesh whose armature is added too needs no entry: its shape keys belong to the armature's target.
        carried = {mesh for thing in picked if thing.type == "ARMATURE" for mesh in targets.meshes_of(thing)}
        fitting: list[bpy.types.Object | None] = [thing for thing in picked if thing not in carried]
        for thing in fitting or [None]:
            settings.targets.add().thing = thing
        settings.active_target = len(settings.targets) - 1
        return {"FINISHED"}


class SOLILOQUY_OT_remove_target(bpy.types.Operator):
    """Remove the target from the list; baked takes stay on it until Remove Bake"""

    bl_idname = "soliloquy.remove_target"
    bl_label = "Remove Target"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A target is chosen."""
        return poll_by(cls, say("No target is chosen") if active_target(context) is None else "")

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove the entry."""
        settings = settings_of(compat.sequencer_scene(context))
        settings.targets.remove(settings.active_target)
        settings.active_target = max(0, min(settings.active_target, len(settings.targets) - 1))
        return {"FINISHED"}


class SOLILOQUY_OT_apply_preset(_OnTarget, bpy.types.Operator):
    """Replace the target's mapping with one made for its kind of rig"""

    bl_idname = "soliloquy.apply_preset"
    bl_label = "Mapping Preset"
    bl_options = {"REGISTER", "UNDO"}

    preset: EnumProperty(
        name="Preset", items=[(key, label, about) for key, (label, about, _) in presets.PRESETS.items()]
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Make the rules from the rig's names."""
        target, thing = chosen_target(context)
        rules = presets.rules_for(self.preset, thing)
        if not rules:
            label = presets.PRESETS[self.preset][0]
            self.report(
                {"ERROR"},
                say("“{target}” has nothing that {label} knows: try Match Names", target=thing.name, label=label),
            )
            return {"CANCELLED"}
        target.preset = self.preset
        target.set_rules(rules)
        self.report(
            {"INFO"}, say_count(len(rules), "“{target}”: 1 line", "“{target}”: {count} lines", target=thing.name)
        )
        if doubts := targets.doubts(thing, rules):
            self.report({"WARNING"}, f"{doubts[0]}.")
        return {"FINISHED"}


class SOLILOQUY_OT_look_at_camera(_OnTarget, bpy.types.Operator):
    """Make the target's eyes follow the scene's camera"""

    bl_idname = "soliloquy.look_at_camera"
    bl_label = "Look at Camera"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Set the camera as the object to look at."""
        (target, thing), camera = chosen_target(context), scene_of(context).camera
        if camera is None:
            self.report({"ERROR"}, say("The scene has no camera: add one"))
            return {"CANCELLED"}
        target.look_at = camera
        if not styles.eye_bones(thing, target.wanted_rules()):
            self.report(
                {"WARNING"},
                say("The mapping of “{target}” turns no eye bones: nothing can follow", target=thing.name),
            )
        return {"FINISHED"}


class SOLILOQUY_OT_edit_rules(_OnTarget, bpy.types.Operator):
    """Add, remove or move a line of the mapping"""

    bl_idname = "soliloquy.edit_rules"
    bl_label = "Edit Mapping"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    action: EnumProperty(
        items=(("ADD", "Add", "A new line"), ("REMOVE", "Remove", "Remove this line"), ("CLEAR", "Clear", "All lines"))
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Change the list of lines."""
        target, _ = chosen_target(context)
        if self.action == "ADD":
            target.rules.add().source = "jawOpen"
            target.active_rule = len(target.rules) - 1
        elif self.action == "REMOVE":
            target.rules.remove(target.active_rule)
            target.active_rule = max(0, min(target.active_rule, len(target.rules) - 1))
        else:
            target.set_rules([])
        return {"FINISHED"}


class SOLILOQUY_OT_wiggle(_OnTarget, bpy.types.Operator):
    """Move what this line of the mapping controls back and forth, to check that it is the right one; no keys are set"""

    bl_idname = "soliloquy.wiggle"
    bl_label = "Wiggle"
    bl_options = {"REGISTER"}

    SECONDS = 1.6
    _timer: bpy.types.Timer | None = None
    _wiggle: wiggle.Wiggle | None = None
    _begun: float = 0.0

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Start to move."""
        target, thing = chosen_target(context)
        if not 0 <= target.active_rule < len(target.rules):
            self.report({"ERROR"}, say("The mapping has no line to try"))
            return {"CANCELLED"}
        moved = wiggle.Wiggle(thing, target.rules[target.active_rule].rule())
        if moved.problem:
            self.report({"ERROR"}, moved.problem)
            return {"CANCELLED"}
        self._wiggle = moved
        self._begun = time.monotonic()
        self._timer = manager_of(context).event_timer_add(1 / 30, window=context.window)
        manager_of(context).modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Move back and forth twice, then restore."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        share = (time.monotonic() - self._begun) / self.SECONDS
        try:
            if share < 1 and self._wiggle is not None:
                self._wiggle.set(0.5 - 0.5 * math.cos(4 * math.pi * share))
                return {"PASS_THROUGH"}
        except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
            self.report({"ERROR"}, str(as_told(error)))
        self.cancel(context)
        return {"FINISHED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Restore the state from before."""
        if self._timer is not None:
            manager_of(context).event_timer_remove(self._timer)
            self._timer = None
        if self._wiggle is not None:
            self._wiggle.restore()


# ------------------------------------------------------------------------------------------------------------ files


def profile_folder() -> Path:
    """Folder of saved mappings, which survives upgrades."""
    return preferences.user_folder() / "mappings"


def profiles() -> Iterator[Path]:
    """Saved mappings."""
    folder = profile_folder()
    yield from sorted(folder.glob(f"*{_SUFFIX}")) if is_folder(folder) else ()


class SOLILOQUY_OT_save_mapping(_OnTarget, bpy.types.Operator):
    """Save the mapping as a JSON file, to be used on other rigs and shared"""

    bl_idname = "soliloquy.save_mapping"
    bl_label = "Save Mapping"
    bl_options = {"REGISTER"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the path; by default in the folder of saved mappings."""
        folder = profile_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self.filepath = str(folder / f"{bpy.path.clean_name(chosen_target(context)[1].name)}{_SUFFIX}")
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Write the file."""
        path = Path(bpy.path.ensure_ext(self.filepath, _SUFFIX))
        target, _ = chosen_target(context)
        try:
            path.write_text(mapping.to_json(path.stem, [rule.rule() for rule in target.rules]), encoding="utf-8")
        except OSError as error:
            self.report(
                {"ERROR"},
                say("{path} can't be written ({error}): choose another folder", path=path, error=error.strerror),
            )
            return {"CANCELLED"}
        target.preset = path.stem
        self.report({"INFO"}, say("Mapping saved: {path}", path=path))
        return {"FINISHED"}


class SOLILOQUY_OT_load_mapping(_OnTarget, bpy.types.Operator):
    """Replace the target's mapping with one from a JSON file"""

    bl_idname = "soliloquy.load_mapping"
    bl_label = "Load Mapping"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the file."""
        self.filepath = str(profile_folder()) + "/"
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Read the mapping and report names that the rig lacks."""
        target, thing = chosen_target(context)
        try:
            name, rules = mapping.load(Path(self.filepath))
        except SoliloquyError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        target.preset = name
        target.set_rules(rules)
        lacking = targets.missing(thing, rules)
        if lacking:
            some = ", ".join(lacking[:3]) + (", …" if len(lacking) > 3 else "")
            self.report(
                {"WARNING"},
                say(
                    "“{target}” lacks {count} of the mapping's names: {some}",
                    target=thing.name,
                    count=len(lacking),
                    some=some,
                ),
            )
        return {"FINISHED"}


CLASSES = (
    SOLILOQUY_OT_add_target,
    SOLILOQUY_OT_remove_target,
    SOLILOQUY_OT_apply_preset,
    SOLILOQUY_OT_look_at_camera,
    SOLILOQUY_OT_edit_rules,
    SOLILOQUY_OT_wiggle,
    SOLILOQUY_OT_save_mapping,
    SOLILOQUY_OT_load_mapping,
)
