"""The main job inside Blender: sound and portrait in, takes, a .blend and videos with sound out.

Run by ``tools/run.py demo``, in a real Blender or by the Python of a bpy wheel::

    blender -b --factory-startup --python tools/demo_blender.py -- --audio A --portrait P --out DIR --takes 2 \\
        --seed 7 --size 256 --transcript WORDS --worker-python PATH

It registers the extension from the source tree and runs ``blender --command soliloquy … --save-blend`` in Blender's
own new scene. It shows the phones of the first take above the sound, as *Show Phones* does, and prints them. Then it
renders each take from the sequencer with Blender's own FFmpeg.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.blender_state import (  # noqa: E402  (the repository's root must be on the path first)
    current_scene,
    operators,
    preferences,
    settings_of,
    there,
)

PAUSE = 60.0
"""Seconds between two lines about the progress."""
WIDTH = 120
"""Letters of the line with phones."""


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
    parser.add_argument("--audio", required=True, help="Sound file with the speech.")
    parser.add_argument("--portrait", required=True, help="Photograph or painting with one face.")
    parser.add_argument("--out", required=True, type=Path, help="Folder for takes, videos and the .blend.")
    parser.add_argument("--takes", type=int, default=1, help="Number of takes. Default: 1.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the first take. Default: 0.")
    parser.add_argument("--size", type=int, default=512, help="Pixels of the face square. Default: 512.")
    parser.add_argument("--transcript", default="", help="The words that are said, or a text file. Default: none.")
    parser.add_argument("--source", required=True, help="Where the motion comes from.")
    parser.add_argument("--pose-style", required=True, help="Manner of the head's motion.")
    parser.add_argument("--renderer", required=True, help="What draws the frames.")
    parser.add_argument("--head-detail", required=True, help="How detailed the head in the .blend is.")
    parser.add_argument("--worker-python", required=True, help="Python in which the worker runs.")
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def main() -> int:
    """Makes takes and videos. Returns the job's exit code, or 1 if Blender could not write a video."""
    chosen = options()
    os.environ["SOLILOQUY_PYTHON"] = chosen.worker_python
    bpy.ops.wm.read_factory_settings()
    register_extension()
    from soliloquy.addon import compat
    from soliloquy.addon.commands import cli

    out = chosen.out.absolute()
    blend = out / f"{Path(chosen.portrait).stem}.blend"
    arguments = ["--audio", chosen.audio, "--portrait", chosen.portrait, "--out", str(out)]
    arguments += ["--takes", str(chosen.takes), "--seed", str(chosen.seed), "--size", str(chosen.size)]
    arguments += ["--source", chosen.source, "--pose-style", chosen.pose_style, "--renderer", chosen.renderer]
    arguments += ["--head-detail", chosen.head_detail]
    arguments += ["--transcript", chosen.transcript] if chosen.transcript else []
    code = cli.run([*arguments, "--save-blend", str(blend)], pause=PAUSE)
    if code:
        return code
    show_phones(current_scene())
    preferences().filepaths.save_version = 0  # otherwise the file of before stays as a copy
    with quiet_blender():
        bpy.ops.wm.save_mainfile()
    videos = render_takes(current_scene(), out) if compat.HAS_SOUND else []
    for video in videos:
        print(f"video with sound: {video}")
    if not videos:
        print("No video: this Blender was built without sound.", file=sys.stderr)
    return 0 if videos and all(video.stat().st_size for video in videos) else 1


def show_phones(scene: bpy.types.Scene) -> None:
    """Shows the phones of the first take as strips above its sound, and prints what they are and where they are from.

    Where nobody speaks there are none to show.
    """
    from soliloquy.addon.scene import phones
    from soliloquy.core.phones.documents import PHONES_FILE, TRANSCRIPT
    from soliloquy.core.plurals import counted

    settings = settings_of(scene)
    settings.active_take = 0
    take = settings.takes[0]
    document = phones.of_take(take)
    if document.segments:
        with quiet_blender():
            operators.soliloquy.show_phones()
    source = "of the transcript, timed by the sound" if document.source == TRANSCRIPT else "heard in the sound"
    print(f"{counted(len(document.segments), 'phone')} {source}: {take.path() / PHONES_FILE}")
    print(textwrap.shorten(" ".join(segment.phone for segment in document.segments), WIDTH, placeholder=" …"))


def render_takes(scene: bpy.types.Scene, out: Path) -> list[Path]:
    """Renders one H.264/AAC file for each take, in a scene that is not saved afterwards."""
    from soliloquy.addon import compat
    from soliloquy.addon.sequencer import strips
    from soliloquy.core.wire.names import frame_name

    videos: list[Path] = []
    settings = settings_of(scene)
    scene.render.use_sequencer = True
    for index, take in enumerate(settings.takes):
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
        with quiet_blender():
            bpy.ops.render.render(animation=True)
        videos.append(video)
    return videos


@contextlib.contextmanager
def quiet_blender() -> Iterator[None]:
    """Drop what Blender itself prints, a line or more for each frame; it goes past Python's own standard output."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


if __name__ == "__main__":
    sys.exit(main())
