"""Cases for ``blender -b`` with the installed zip: operators, sync, bake, save and reload, broken workers.

Run by ``tests/blender/run.py``; the worker is the scripted one unless a case says otherwise.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
import numpy as np
from harness import PACKAGE, addon, folder, is_gone, ready_scene, run_cases


def extension_is_installed_and_clean():
    assert not any(name.split(".")[0] in {"torch", "mediapipe", "cv2", "core", "addon"} for name in sys.modules), (
        "nothing heavy and no top-level module of ours in Blender"
    )
    assert bpy.ops.soliloquy.generate.get_rna_type() is not None
    assert bpy.types.Scene.bl_rna.properties["soliloquy"] is not None


def disable_and_enable_again():
    package = addon("places").ROOT_PACKAGE
    bpy.ops.preferences.addon_disable(module=package)
    assert not hasattr(bpy.types.Scene, "soliloquy")
    bpy.ops.preferences.addon_enable(module=package)
    assert bpy.context.scene.soliloquy.seed == 0


def preferences_are_found_under_the_extensions_package():
    preferences = addon("properties.preferences")
    stored = bpy.context.preferences.addons[preferences.ROOT_PACKAGE].preferences
    stored.device = "cpu"
    assert preferences.device() == "cpu"
    stored.device = "auto"
    assert preferences.user_folder().is_absolute()


def a_restorer_is_named_in_the_preferences_only():
    preferences, requests = addon("properties.preferences"), addon("scene.request")
    stored = bpy.context.preferences.addons[preferences.ROOT_PACKAGE].preferences
    scene, _ = ready_scene()
    program = folder("programs") / "restore me"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    bpy.ops.wm.save_as_mainfile(filepath=str(program.parent / "talk.blend"))
    scene.soliloquy.restore = True
    try:
        assert requests.generate_request(scene)[0].restorer == ()
        stored.restorer_program = str(program)
        assert requests.generate_request(scene)[0].restorer == (str(program), "{in}", "{out}")
        stored.restorer_program = "//restore me"
        assert "There is no restorer" in preferences.why_no_restorer(), "not what lies next to a .blend"
    finally:
        stored.restorer_program = ""
    view = bpy.context.preferences.view
    view.language, view.use_translate_interface = "de_DE", True
    try:
        assert bpy.app.translations.pgettext_iface("Restore Frames") == "Bilder restaurieren"
    finally:
        view.language = "en_US"


def the_interface_speaks_blenders_language():
    words, view = addon("words"), bpy.context.preferences.view
    look_up = bpy.app.translations.pgettext_iface
    assert words.say("Takes found: {count}", count=2) == "Takes found: 2"
    view.language = "de_DE"
    view.use_translate_interface = view.use_translate_tooltips = True
    try:
        assert words.say("Takes found: {count}", count=2) == "Gefundene Takes: 2"
        assert look_up("Does It Move?", "Operator") == "Bewegt es sich?", "the name of an operator"
        assert look_up("Temperament") == "Temperament" and look_up("Eyes on Camera") == "Blick zur Kamera"
        assert not bpy.ops.soliloquy.unbake.poll()
        try:
            bpy.ops.soliloquy.look_at_camera()
        except RuntimeError as error:
            assert "Es ist kein Ziel gewählt" in str(error), error
    finally:
        view.language = "en_US"
    assert words.say("Takes found: {count}", count=2) == "Takes found: 2"


def menus_and_status_bar_have_their_entries_once():
    for menu in (
        *("VIEW3D_MT_object", "SEQUENCER_MT_strip", "SEQUENCER_MT_context_menu"),
        *("TOPBAR_MT_file_import", "TOPBAR_MT_file_export"),
    ):
        drawn = [draw for draw in getattr(bpy.types, menu).draw._draw_funcs if draw.__module__.startswith(PACKAGE)]
        assert len(drawn) == 1, menu
    bar = bpy.types.STATUSBAR_HT_header.draw._draw_funcs
    assert sum(draw.__module__.startswith(PACKAGE) for draw in bar) == 1


def takes_of_a_trimmed_strip_land_above_it():
    compat, strips = addon("compat"), addon("sequencer.strips")
    scene, sound = ready_scene()
    compat.set_handles(sound, 21, 46)
    scene.soliloquy.takes_wanted, scene.soliloquy.seed = 2, 5
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    takes = scene.soliloquy.takes
    assert [(take.seed, take.frame_count, round(take.audio_start, 3)) for take in takes] == [(5, 25, 0.4), (6, 25, 0.4)]
    for take in takes:
        strip = strips.find_strip(scene, take.image_strip)
        assert (compat.left_handle(strip), compat.right_handle(strip)) == (21, 46)
        assert strip.channel > sound.channel


def pictures_and_sound_are_in_sync():
    """At the time of the mixdown's click, the rendered sequencer must show the take's frame of that time."""
    compat = addon("compat")
    for rate in (24, 25, 30, 60):
        scene, sound = ready_scene(frame=7)
        scene.render.fps = rate
        compat.set_handles(sound, compat.left_handle(sound) + 5, compat.right_handle(sound))
        bpy.ops.soliloquy.generate()
        scene.frame_start, scene.frame_end = 1, 7 + 2 * rate
        heard = 1 + click_time(scene) * rate  # scene frame, fractional
        take = scene.soliloquy.takes[0]
        # The click is at 1 s of the file; this is its time after the take's start:
        wanted = (1.0 - take.audio_start) * 25
        shown = rendered_take_frame(scene, int(heard + 0.01))
        error = (shown - wanted) / 25
        print(f"rate {rate}: click heard at scene frame {heard:.2f}, picture off by {error * 1000:+.0f} ms")
        assert abs(error) <= 0.04 + 0.5 / rate, (rate, shown, wanted)
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        bpy.context.scene.soliloquy.output_dir = str(folder("out"))


def click_time(scene) -> float:
    """Seconds from the scene's first frame to the click in Blender's own mixdown."""
    path = folder("mix") / "mix.wav"
    addon("compat").mixdown(scene, path)
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        samples = np.abs(samples.reshape(-1, file.getnchannels())[:, 0].astype(float))
        rate = file.getframerate()
    return float(np.argmax(samples > samples.max() / 2)) / rate


def rendered_take_frame(scene, frame: int) -> int:
    """Index of the take's frame that the sequencer shows, read from its colour."""
    path = folder("still") / "still.png"
    render = scene.render
    render.resolution_x = render.resolution_y = 32
    scene.view_settings.view_transform = "Standard"
    render.image_settings.file_format, render.filepath = "PNG", str(path)
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    pixels = np.array(image.pixels[:]).reshape(32, 32, -1)
    bpy.data.images.remove(image)
    red, green, _ = np.round(pixels[16, 16, :3] * 255).astype(int)
    return int(red + 256 * green)


def poses_are_timed_by_the_strip():
    """Trimmed and at another rate; German buttons; saved with the file."""
    scene, sound = ready_scene()
    scene.render.fps = 50
    addon("compat").set_handles(sound, 21, 81)
    performance = scene.soliloquy.performance
    for frame in (71, 46):
        scene.frame_set(frame)
        assert bpy.ops.soliloquy.add_pose() == {"FINISHED"}
    performance.poses[performance.active_pose].angles = (0.0, 0.2, 0.0)
    wanted = [(0.5, 11.459), (1.0, 0.0)]
    assert [(pose.seconds, pose.yaw) for pose in performance.style().poses] == wanted
    scene.frame_set(20)
    try:
        bpy.ops.soliloquy.add_pose()
        raise AssertionError("before the speech")
    except RuntimeError as error:
        assert "21" in str(error), error
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    path = folder("blend") / "poses.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    performance = bpy.context.scene.soliloquy.performance
    assert [(pose.seconds, pose.yaw) for pose in performance.style().poses] == wanted
    assert bpy.ops.soliloquy.remove_pose() == {"FINISHED"} and len(performance.poses) == 1


def a_packed_sound_is_spoken():
    scene, sound = ready_scene()
    path = Path(bpy.path.abspath(sound.sound.filepath))
    sound.sound.pack()
    path.unlink()
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    assert list((Path(scene.soliloquy.output_dir) / "inputs").glob("*.wav"))


def resample_and_place_again():
    compat = addon("compat")
    scene, sound = ready_scene()
    bpy.ops.soliloquy.generate()
    bpy.ops.soliloquy.resample()
    assert len({take.seed for take in scene.soliloquy.takes}) == 2
    compat.move_content(sound, 100)
    bpy.ops.soliloquy.place_take()
    starts = sorted(compat.left_handle(s) for s in compat.all_strips(scene) if s.type == "IMAGE")
    assert starts == [11, 111]


def head_and_bake_move_after_reload():
    scene, _ = ready_scene()
    bpy.ops.soliloquy.generate()
    bpy.ops.soliloquy.add_head()
    bpy.ops.soliloquy.bake()
    path = folder("blend") / "talk.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    scene = bpy.context.scene
    rig = scene.soliloquy.targets[0].thing
    action = next(addon("animation.nla").tracks_on(rig)).action
    curves = addon("compat").action_fcurves(action)
    assert len(curves) == 73 and all(1 <= len(curve.keyframe_points) <= 50 for curve in curves)
    assert {curve.keyframe_points[0].co.x for curve in curves} == {11.0}
    skin = next(child for child in rig.children if child.type == "MESH")
    tips, jaws = [], []
    for frame in (11, 20, 30, 40):
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        tips.append(rig.evaluated_get(graph).pose.bones["head"].tail.copy())
        jaws.append(skin.evaluated_get(graph).data.shape_keys.key_blocks["jawOpen"].value)
    assert max((a - b).length for a in tips for b in tips) > 0.005
    assert max(jaws) - min(jaws) > 0.3


def a_body_action_survives_the_bake():
    scene, _ = ready_scene()
    bpy.ops.soliloquy.generate()
    bpy.ops.soliloquy.add_head()
    rig = scene.soliloquy.targets[0].thing
    rig.location = (1, 2, 3)
    rig.keyframe_insert("location", frame=5)
    mine = rig.animation_data.action
    bpy.ops.soliloquy.bake()
    assert rig.animation_data.action == mine
    assert len(addon("compat").action_fcurves(mine)) == 3
    scene.frame_set(20)
    graph = bpy.context.evaluated_depsgraph_get()
    moved = rig.evaluated_get(graph)
    assert moved["jawOpen"] > 0.01 and tuple(moved.location) == (1, 2, 3)


def a_worker_killed_in_mid_job_is_an_error_and_the_next_job_works():
    scene, _ = ready_scene("held")
    jobs = addon("jobs.jobs")
    killed = []

    def kill_soon():
        end = time.monotonic() + 20
        while time.monotonic() < end and not killed:
            pid, job = jobs.worker_pid(), jobs.current()
            if pid and job and job.share > 0:
                killed.append(pid)
                os.kill(pid, 9)
            time.sleep(0.02)

    thread = threading.Thread(target=kill_soon)
    thread.start()
    try:
        bpy.ops.soliloquy.generate()
        raise AssertionError("the operator should have failed")
    except RuntimeError as error:
        assert "stopped unexpectedly" in str(error), error
    thread.join()
    assert killed and is_gone(killed[0]) and jobs.current() is None
    assert "killed" in jobs.last_message()[0] and jobs.last_message()[1]
    scene.soliloquy.portrait_file = ready_scene()[0].soliloquy.portrait_file
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}


def opening_a_file_in_mid_job_ends_the_worker():
    ready_scene("held")
    jobs, requests = addon("jobs.jobs"), addon("scene.request")
    request, spoken = requests.generate_request(bpy.context.scene)
    job = jobs.start(request, "Generate", bpy.context.scene, spoken)
    pid = jobs.worker_pid()
    while not job.share:
        job.poll()
        time.sleep(0.01)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert is_gone(pid) and jobs.current() is None


def no_worker_is_left_when_blender_quits():
    """The runner checks that this process ends with Blender."""
    ready_scene("held")
    jobs, requests = addon("jobs.jobs"), addon("scene.request")
    request, spoken = requests.generate_request(bpy.context.scene)
    job = jobs.start(request, "Generate", bpy.context.scene, spoken)
    while not job.share:
        job.poll()
        time.sleep(0.01)
    print(f"LEFT {jobs.worker_pid()}", flush=True)


run_cases(
    [
        extension_is_installed_and_clean,
        preferences_are_found_under_the_extensions_package,
        disable_and_enable_again,
        a_restorer_is_named_in_the_preferences_only,
        the_interface_speaks_blenders_language,
        menus_and_status_bar_have_their_entries_once,
        takes_of_a_trimmed_strip_land_above_it,
        pictures_and_sound_are_in_sync,
        poses_are_timed_by_the_strip,
        a_packed_sound_is_spoken,
        resample_and_place_again,
        head_and_bake_move_after_reload,
        a_body_action_survives_the_bake,
        a_worker_killed_in_mid_job_is_an_error_and_the_next_job_works,
        opening_a_file_in_mid_job_ends_the_worker,
        no_worker_is_left_when_blender_quits,
    ]
)
