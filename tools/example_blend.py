"""Makes the guide's example file: three takes of a line of speech on a head, on ARKit shapes and on a Rigify rig.

    blender -b --factory-startup --python tools/example_blend.py -- --portrait P --out DIR --worker-python PATH

Writes ``DIR/example.blend`` and the takes next to it. The speech is the beginning of the demonstration's, and the
transcript has the words of this part. The portrait should be a picture that may be published
(`training/corpus/synthetic/make_person.py` renders one).
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.blender_state import (  # noqa: E402  (the repository's root must be on the path first)
    current_scene,
    operators,
    set_up_video,
    settings_of,
    there,
)
from tools.demo_blender import register_extension  # noqa: E402

SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"
WORDS = SPEECH.with_suffix(".txt")
"""A line for each part of the speech that can be cut out. The first three seconds have the first line."""


def options() -> argparse.Namespace:
    """The options after ``--`` on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--portrait", required=True, help="Photograph or painting with one face.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for the file and its takes.")
    parser.add_argument("--seconds", type=float, default=3.0, help="Length of the speech in seconds. Default: 3.")
    parser.add_argument("--lines", type=int, default=1, help="Lines of its text that are said then. Default: 1.")
    parser.add_argument("--takes", type=int, default=3, help="Number of takes. Default: 3.")
    parser.add_argument("--worker-python", required=True, help="Python in which the worker runs.")
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def arkit_face(skin: bpy.types.Object) -> bpy.types.Object:
    """A copy of the head's mesh with shape keys that nothing drives, like a user's own character."""
    mesh = skin.data
    if not isinstance(mesh, bpy.types.Mesh):
        raise TypeError(f"{skin.name} is not a mesh.")
    face, mesh = skin.copy(), mesh.copy()
    face.data = mesh
    face.name = mesh.name = "ARKit face"
    current_scene().collection.objects.link(face)
    there(mesh.shape_keys, "shape keys").animation_data_clear()
    face.modifiers.clear()
    face.parent = None
    face.location = (0.32, 0.0, 0.0)
    return face


def rigify_rig() -> bpy.types.Object:
    """Rigify's human with face controls. Its head is next to the other two heads."""
    import addon_utils

    addon_utils.enable("rigify", default_set=True)
    operators.object.armature_human_metarig_add()
    metarig = there(bpy.context.object, "active object")
    operators.object.mode_set(mode="POSE")
    operators.pose.rigify_generate()
    operators.object.mode_set(mode="OBJECT")
    active = there(bpy.context.object, "active object")
    rig = active if active != metarig else bpy.data.objects["rig"]
    bpy.data.objects.remove(metarig)
    rig.name, rig.location = "Rigify", (-0.4, 0.0, -1.85)
    return rig


def main() -> int:
    """Makes the file. Returns the exit code of the job."""
    chosen = options()
    os.environ["SOLILOQUY_PYTHON"] = chosen.worker_python
    bpy.ops.wm.read_factory_settings(use_empty=True)
    register_extension()
    from soliloquy.addon import compat
    from soliloquy.addon.commands import cli
    from soliloquy.addon.scene import stage

    scene = current_scene()
    set_up_video(scene)
    out = chosen.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    blend = out / "example.blend"
    scene.frame_start = 1
    strip = compat.new_sound_strip(scene, "speech", str(SPEECH), 1, 1)
    compat.set_handles(strip, 1, 1 + math.ceil(25 * chosen.seconds))
    there(scene.sequence_editor, "sequence editor").active_strip = strip
    settings = settings_of(scene)
    settings.output_dir, settings.portrait_file = str(out), str(Path(chosen.portrait).absolute())
    settings.takes_wanted, settings.seed, settings.size = chosen.takes, 7, "256"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    words = WORDS.read_text(encoding="utf-8").splitlines()[: chosen.lines]
    code = cli.run(["--transcript", " ".join(words), "--save-blend", str(blend)])
    if code:
        return code
    head = settings.targets[0].thing
    skin = next(child for child in head.children if child.type == "MESH")
    for thing in (arkit_face(skin), rigify_rig()):
        settings.targets.add().thing = thing
    for index in range(len(settings.takes)):
        settings.active_take = index
        operators.soliloquy.bake()
    settings.takes[0].star, settings.takes[1].note = True, "calmer, good for the close-up"
    settings.active_take = 0
    stage.camera_and_light(scene, (-0.5, 0.0, -0.2), (0.5, 0.0, 0.2))
    scene.frame_set(30)
    settings.output_dir = "//"  # relative to the file, so that the folder can be moved
    bpy.ops.wm.save_mainfile()
    print(f"example: {blend}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
