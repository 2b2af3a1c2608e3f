"""Runs inside Blender's window: does what a new user does, from the zip to frames of edited curves, and photographs it.

Started by ``tools/new_user_trial.py``. Prints ``STEP name seconds`` after each step, with the longest time between two
turns of a timer during the step, and ``ENDED`` when all steps are done.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.blender_state import manager, operators, preferences, set_up_video, settings_of, there
from tools.example_blend import arkit_face, rigify_rig
from tools.window_pictures import (
    arrange,
    drawn,
    editors,
    enter_pressed,
    frame_views,
    photograph,
    region_of,
    run,
    space_of,
    two_editors,
    until,
    wait,
    window,
)

TICK = 0.02
"""Seconds between two turns of the timer."""


def options() -> argparse.Namespace:
    """The options after ``--`` on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("zip", "wheels", "audio", "portrait", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"As in new_user_trial.py: {name}.")
    parser.add_argument(
        "--seconds", type=float, required=True, help="Length of the takes: so much of the speech is used."
    )
    parser.add_argument("--installed", action="store_true", help="Zip and runtime are installed by an earlier trial.")
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


class Trial:
    """The steps, in order. While the runtime is installed there is one editor, afterwards there are two."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.frames = round(25 * chosen.seconds)
        self.shown: list[bpy.types.Area] = []

    @property
    def left(self) -> bpy.types.Area:
        """The left editor, or the only one."""
        return self.shown[0]

    @property
    def right(self) -> bpy.types.Area:
        """The right editor, or the only one."""
        return self.shown[-1]

    @property
    def scene(self) -> bpy.types.Scene:
        """The scene in the window."""
        return there(window().scene, "scene")

    # ------------------------------------------------------------------------------------------------------- installing
    def zip_is_dropped(self) -> Iterator[None]:
        """Drop the zip onto the window: Blender asks for confirmation, Enter gives it."""
        assert not bpy.app.online_access
        yield from self.preferences_are_open()
        area = self.left
        window().cursor_warp(area.x + area.width // 2, area.y + area.height // 2)
        yield from wait(0.5)
        with bpy.context.temp_override(window=window(), area=area, region=region_of(area)):
            operators.extensions.package_install_files("INVOKE_DEFAULT", url=str(self.chosen.zip))
        yield from drawn(area)
        yield from wait(1.0)
        yield from photograph(self.chosen.out / "trial_drop.png", area)
        yield from enter_pressed()
        yield from until(lambda: hasattr(bpy.types.Scene, "soliloquy"), 60)

    def runtime_is_installed(self) -> Iterator[None]:
        """Choose the wheels in Preferences > Add-ons > Soliloquy and press the button, without network."""
        ours = self.addon("properties.preferences")
        stored: Any = preferences().addons[ours.ROOT_PACKAGE].preferences
        preferences().active_section = "ADDONS"
        searching: Any = manager()
        searching.addon_search = "Soliloquy"
        operators.preferences.addon_expand(module=ours.ROOT_PACKAGE)
        assert not operators.soliloquy.install_runtime.poll(), "there is neither network nor a folder of wheels"
        yield from drawn(self.left)
        yield from photograph(self.chosen.out / "trial_preferences.png", self.left)
        stored.wheels_folder = str(self.chosen.wheels)
        yield from self.pressed(operators.soliloquy.install_runtime)
        runtime, told = self.addon("operators.runtime"), ""
        while runtime.is_installing():
            if runtime.installation().text != told:
                told = runtime.installation().text
                print(f"    {told}", flush=True)
                if told.startswith("Installing"):
                    yield from drawn(self.left)
                    yield from photograph(self.chosen.out / "trial_installing.png", self.left)
            yield
        assert not runtime.installation().error, runtime.installation().error
        print(f"    {runtime.installation().text}", flush=True)
        assert ours.worker_python() is not None
        yield from drawn(self.left)
        yield from photograph(self.chosen.out / "trial_installed.png", self.left)

    # ---------------------------------------------------------------------------------------------------------- working
    def doctor_is_asked(self) -> Iterator[None]:
        """Start a new file with sequencer and viewport, and run the doctor: no finding may be bad."""
        for area in self.shown:
            area.type = "VIEW_3D"  # it showed the preferences
            yield
        bpy.ops.wm.read_homefile(load_ui=False, use_empty=True)
        yield
        yield from two_editors()
        self.shown = editors()
        self.left.type = "SEQUENCE_EDITOR"
        yield
        set_up_video(self.scene)
        settings_of(self.scene).output_dir = str(self.chosen.out / "takes")
        arrange(self.left, self.right)
        yield from drawn(self.left)
        yield from self.pressed(operators.soliloquy.doctor)
        yield from self.idle()
        doctor, findings = self.addon("jobs.doctor"), self.addon("operators.doctor").findings()
        print(doctor.report(findings), flush=True)
        assert not [finding for finding in findings if finding.level == doctor.BAD]
        yield from self.photographed("trial_doctor.png", self.right, "doctor")

    def takes_are_made(self) -> Iterator[None]:
        """Add a sound strip and a photograph, and make three takes."""
        scene = self.scene
        sound: dict[str, object] = {"filepath": str(self.chosen.audio), "frame_start": 1, "channel": 1}
        add = operators.sequencer.sound_strip_add
        if "move_strips" in add.get_rna_type().properties:
            sound["move_strips"] = False  # otherwise the strip follows the mouse until a click
        with bpy.context.temp_override(window=window(), area=self.left, region=region_of(self.left)):
            add(**sound)
        compat = self.addon("compat")
        compat.set_handles(there(scene.sequence_editor, "sequence editor").active_strip, 1, 1 + self.frames)
        scene.frame_end = self.frames
        settings = settings_of(scene)
        settings.portrait_image = bpy.data.images.load(str(self.chosen.portrait))
        settings.takes_wanted, settings.seed, settings.size = 3, 7, "256"
        yield from self.pressed(operators.soliloquy.generate)
        yield from until(lambda: self.addon("jobs.jobs").current() is None or len(settings.takes) > 0, 600)
        yield from self.photographed("trial_generating.png", self.left, "speak", "takes")
        yield from self.idle()
        assert [take.status for take in settings.takes] == ["READY"] * 3
        for _ in range(2):
            frame_views(self.left, self.right)
            yield from drawn(self.left)
        scene.frame_set(1 + self.frames // 2)
        yield from self.photographed("trial_takes.png", self.left, "speak", "takes")

    def blinks_are_resampled(self) -> Iterator[None]:
        """Sample new blinks for the timeline's preview range, the second half; the rest stays bit-identical."""
        scene, half = self.scene, 1 + self.frames // 2
        settings = settings_of(scene)
        settings.active_take = 0
        settings.takes_wanted, settings.renew, settings.range_kind = 1, {"blink"}, "PREVIEW"
        scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, half, scene.frame_end
        yield from self.pressed(operators.soliloquy.resample)
        yield from self.idle()
        assert len(settings.takes) == 4
        first, new = (np.load(settings.takes[index].path() / "motion.npz") for index in (0, 3))
        channels = self.extension("core.motion.channels")
        blinks = channels.GROUPS["blink"]
        others = [index for index, name in enumerate(channels.EXPRESSIONS) if name not in blinks]
        assert not np.array_equal(first["expression"][half - 1 :], new["expression"][half - 1 :])
        assert np.array_equal(first["expression"][: half - 1], new["expression"][: half - 1])
        assert np.array_equal(first["expression"][:, others], new["expression"][:, others])
        assert np.array_equal(first["rotation"], new["rotation"])
        yield from self.photographed("trial_resample.png", self.left, "takes", "resample")
        scene.use_preview_range = False

    def takes_are_baked(self) -> Iterator[None]:
        """Bake on the head of this face, on the example's ARKit shapes and on a Rigify rig, all with one button."""
        scene = self.scene
        settings = settings_of(scene)
        yield from self.pressed(operators.soliloquy.add_head)
        yield from self.idle()
        yield from wait(2.0)
        head = settings.targets[0].thing
        skin = next(child for child in head.children if child.type == "MESH")
        with bpy.context.temp_override(window=window(), area=self.right, region=region_of(self.right)):
            for thing in (arkit_face(skin), rigify_rig()):
                settings.targets.add().thing = thing
        for operator in (operators.soliloquy.bake, operators.soliloquy.check_moves):
            yield from self.reported(operator)
        key = settings.takes[settings.active_take].key
        assert len(self.addon("animation.nla").tracks_of(key)) == 3
        self.addon("scene.stage").camera_and_light(scene, (-0.5, 0.0, -0.2), (0.5, 0.0, 0.2))
        scene.frame_set(1 + self.frames // 2)
        space_of(self.right).region_3d.view_perspective = "CAMERA"
        yield from drawn(self.left, self.right)
        frame_views(self.left, self.right)
        yield from drawn(self.right)
        yield from self.photographed("trial_bake.png", self.right, "targets")

    def curves_are_edited_and_rendered(self) -> Iterator[None]:
        """Raise the brows by hand in the middle and render that: the result is a new take."""
        scene = self.scene
        settings, compat = settings_of(scene), self.addon("compat")
        rig = settings.targets[0].thing
        operators.object.select_all(action="DESELECT")
        yield from self.pressed(operators.soliloquy.edit_curves)
        yield from wait(1.0)
        action = rig.animation_data.action
        curves = [curve for curve in compat.action_fcurves(action) if "browInnerUp" in curve.data_path]
        assert len(curves) == 2, [curve.data_path for curve in compat.action_fcurves(action)][:5]
        for curve in curves:
            start, middle, end = (1 + self.frames * k // 4 for k in (1, 2, 3))
            ends = [(frame, curve.evaluate(frame)) for frame in (start, end)]
            for key in reversed([key for key in curve.keyframe_points if start <= key.co.x <= end]):
                curve.keyframe_points.remove(key)
            for frame, value in (*ends, (middle, 0.9)):
                curve.keyframe_points.insert(frame, value)
            curve.update()
        self.right.type = "GRAPH_EDITOR"
        space_of(self.right).dopesheet.filter_text = "brow"
        yield from drawn(self.right)
        with bpy.context.temp_override(window=window(), area=self.right, region=region_of(self.right)):
            operators.graph.view_all()
            assert len(bpy.context.visible_fcurves) >= 2, "the brows' curves are not visible"
        yield from photograph(self.chosen.out / "trial_curves.png", self.right)
        self.right.type = "VIEW_3D"
        with bpy.context.temp_override(window=window(), area=self.right, region=region_of(self.right)):
            if scene.is_nla_tweakmode:
                operators.nla.tweakmode_exit()
        count, jobs = len(settings.takes), self.addon("jobs.jobs")
        edited = settings.takes[settings.active_take].path()
        yield from self.pressed(operators.soliloquy.render_curves)
        yield from until(lambda: jobs.current() is not None, 120)  # the curves are read first
        yield from self.idle()
        assert len(settings.takes) == count + 1, jobs.last_message()
        print(f"    {settings.takes[-1].note}", flush=True)
        channels = self.extension("core.motion.channels").EXPRESSIONS
        before, after = (np.load(path / "motion.npz")["expression"] for path in (edited, settings.takes[-1].path()))
        moved = {channels[index] for index in np.nonzero((before != after).any(axis=0))[0]}
        assert moved == {"browInnerUp_L", "browInnerUp_R"}, moved
        scene.frame_set(1 + self.frames // 2)
        for _ in range(2):
            frame_views(self.left, self.right)
            yield from drawn(self.left, self.right)
        yield from self.photographed("trial_rendered.png", self.left, "takes")
        bpy.ops.wm.save_as_mainfile(filepath=str(self.chosen.out / "trial.blend"))

    # ---------------------------------------------------------------------------------------------------------- helpers
    def extension(self, module: str) -> Any:
        """A module of the extension, in whichever repository Blender has installed it."""
        package = next(name for name in preferences().addons.keys() if name.endswith(".soliloquy"))  # noqa: SIM118
        return importlib.import_module(f"{package}.{module}")

    def addon(self, module: str) -> Any:
        """A module of the extension's folder ``addon``."""
        return self.extension(f"addon.{module}")

    def preferences_are_open(self) -> Iterator[None]:
        """Turn the biggest editor into the preferences."""
        area = max(there(window().screen, "screen").areas, key=lambda area: area.width * area.height)
        area.type = "PREFERENCES"
        yield
        self.shown = [area]

    def pressed(self, operator: Any) -> Iterator[None]:
        """Call an operator as its button does."""
        with bpy.context.temp_override(window=window(), area=self.right, region=region_of(self.right)):
            assert operator.poll(), operator
            result = operator("INVOKE_DEFAULT", True)
        assert result & {"RUNNING_MODAL", "FINISHED"}, result
        yield

    def reported(self, operator: Any) -> Iterator[None]:
        """Press a button and wait until the panel shows a new message, which must not be an error."""
        jobs = self.addon("jobs.jobs")
        before = jobs.last_message()
        yield from self.pressed(operator)
        yield from until(lambda: jobs.last_message() != before, 600)
        self.check_message()

    def idle(self) -> Iterator[None]:
        """Wait until the job has ended, which must not be with an error."""
        jobs = self.addon("jobs.jobs")
        yield from until(lambda: jobs.current() is None, 1200)
        self.check_message()

    def check_message(self) -> None:
        """Print the panel's message; fails if it is an error."""
        message, bad = self.addon("jobs.jobs").last_message()
        print(f"    {message}", flush=True)
        assert not bad, message

    def photographed(self, name: str, area: bpy.types.Area, *panels: str) -> Iterator[None]:
        """Photograph an editor with some of our panels."""
        yield from photograph(self.chosen.out / name, area, *panels)


def all_steps(trial: Trial) -> Iterator[None]:
    """Run the steps in order; print the time of each, and the longest time that it kept Blender's timer waiting."""
    installing = (trial.zip_is_dropped, trial.runtime_is_installed)
    working = (
        trial.doctor_is_asked,
        trial.takes_are_made,
        trial.blinks_are_resampled,
        trial.takes_are_baked,
        trial.curves_are_edited_and_rendered,
    )
    for step in working if trial.chosen.installed else (*installing, *working):
        started, longest = time.monotonic(), 0.0
        try:
            for _ in step():
                before = time.monotonic()
                yield
                longest = max(longest, time.monotonic() - before)
        except Exception:  # noqa: BLE001 - the trial ends with an exception of any kind
            traceback.print_exc()
            print(f"FAILED {step.__name__}", flush=True)
            return
        spent = time.monotonic() - started
        print(f"STEP {step.__name__} {spent:.1f} s, longest wait for Blender {longest * 1000:.0f} ms", flush=True)
    print("ENDED", flush=True)


def main() -> None:
    """Start the timer."""
    preferences().view.show_splash = False
    run(all_steps(Trial(options())), TICK)


main()
