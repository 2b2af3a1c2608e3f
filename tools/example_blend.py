"""Makes the guide's example file: three takes of a line of speech on a head, on ARKit shapes and on a Rigify rig.

    blender -b --factory-startup --python tools/example_blend.py -- --portrait P --out DIR --worker-python PATH

Writes ``DIR/example.blend`` and the takes beside it. The speech is the demonstration's own; the portrait should be a
picture that may be shown (`training/corpus/synthetic/make_person.py` renders one).
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from demo_blender import light_and_camera, register_extension  # noqa: E402  (beside this file)

SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"


def options() -> argparse.Namespace:
    """What follows ``--`` on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--portrait", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=3.0, help="of the speech")
    parser.add_argument("--takes", type=int, default=3)
    parser.add_argument("--worker-python", required=True)
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def arkit_face(skin: bpy.types.Object) -> bpy.types.Object:
    """A copy of the head's mesh with shape keys that nothing drives, as a character of somebody else would have."""
    face = skin.copy()
    face.data = skin.data.copy()
    face.name = face.data.name = "ARKit face"
    bpy.context.scene.collection.objects.link(face)
    face.data.shape_keys.animation_data_clear()
    face.modifiers.clear()
    face.parent = None
    face.location = (0.32, 0.0, 0.0)
    return face


def rigify_rig() -> bpy.types.Object:
    """Rigify's human with face controls, its head beside the others."""
    import addon_utils

    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_human_metarig_add()
    metarig = bpy.context.object
    bpy.ops.object.mode_set(mode="POSE")
    bpy.ops.pose.rigify_generate()
    bpy.ops.object.mode_set(mode="OBJECT")
    rig = bpy.context.object if bpy.context.object != metarig else bpy.data.objects["rig"]
    bpy.data.objects.remove(metarig)
    rig.name, rig.location = "Rigify", (-0.4, 0.0, -1.85)
    return rig


def main() -> int:
    """Returns the exit code of the job."""
    chosen = options()
    os.environ["SOLILOQUY_PYTHON"] = chosen.worker_python
    bpy.ops.wm.read_factory_settings(use_empty=True)
    register_extension()
    from soliloquy.addon import compat
    from soliloquy.addon.commands import cli

    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.view_settings.view_transform = "Standard"
    out = chosen.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    blend = out / "example.blend"
    scene.frame_start = 1
    strip = compat.new_sound_strip(scene, "speech", str(SPEECH), 1, 1)
    compat.set_handles(strip, 1, 1 + math.ceil(25 * chosen.seconds))
    scene.sequence_editor.active_strip = strip
    settings = scene.soliloquy
    settings.output_dir, settings.portrait_file = str(out), str(Path(chosen.portrait).absolute())
    settings.takes_wanted, settings.seed, settings.size = chosen.takes, 7, "256"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    code = cli.run(["--save-blend", str(blend)])
    if code:
        return code
    head = settings.targets[0].thing
    skin = next(child for child in head.children if child.type == "MESH")
    for thing in (arkit_face(skin), rigify_rig()):
        settings.targets.add().thing = thing
    for index in range(len(settings.takes)):
        settings.active_take = index
        bpy.ops.soliloquy.bake()
    settings.takes[0].star, settings.takes[1].note = True, "calmer, good for the close-up"
    settings.active_take = 0
    light_and_camera(scene)
    scene.camera.location.y = -1.6
    scene.frame_set(30)
    settings.output_dir = "//"  # wherever somebody puts the folder
    bpy.ops.wm.save_mainfile()
    print(f"example: {blend}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
