"""The smoke list of `tools/matrix.py`, in any Blender or bpy wheel: each step prints ``STEP name ok`` or why it failed.

    [blender -b --python] tests/blender/smoke.py

Installs the zip that SOLILOQUY_ZIP names with Blender's own installer, uses it as a user would, and removes it. The
worker is the scripted one (SOLILOQUY_PYTHON).
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
import leaks
from harness import PACKAGE, addon, click_sound, folder, fresh_file, picture


def scene():
    return bpy.context.scene


def install():
    bpy.ops.preferences.addon_enable(module="bl_pkg")
    bpy.ops.extensions.package_install_files(
        repo="user_default", filepath=os.environ["SOLILOQUY_ZIP"], enable_on_install=True
    )
    assert hasattr(bpy.types.Scene, "soliloquy")
    fresh_file()


def generate():
    out = scene().soliloquy.output_dir
    arguments = ["--audio", str(click_sound()), "--portrait", str(picture()), "--out", out, "--takes", "2"]
    assert addon("commands.cli").run(arguments) == 0
    assert [take.status for take in scene().soliloquy.takes] == ["READY", "READY"]


def resample_range():
    settings = scene().soliloquy
    settings.takes_wanted, settings.renew, settings.range_kind = 1, {"blink"}, "FRAMES"
    settings.range_first, settings.range_last = 20, 30
    assert bpy.ops.soliloquy.resample() == {"FINISHED"}
    assert len(settings.takes) == 3 and "frames 20–30" in settings.takes[2].note


def bake_three_rigs():
    assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
    for thing in (arkit_face(), bone_rig()):
        scene().soliloquy.targets.add().thing = thing
    assert bpy.ops.soliloquy.bake() == {"FINISHED"}
    assert len(addon("animation.nla").tracks_of(active().key)) == 3
    assert bpy.ops.soliloquy.check_moves() == {"FINISHED"}
    message, bad = addon("jobs.jobs").last_message()
    assert not bad, message


def arkit_face():
    mesh = bpy.data.meshes.new("face")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    face = bpy.data.objects.new("face", mesh)
    scene().collection.objects.link(face)
    for name in ("Basis", *addon("rig.arkit").SHAPE_NAMES):
        face.shape_key_add(name=name).value = 0.0
    return face


def bone_rig():
    rig = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    scene().collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, height in (("Neck", 1.5), ("Head", 1.6), ("Jaw", 1.62)):
        bone = rig.data.edit_bones.new(name)
        bone.head, bone.tail = (0, 0, height), (0, -0.05, height + 0.1)
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def active():
    return addon("scene.take_list").active_take(scene())


def bake_again():
    before = sorted(action.name for action in bpy.data.actions)
    assert bpy.ops.soliloquy.bake() == {"FINISHED"}
    assert sorted(action.name for action in bpy.data.actions) == before


def style():
    active().style.head = 0.5
    active().style.way_in = 0.2
    bpy.ops.soliloquy.reset_style()


def render_from_curves():
    assert bpy.ops.soliloquy.render_curves() == {"FINISHED"}
    assert scene().soliloquy.takes[-1].note.endswith("unedited"), scene().soliloquy.takes[-1].note


def save_and_reload():
    path = folder("blend") / "talk.blend"
    keys = [take.key for take in scene().soliloquy.takes]
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    assert [take.key for take in scene().soliloquy.takes] == keys
    assert len(addon("animation.nla").tracks_of(active().key)) == 3


def remove_bakes():
    for take in scene().soliloquy.takes:
        addon("scene.takes").unbake(take.key)
    assert not bpy.data.actions, [action.name for action in bpy.data.actions]


def disable_and_enable():
    """Enable and disable twice while the worker runs: the second time leaves no more than the first."""
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    leaks.watch()
    before = leaks.picture()
    assert not hasattr(bpy.types.Scene, "soliloquy")
    left = [name for name in before["classes"] | before["handlers"] | before["threads"] if "soliloquy" in name.lower()]
    assert not left, left
    assert not before["processes"], before["processes"]
    for _ in range(2):
        bpy.ops.preferences.addon_enable(module=PACKAGE)
        bpy.ops.soliloquy.doctor()
        assert leaks.children(), "the doctor has started a worker"
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        left = leaks.leaked(before)
        assert not left, left
    bpy.ops.preferences.addon_enable(module=PACKAGE)


def uninstall():
    index = next(i for i, repo in enumerate(bpy.context.preferences.extensions.repos) if repo.module == "user_default")
    bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="soliloquy")
    assert not hasattr(bpy.types.Scene, "soliloquy")


STEPS = (
    *(install, generate, resample_range, bake_three_rigs, bake_again, style, render_from_curves, save_and_reload),
    *(remove_bakes, disable_and_enable, uninstall),
)


def main() -> None:
    print(f"VERSION {bpy.app.version_string}, Python {sys.version.split()[0]}", flush=True)
    for step in STEPS:
        try:
            step()
            print(f"STEP {step.__name__} ok", flush=True)
        except Exception:  # noqa: BLE001 - whatever it is, it is this step's result
            print(f"STEP {step.__name__} {traceback.format_exc().strip().splitlines()[-1]}", flush=True)
            traceback.print_exc()


main()
