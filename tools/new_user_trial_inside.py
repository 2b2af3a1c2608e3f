"""Inside Blender's window: what a new user does, from the zip to frames of edited curves, each step photographed.

For ``tools/new_user_trial.py``. Prints ``STEP name seconds``, with the longest wait between two turns of a timer
meanwhile, and ``ENDED`` when all steps were done.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from example_blend import arkit_face, rigify_rig
from window_pictures import arrange, drawn, editors, frame_views, photograph, region_of, run, two_editors, window

TICK = 0.02


def options() -> argparse.Namespace:
    """What follows ``--`` on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("zip", "wheels", "audio", "portrait", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of the speech that are spoken")
    parser.add_argument("--installed", action="store_true", help="zip and runtime are there from an earlier trial")
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


class Trial:
    """The steps, in order. ``left`` and ``right`` are the two editors once they are there."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.frames = round(25 * chosen.seconds)
        self.left: bpy.types.Area | None = None
        self.right: bpy.types.Area | None = None

    # ------------------------------------------------------------------------------------------------------- installing
    def zip_is_dropped(self) -> Iterator[None]:
        """The zip dropped onto the window: Blender asks, Enter answers."""
        assert not bpy.app.online_access
        yield from self.looked_at("PREFERENCES")
        area = self.left
        window().cursor_warp(area.x + area.width // 2, area.y + area.height // 2)
        yield from wait(0.5)
        with bpy.context.temp_override(window=window(), area=area, region=region_of(area)):
            bpy.ops.extensions.package_install_files("INVOKE_DEFAULT", url=str(self.chosen.zip))
        yield from drawn(area)
        yield from wait(1.0)
        yield from photograph(self.chosen.out / "trial_drop.png", area)
        for value in ("PRESS", "RELEASE"):
            window().event_simulate(type="RET", value=value)
            yield
        yield from until(lambda: hasattr(bpy.types.Scene, "soliloquy"), 60)

    def runtime_is_installed(self) -> Iterator[None]:
        """Preferences > Add-ons > Soliloquy: the wheels chosen, the button pressed, without network."""
        preferences = self.addon("properties.preferences")
        stored = bpy.context.preferences.addons[preferences.ROOT_PACKAGE].preferences
        bpy.context.preferences.active_section = "ADDONS"
        bpy.context.window_manager.addon_search = "Soliloquy"
        bpy.ops.preferences.addon_expand(module=preferences.ROOT_PACKAGE)
        assert not bpy.ops.soliloquy.install_runtime.poll(), "there is neither network nor a folder of wheels"
        yield from drawn(self.left)
        yield from photograph(self.chosen.out / "trial_preferences.png", self.left)
        stored.wheels_folder = str(self.chosen.wheels)
        yield from self.pressed(bpy.ops.soliloquy.install_runtime)
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
        assert preferences.worker_python() is not None
        yield from drawn(self.left)
        yield from photograph(self.chosen.out / "trial_installed.png", self.left)

    # ---------------------------------------------------------------------------------------------------------- working
    def doctor_is_asked(self) -> Iterator[None]:
        """A new file with sequencer and viewport; every finding is good."""
        if self.left is not None:
            self.left.type = "VIEW_3D"  # it showed the preferences
            yield
        bpy.ops.wm.read_homefile(load_ui=False, use_empty=True)
        yield
        yield from two_editors()
        self.left, self.right = editors()
        self.left.type = "SEQUENCE_EDITOR"
        yield
        scene = window().scene
        scene.render.fps, scene.render.fps_base = 25, 1.0
        scene.view_settings.view_transform = "Standard"
        scene.soliloquy.output_dir = str(self.chosen.out / "takes")
        arrange(self.left, self.right)
        yield from drawn(self.left)
        yield from self.pressed(bpy.ops.soliloquy.doctor)
        yield from self.idle()
        doctor, findings = self.addon("jobs.doctor"), self.addon("operators.doctor").findings()
        print(doctor.report(findings), flush=True)
        assert not [finding for finding in findings if finding.level == doctor.BAD]
        yield from self.photographed("trial_doctor.png", self.right, "doctor")

    def takes_are_made(self) -> Iterator[None]:
        """Sound strip and photograph in, three takes out."""
        scene = window().scene
        sound = {"filepath": str(self.chosen.audio), "frame_start": 1, "channel": 1}
        if "move_strips" in bpy.ops.sequencer.sound_strip_add.get_rna_type().properties:
            sound["move_strips"] = False  # else it hangs on the mouse until a click
        with bpy.context.temp_override(window=window(), area=self.left, region=region_of(self.left)):
            bpy.ops.sequencer.sound_strip_add(**sound)
        compat = self.addon("compat")
        compat.set_handles(scene.sequence_editor.active_strip, 1, 1 + self.frames)
        scene.frame_end = self.frames
        settings = scene.soliloquy
        settings.portrait_image = bpy.data.images.load(str(self.chosen.portrait))
        settings.takes_wanted, settings.seed, settings.size = 3, 7, "256"
        yield from self.pressed(bpy.ops.soliloquy.generate)
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
        """New blinks for the second half, by the timeline's preview range; the rest stays to the bit."""
        scene, half = window().scene, 1 + self.frames // 2
        settings = scene.soliloquy
        settings.active_take = 0
        settings.takes_wanted, settings.renew, settings.range_kind = 1, {"blink"}, "PREVIEW"
        scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, half, scene.frame_end
        yield from self.pressed(bpy.ops.soliloquy.resample)
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
        """The head of this face, the example's ARKit shapes and a Rigify rig, all with one button."""
        settings = window().scene.soliloquy
        yield from self.pressed(bpy.ops.soliloquy.add_head)
        yield from self.idle()
        yield from wait(2.0)
        head = settings.targets[0].thing
        skin = next(child for child in head.children if child.type == "MESH")
        with bpy.context.temp_override(window=window(), area=self.right, region=region_of(self.right)):
            for thing in (arkit_face(skin), rigify_rig()):
                settings.targets.add().thing = thing
        for operator in (bpy.ops.soliloquy.bake, bpy.ops.soliloquy.check_moves):
            yield from self.told(operator)
        key = settings.takes[settings.active_take].key
        assert len(self.addon("animation.nla").tracks_of(key)) == 3
        light_and_camera(window().scene)
        window().scene.frame_set(1 + self.frames // 2)
        self.right.spaces.active.region_3d.view_perspective = "CAMERA"
        yield from drawn(self.left, self.right)
        frame_views(self.left, self.right)
        yield from drawn(self.right)
        yield from self.photographed("trial_bake.png", self.right, "targets")

    def curves_are_edited_and_rendered(self) -> Iterator[None]:
        """The brows raised by hand in the middle; what came of it is a take of its own."""
        scene = window().scene
        settings, compat = scene.soliloquy, self.addon("compat")
        rig = settings.targets[0].thing
        bpy.ops.object.select_all(action="DESELECT")
        yield from self.pressed(bpy.ops.soliloquy.edit_curves)
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
        self.right.spaces.active.dopesheet.filter_text = "brow"
        yield from drawn(self.right)
        with bpy.context.temp_override(window=window(), area=self.right, region=region_of(self.right)):
            bpy.ops.graph.view_all()
            assert len(bpy.context.visible_fcurves) >= 2, "the brows' curves are seen"
        yield from photograph(self.chosen.out / "trial_curves.png", self.right)
        self.right.type = "VIEW_3D"
        with bpy.context.temp_override(window=window(), area=self.right, region=region_of(self.right)):
            bpy.ops.nla.tweakmode_exit() if scene.is_nla_tweakmode else None
        count, jobs = len(settings.takes), self.addon("jobs.jobs")
        edited = settings.takes[settings.active_take].path()
        yield from self.pressed(bpy.ops.soliloquy.render_curves)
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

    # ------------------------------------------------------------------------------------------------------------ hands
    def extension(self, module: str):
        """A module of the extension, in whichever repository Blender put it."""
        package = next(name for name in bpy.context.preferences.addons.keys() if name.endswith(".soliloquy"))  # noqa: SIM118
        return importlib.import_module(f"{package}.{module}")

    def addon(self, module: str):
        """A module of its side of Blender."""
        return self.extension(f"addon.{module}")

    def looked_at(self, kind: str) -> Iterator[None]:
        """The biggest editor shows this."""
        area = max(window().screen.areas, key=lambda area: area.width * area.height)
        area.type = kind
        yield
        self.left = area

    def pressed(self, operator) -> Iterator[None]:
        """Call an operator as its button does."""
        area = self.right or self.left
        with bpy.context.temp_override(window=window(), area=area, region=region_of(area)):
            assert operator.poll(), operator
            result = operator("INVOKE_DEFAULT", True)
        assert result & {"RUNNING_MODAL", "FINISHED"}, result
        yield

    def told(self, operator) -> Iterator[None]:
        """Press a button and wait until the panel says how that went; it must be good news."""
        jobs = self.addon("jobs.jobs")
        before = jobs.last_message()
        yield from self.pressed(operator)
        yield from until(lambda: jobs.last_message() != before, 600)
        self.good_news()

    def idle(self) -> Iterator[None]:
        """Until the job has ended, well."""
        jobs = self.addon("jobs.jobs")
        yield from until(lambda: jobs.current() is None, 1200)
        self.good_news()

    def good_news(self) -> None:
        """What the panel says."""
        message, bad = self.addon("jobs.jobs").last_message()
        print(f"    {message}", flush=True)
        assert not bad, message

    def photographed(self, name: str, area: bpy.types.Area, *panels: str) -> Iterator[None]:
        """A picture of an editor with some of our panels."""
        yield from photograph(self.chosen.out / name, area, *panels)


def light_and_camera(scene: bpy.types.Scene) -> None:
    """What the example's scene has."""
    from demo_blender import light_and_camera as add

    add(scene)
    scene.camera.location.y = -1.6


def wait(seconds: float) -> Iterator[None]:
    """Let Blender work."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def until(condition: Callable[[], bool], seconds: float) -> Iterator[None]:
    """Until something holds; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        yield


def all_steps(trial: Trial) -> Iterator[None]:
    """Each step to its end, with its time and the longest time that Blender's timer was kept waiting."""
    installing = (trial.zip_is_dropped, trial.runtime_is_installed)
    working = (
        *(trial.doctor_is_asked, trial.takes_are_made, trial.blinks_are_resampled),
        *(trial.takes_are_baked, trial.curves_are_edited_and_rendered),
    )
    for step in working if trial.chosen.installed else installing + working:
        started, longest = time.monotonic(), 0.0
        try:
            for _ in step():
                before = time.monotonic()
                yield
                longest = max(longest, time.monotonic() - before)
        except Exception:  # noqa: BLE001 - whatever it is, the trial ends with it
            traceback.print_exc()
            print(f"FAILED {step.__name__}", flush=True)
            return
        spent = time.monotonic() - started
        print(f"STEP {step.__name__} {spent:.1f} s, longest wait for Blender {longest * 1000:.0f} ms", flush=True)
    print("ENDED", flush=True)


def main() -> None:
    """Start the timer."""
    bpy.context.preferences.view.show_splash = False
    run(all_steps(Trial(options())), TICK)


main()
