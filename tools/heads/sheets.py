"""Renders the heads of Add Head: a turntable and a sheet of expressions for each portrait.

    python3 tools/heads/sheets.py PORTRAIT … --out build/heads [--detail neural] [--blender blender]
                                 [--python .runtime/worker/bin/python] [--size 360] [--samples 16]

For each portrait the folder gets ``NAME/head.npz`` with its textures, ``NAME-turntable.png`` (eight sides) and
``NAME-expressions.png``, rendered by Cycles on the processor. ``build/`` is ignored by git: pictures of people who
didn't agree to it don't belong in the repository.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from core.wire.names import HEAD_FILES  # noqa: E402
from core.wire.systems import HEAD_DETAILS, NEURAL, names  # noqa: E402

TURNS = tuple(range(0, 360, 45))
EXPRESSIONS: dict[str, dict[str, float]] = {
    "rest": {},
    "lids shut": {"eyeBlinkLeft": 1, "eyeBlinkRight": 1},
    "mouth open": {"jawOpen": 0.8, "mouthUpperUpLeft": 0.6, "mouthUpperUpRight": 0.6},
    "smile": {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "jawOpen": 0.15, "cheekSquintLeft": 0.6},
    "pucker": {"mouthPucker": 0.9},
    "brows up": {"browInnerUp": 1, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8, "eyeWideLeft": 0.6},
    "frown": {"browDownLeft": 1, "browDownRight": 1, "noseSneerLeft": 0.6, "mouthFrownLeft": 0.7},
    "tongue": {"jawOpen": 0.6, "tongueOut": 1},
}
"""Weights of the shapes of each picture of the sheet."""
ASIDE = 0.35
"""Turn of the camera for expressions, radians."""
LENS, AWAY, ABOVE = 85.0, 1.15, -0.01
"""Focal length in mm, distance of the camera and height of what it looks at in metres."""
GREY = (0.3, 0.31, 0.33)
LAMPS = (((0.6, -1.0, 0.6), 11.0, 0.5), ((-0.9, -0.7, 0.3), 5.0, 0.6), ((0.3, 0.9, 0.7), 7.0, 0.4))
"""Place in metres, watts and size of each lamp."""


def parser() -> argparse.ArgumentParser:
    """The options outside Blender."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("portraits", nargs="+", type=Path, help="Photographs with one face.")
    options.add_argument(
        "--out", type=Path, default=ROOT / "build" / "heads", help="Folder for heads and sheets. Default: build/heads."
    )
    options.add_argument(
        "--detail", choices=names(HEAD_DETAILS), default=NEURAL, help=f"Detail of the heads. Default: {NEURAL}."
    )
    options.add_argument("--blender", default="blender", help="Program of Blender. Default: blender.")
    python = ROOT / ".runtime" / "worker" / "bin" / "python"
    options.add_argument("--python", default=str(python), help="Python of the worker. Default: that in .runtime.")
    options.add_argument("--size", type=int, default=360, help="Width of each picture in pixels. Default: 360.")
    options.add_argument("--samples", type=int, default=16, help="Samples of a pixel. Default: 16.")
    return options


def main() -> None:
    """Make the heads with the worker's Python, then render them in Blender."""
    chosen = parser().parse_args()
    for portrait in chosen.portraits:
        folder = (chosen.out / portrait.stem).absolute()
        make_head(chosen.python, portrait, folder, chosen.detail)
        run_in_blender(chosen.blender, __file__, folder, chosen.size, chosen.samples)


def make_head(python: str, portrait: Path, folder: Path, detail: str) -> None:
    """Write a portrait's head into a folder with the worker's Python."""
    command = [python, "-m", "core", "head", "--portrait", str(portrait.absolute()), "--out", str(folder)]
    _run([*command, "--detail", detail], stdout=subprocess.DEVNULL)


def run_in_blender(blender: str, script: str, *arguments: object) -> None:
    """Run a script of this folder in Blender with these arguments."""
    command = [blender, "-b", "--factory-startup", "--python-exit-code", "1", "--python", script, "--"]
    _run([*command, *map(str, arguments)])


def _run(command: list[str], stdout: int | None = None) -> None:
    """Run a program that says itself what it lacks, and end as it ends if it fails."""
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=stdout)
    if done.returncode:
        sys.exit(done.returncode)


def build(folder: Path, size: int, samples: int) -> tuple[Any, Any]:
    """Inside Blender: an empty scene with the head of a folder, lamps and camera, and the head's rig."""
    import bpy

    from tools.demo_blender import register_extension

    if "soliloquy" not in sys.modules:
        register_extension()
    from soliloquy.addon.scene import head

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene: Any = bpy.context.scene
    files = {content: str(folder / name) for content, name in HEAD_FILES.items() if (folder / name).exists()}
    for _ in head.build(bpy.context, scene, files):
        pass
    _light(scene, size, samples)
    return scene, scene.soliloquy.targets[0].thing


def render(folder: Path, size: int, samples: int) -> None:
    """Inside Blender: build the head of a folder and render both sheets beside it."""
    import numpy as np

    scene, rig = build(folder, size, samples)
    for name, pictures in (
        ("turntable", [(math.radians(turn), {}) for turn in TURNS]),
        ("expressions", [(ASIDE, weights) for weights in EXPRESSIONS.values()]),
    ):
        tiles = [picture_of(scene, rig, folder, *picture) for picture in pictures]
        rows = [np.concatenate(tiles[k : k + 4], axis=1) for k in range(0, len(tiles), 4)]
        sheet = np.concatenate(rows[::-1], axis=0)  # Blender's pictures begin at the bottom
        save(sheet, folder.with_name(f"{folder.name}-{name}.png"), "PNG")


def save(pixels: Any, path: Path, kind: str) -> None:
    """Inside Blender: write pixels (h, w, 4), the bottom row first, as a file of this kind."""
    import bpy

    image: Any = bpy.data.images.new(path.stem, pixels.shape[1], pixels.shape[0])
    image.pixels.foreach_set(pixels.astype("float32").ravel())
    image.filepath_raw, image.file_format = str(path), kind
    image.save()


def _light(scene: Any, size: int, samples: int) -> None:
    import bpy
    from mathutils import Vector

    scene.render.engine, scene.cycles.samples = "CYCLES", samples
    scene.render.resolution_x, scene.render.resolution_y = size, round(1.2 * size)
    scene.view_settings.view_transform = "Standard"
    scene.world = bpy.data.worlds.new("grey")
    scene.world.color = GREY
    for place, watts, width in LAMPS:
        lamp: Any = bpy.data.lights.new("lamp", "AREA")
        lamp.energy, lamp.size = watts, width
        thing = bpy.data.objects.new("lamp", lamp)
        thing.location = place
        thing.rotation_euler = (-Vector(place)).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(thing)
    camera = bpy.data.cameras.new("camera")
    camera.lens = LENS
    scene.camera = bpy.data.objects.new("camera", camera)
    scene.collection.objects.link(scene.camera)


def picture_of(scene: Any, rig: Any, folder: Path, turn: float, weights: dict[str, float], away: float = AWAY) -> Any:
    """Inside Blender: (h, w, 4) pixels of the head, the bottom row first.

    ``turn`` is the camera's place around the head in radians, ``away`` its distance in metres; ``weights`` are those of
    the shapes.
    """
    import bpy
    from mathutils import Vector

    for name in [name for name in rig.keys() if isinstance(rig[name], float)]:  # noqa: SIM118 - bpy has no iterator
        rig[name] = float(weights.get(name, 0.0))
    rig.update_tag()
    target = rig.location + Vector((0, 0, ABOVE))
    place = target + Vector((math.sin(turn) * away, -math.cos(turn) * away, 0.03))
    scene.camera.location = place
    scene.camera.rotation_euler = (target - place).to_track_quat("-Z", "Y").to_euler()
    scene.render.filepath = str(folder / "view.png")
    bpy.ops.render.render(write_still=True)
    return pixels_of(Path(scene.render.filepath))


def pixels_of(path: Path) -> Any:
    """Inside Blender: (h, w, 4) pixels of a picture, the bottom row first."""
    import bpy
    import numpy as np

    image: Any = bpy.data.images.load(str(path))
    pixels = np.zeros((image.size[1], image.size[0], 4), np.float32)
    image.pixels.foreach_get(pixels.ravel())
    bpy.data.images.remove(image)
    return pixels


if __name__ == "__main__":
    if "bpy" in sys.modules or "--" in sys.argv:
        given = sys.argv[sys.argv.index("--") + 1 :]
        render(Path(given[0]), int(given[1]), int(given[2]))
    else:
        main()
