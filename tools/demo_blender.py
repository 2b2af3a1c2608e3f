"""The main job inside Blender: sound and portrait in, takes, a .blend and videos with sound out.

Run by ``tools/run.py demo``, in a real Blender or by the Python of a bpy wheel::

    blender -b --factory-startup --python tools/demo_blender.py -- --audio A --portrait P --out DIR --takes 2 \\
        --seed 7 --size 256 --worker-python PATH

It registers the extension from the source tree and does the same as ``blender --command soliloquy``: sound strip,
takes, image strips in sync, head, bake. Then it renders each take from the sequencer with Blender's own FFmpeg.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import sys
from pathlib import Path
from typing import Any

import bpy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.blender_state import (  # noqa: E402  (the repository's root must be on the path first)
    current_scene,
    set_up_video,
    settings_of,
    there,
)


def register_extension() -> None:
    """Import the source tree as the package ``soliloquy`` and register it, as Blender does with an installed zip."""
    spec = importlib.util.spec_from_file_location(
        "soliloquy", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    spec = there(spec, "module at the root of the source tree")
    module = importlib.util.module_from_spec(spec)
    sys.modules["soliloquy"] = module
    there(spec.loader, "loader for modules").exec_module(module)
    module.register()


def options() -> argparse.Namespace:
    """The options after ``--`` on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--audio", required=True)
    parser.add_argument("--portrait", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--takes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--worker-python", required=True)
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def main() -> int:
    """Makes takes and videos. Returns the job's exit code, or 1 if Blender could not write a video."""
    chosen = options()
    os.environ["SOLILOQUY_PYTHON"] = chosen.worker_python
    bpy.ops.wm.read_factory_settings(use_empty=True)
    register_extension()
    from soliloquy.addon import compat
    from soliloquy.addon.commands import cli

    scene = current_scene()
    set_up_video(scene)
    out = chosen.out.absolute()
    blend = out / f"{Path(chosen.portrait).stem}.blend"
    arguments = ["--audio", chosen.audio, "--portrait", chosen.portrait, "--out", str(out)]
    arguments += ["--takes", str(chosen.takes), "--seed", str(chosen.seed), "--size", str(chosen.size)]
    code = cli.run([*arguments, "--save-blend", str(blend)])
    if code:
        return code
    light_and_camera(scene)
    videos = render_takes(scene, out) if compat.HAS_SOUND else []
    bpy.ops.wm.save_mainfile()
    print(f"\nscene with strips and keyed head: {blend}")
    for video in videos:
        print(f"video with sound: {video}")
    if not videos:
        print("No video: this Blender was built without sound.", file=sys.stderr)
    return 0 if videos and all(video.stat().st_size for video in videos) else 1


def render_takes(scene: bpy.types.Scene, out: Path) -> list[Path]:
    """Renders one H.264/AAC file for each take. Afterwards the first take is the active one."""
    from soliloquy.addon import compat
    from soliloquy.addon.sequencer import strips
    from soliloquy.core.wire.names import frame_name

    videos: list[Path] = []
    settings = settings_of(scene)
    for index, take in reversed(list(enumerate(settings.takes))):
        settings.active_take = index
        strip = strips.find_strip(scene, take.image_strip)
        first = bpy.data.images.load(str(take.path() / "frames" / frame_name(0)))
        scene.render.resolution_x, scene.render.resolution_y = first.size
        scene.render.resolution_percentage = 100
        # The strip was scaled to the scene's earlier size; the video has the size of the frames.
        strip.transform.scale_x = strip.transform.scale_y = 1.0
        bpy.data.images.remove(first)
        scene.frame_start, scene.frame_end = compat.left_handle(strip), compat.right_handle(strip) - 1
        video = out / f"take-{take.index:03d}-seed-{take.seed}.mp4"
        compat.set_movie_output(scene.render, str(video))
        bpy.ops.render.render(animation=True)
        videos.append(video)
    return videos[::-1]


def light_and_camera(scene: bpy.types.Scene) -> None:
    """Adds a camera in front of the head and one soft light, so that the 3D head can be seen too."""
    lens = bpy.data.cameras.new("Camera")
    lens.lens = 85.0
    camera = bpy.data.objects.new("Camera", lens)
    camera.location, camera.rotation_euler = (0.0, -1.1, 0.02), (math.pi / 2, 0.0, 0.0)
    lamp: Any = bpy.data.lights.new("Key light", "AREA")  # an AreaLight; the stubs return its base class
    lamp.energy, lamp.size = 30.0, 1.0
    light = bpy.data.objects.new("Key light", lamp)
    light.location, light.rotation_euler = (-0.6, -1.2, 0.7), (math.radians(60), 0.0, math.radians(-25))
    for thing in (camera, light):
        scene.collection.objects.link(thing)
    scene.camera = camera


if __name__ == "__main__":
    sys.exit(main())
