"""Enabling, using and disabling the add-on leaves nothing behind, and the search for leaks does find leaks."""

import atexit
import subprocess
import sys
import threading
from pathlib import Path

import bpy
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "blender"))

import leaks
from soliloquy.addon.jobs import jobs
from soliloquy.addon.scene import request
from soliloquy.addon.sequencer import speech


@pytest.fixture
def before(scene):
    """The state of Blender without the add-on, which is registered again afterwards."""
    extension = sys.modules["soliloquy"]
    leaks.watch()
    extension.unregister()
    yield leaks.picture()
    extension.register()


def test_the_addon_leaves_nothing(before, sound, portrait, tmp_path):
    extension = sys.modules["soliloquy"]
    for _ in range(2):
        extension.register()
        scene = bpy.context.scene
        scene.soliloquy.output_dir, scene.soliloquy.portrait_file = str(tmp_path / "out"), str(portrait("slow"))
        spoken = speech.Speech(sound, 0.0, None, 1, "", 1)
        jobs.start(request.request_for(scene, spoken), "Generate", scene, spoken)
        while not jobs.current().share:
            jobs.current().poll()
        assert leaks.children(), "a worker runs"
        extension.unregister()
        assert leaks.leaked(before) == {}


def test_each_kind_of_leak_is_found(before):
    """Otherwise the test above would prove nothing."""

    class SOLILOQUY_OT_forgotten(bpy.types.Operator):
        bl_idname, bl_label = "soliloquy.forgotten", "Forgotten"

        def execute(self, _context):
            return {"FINISHED"}

    def forgotten(*_):
        return 1000.0

    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="forgotten", daemon=True)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    bpy.utils.register_class(SOLILOQUY_OT_forgotten)
    bpy.types.Scene.forgotten = bpy.props.IntProperty()
    bpy.app.handlers.load_post.append(forgotten)
    bpy.app.timers.register(forgotten)
    bpy.types.VIEW3D_MT_object.append(forgotten)
    atexit.register(forgotten)
    thread.start()
    try:
        found = leaks.leaked(before, seconds=0.0)
    finally:
        stop.set()
        process.communicate()
        atexit.unregister(forgotten)
        bpy.types.VIEW3D_MT_object.remove(forgotten)
        bpy.app.timers.unregister(forgotten)
        bpy.app.handlers.load_post.remove(forgotten)
        del bpy.types.Scene.forgotten
        bpy.utils.unregister_class(SOLILOQUY_OT_forgotten)
    assert set(found) == set(before), set(before) - set(found)
    assert leaks.leaked(before) == {}
