"""Operators for the 3D head and other targets: add a head, bake, check, remove baked keys."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from .. import compat
from ..animation import visibility
from ..jobs import jobs
from ..properties import preferences, trusted
from ..properties.scene import settings_of
from ..rig import targets
from ..scene import head, portrait, take_list, takes
from ..scene.request import why_not
from ..steps import SteppedOperator
from ..typed import Result, scene_of
from ..words import say, say_count
from .job import JobOperator, OnTake, poll_by


class SOLILOQUY_OT_add_head(JobOperator, bpy.types.Operator):
    """Add a head with the portrait's shape and texture, ARKit shape keys and an armature, at the 3D cursor or beside \
what is there"""

    bl_idname = "soliloquy.add_head"
    bl_label = "Add Head"
    bl_options = {"REGISTER"}
    completes = True
    _home: int = 0
    """Identifier of the scene in which the user asked for the head."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A portrait is chosen, no job runs, and no object is being edited."""
        reason = why_not(context)
        if not reason and not portrait.has_portrait(settings_of(compat.sequencer_scene(context))):
            reason = say("No portrait is chosen")
        if not reason and context.mode != "OBJECT":
            reason = say("Leave edit mode first")
        return poll_by(cls, reason)

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Ask the worker to measure the portrait."""
        scene = compat.sequencer_scene(context)
        settings = settings_of(scene)
        self._home = scene_of(context).session_uid
        out = trusted.output_folder(settings.output_dir)
        path = portrait.portrait_path(settings, out / "inputs")
        return jobs.start(
            head.request_for(str(path), out, preferences.device(), settings.head_detail), say("Head"), scene
        )

    def complete(self, context: bpy.types.Context, scene: bpy.types.Scene, job: jobs.Job) -> Iterator[object]:
        """Build the head from the worker's answer, in the scene in which the user asked for it if it is still there."""
        home = next((other for other in bpy.data.scenes if other.session_uid == self._home), None)
        for told in head.build(context, scene, job.result(), home):
            if isinstance(told, str) and told not in job.notices:
                job.notices.append(told)
            yield told


class SOLILOQUY_OT_bake(SteppedOperator, bpy.types.Operator):
    """Bake the chosen take on all targets in use, where its speech is on the timeline; other keys and Actions stay"""

    bl_idname = "soliloquy.bake"
    bl_label = "Bake"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen and all targets in use can be keyed."""
        scene = compat.sequencer_scene(context)
        take = take_list.active_take(scene)
        if take is None:
            return poll_by(cls, say("No take is chosen in the list"))
        used = [target.thing for target in takes.targets_for(scene, take)]
        if not used and any(target.use for target in settings_of(scene).targets):
            return poll_by(cls, say("All targets belong to other characters than the take"))
        if gone := take_list.why_gone(take):
            return poll_by(cls, gone)
        reasons = [targets.why_not(thing) for thing in used] or [targets.why_not(None)]
        return poll_by(cls, next((reason for reason in reasons if reason), ""))

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Bake, then report where."""
        scene = compat.sequencer_scene(context)
        take = take_list.chosen_take(scene)
        name = take.name
        done = yield from takes.bake_take(scene, settings_of(scene).active_take)
        first, last = done[0][1].first, done[0][1].last
        keys, error = sum(baked.keys for _, baked in done), max(baked.error for _, baked in done)
        where = ", ".join(
            say_count(baked.curves, "“{target}” (1 curve)", "“{target}” ({count} curves)", target=it)
            for it, baked in done
        )
        message = say(
            "{name}: frames {first} to {last} on {where}; {keys}, at most {error:.2g} off",
            name=name,
            first=first,
            last=last,
            where=where,
            keys=say_count(keys, "1 key", "{count} keys"),
            error=error,
        )
        take = take_list.chosen_take(scene)
        used = takes.targets_for(scene, take)
        hindered = [doubt for target in used for doubt in targets.doubts(target.thing, target.wanted_rules())]
        hindered += [sentence for target in used for sentence in visibility.obstacles(target.thing, take.key, name)]
        if hindered:
            message = f"{message}. {hindered[0]}."
        self.report({"WARNING" if hindered else "INFO"}, message)
        jobs.tell(message, bad=bool(hindered))


class SOLILOQUY_OT_check_moves(SteppedOperator, bpy.types.Operator):
    """Play some frames of the chosen take and check whether its targets really move; reports what prevents it"""

    bl_idname = "soliloquy.check_moves"
    bl_label = "Does It Move?"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen and there is a target."""
        scene = compat.sequencer_scene(context)
        if take_list.active_take(scene) is None:
            return poll_by(cls, say("No take is chosen in the list"))
        return poll_by(cls, "" if settings_of(scene).targets else targets.why_not(None))

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Check each target."""
        scene = compat.sequencer_scene(context)
        take = take_list.chosen_take(scene)
        key, name = take.key, take.name
        used = [(t.thing, t.wanted_rules()) for t in settings_of(scene).targets if t.use and t.thing]
        said, bad = [], False
        for thing, _ in used:
            reasons = visibility.obstacles(thing, key, name)
            found = visibility.tracks_on(thing, key)
            moving = expected = 0
            if found:
                moving, expected = yield from visibility.look(scene, found)
            if moving < expected or reasons:
                bad = True
                reasons = reasons or [
                    say("something else sets these properties: constraints, scripts or another add-on")
                ]
                said.append(
                    say_count(
                        expected,
                        "“{target}”: {moving} of 1 curve moves. {reasons}",
                        "“{target}”: {moving} of {count} curves move. {reasons}",
                        target=thing.name,
                        moving=moving,
                        reasons=". ".join(reasons),
                    )
                )
            else:
                said.append(
                    say_count(
                        expected,
                        "“{target}” moves: the 1 curve that should",
                        "“{target}” moves: all {count} curves that should",
                        target=thing.name,
                    )
                )
        # What is cut off still moves, only not as far: a short range of a shape key, for example.
        doubts = [doubt for thing, rules in used for doubt in targets.doubts(thing, rules)]
        message = ". ".join([*said, *doubts]) + "."
        bad = bad or bool(doubts)
        self.report({"WARNING" if bad else "INFO"}, message)
        jobs.tell(message, bad=bad)


class SOLILOQUY_OT_unbake(OnTake, bpy.types.Operator):
    """Remove the chosen take's keys, Actions and tracks from every target; nothing else changes"""

    bl_idname = "soliloquy.unbake"
    bl_label = "Remove Bake"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove what was baked."""
        take = take_list.chosen_take(compat.sequencer_scene(context))
        count = takes.unbake(take.key)
        message = say_count(
            count,
            "{take} was removed from 1 data-block",
            "{take} was removed from {count} data-blocks",
            take=take.name,
        )
        self.report({"INFO"}, message)
        jobs.tell(f"{message}.")
        return {"FINISHED"}


CLASSES = (SOLILOQUY_OT_add_head, SOLILOQUY_OT_bake, SOLILOQUY_OT_check_moves, SOLILOQUY_OT_unbake)
