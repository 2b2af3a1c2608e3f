"""Removing the extension with Blender's own command: no take goes with it. Called by ``run.py`` at the end."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

_UNSAVED = """
import sys
sys.path.insert(0, {here!r})
import bpy
from harness import addon, ready_scene
scene, _ = ready_scene()
scene.soliloquy.output_dir = ""
assert bpy.ops.soliloquy.generate() == {{"FINISHED"}}
print("TAKE", scene.soliloquy.takes[0].path(), flush=True)
"""
_SAVED = (
    _UNSAVED
    + """
bpy.ops.wm.save_as_mainfile(filepath={blend!r})
print("MOVED", scene.soliloquy.takes[0].path(), flush=True)
"""
)
_OPEN = """
import bpy
editor = bpy.context.scene.sequence_editor
strips = editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all  # the name before Blender 4.4
strip = next(s for s in strips if s.type == "IMAGE")
print("STRIP", bpy.path.abspath(strip.directory), flush=True)
"""


def removal_cases(bench) -> None:
    """Takes of a file that was never saved, and of one that was saved, before and after the extension is removed."""
    project = bench.folder / "project"
    project.mkdir()
    here, blend = str(Path(__file__).parent), str(project / "talk.blend")
    unsaved = _run(bench, "-b", script=_UNSAVED.format(here=here))
    kept = _told(unsaved, "TAKE")
    bench.check("removal::an_unsaved_take_is_in_the_users_folder", kept is not None
                and kept.is_relative_to(bench.home / "Soliloquy" / "Unsaved"), unsaved)  # fmt: skip
    saved = _run(bench, "-b", script=_SAVED.format(here=here, blend=blend))
    moved = _told(saved, "MOVED")
    bench.check("removal::a_saved_take_is_beside_the_file", moved is not None
                and moved.is_relative_to(project / "soliloquy"), saved)  # fmt: skip
    done = bench.run("--command", "extension", "remove", "user_default.soliloquy")
    gone = not any((bench.folder / "profile").rglob("soliloquy/blender_manifest.toml"))
    bench.check("removal::the_extension_is_gone", done.returncode == 0 and gone, done.stdout + done.stderr)
    for name, take in (("unsaved", kept), ("saved", moved)):
        whole = take is not None and (take / "motion.npz").is_file() and len(list((take / "frames").iterdir())) == 50
        bench.check(f"removal::the_{name}_take_is_whole", whole, str(take))
    shown = _told(_run(bench, "-b", blend, script=_OPEN), "STRIP")
    bench.check("removal::the_strip_finds_its_frames", shown is not None and moved is not None
                and shown.resolve() == (moved / "frames").resolve(), str(shown))  # fmt: skip


def _run(bench, *before: str, script: str) -> str:
    """What Blender prints when it runs a script."""
    path = bench.folder / "removal.py"
    path.write_text(script, encoding="utf-8")
    done = bench.run(*before, "--python-exit-code", "1", "--python", path)
    return done.stdout + done.stderr


def _told(text: str, word: str) -> Path | None:
    """The path in the line that begins with a word."""
    lines = [line for line in text.splitlines() if line.startswith(f"{word} ")]
    return Path(lines[0].removeprefix(f"{word} ")) if lines else None
