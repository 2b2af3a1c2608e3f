"""``--command soliloquy batch`` from outside: the scene's strips, a run that is killed, a disk that is full.

Used by ``tests/blender/run.py``, with the scripted worker and, at the end, with the real one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from run import Bench

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_LIMIT = 300.0
_PLAY = """
import sys
sys.path.insert(0, {here!r})
import bpy
from harness import WORK, fresh_file, two_characters
fresh_file()
scene = two_characters("anna", "ben")
scene.soliloquy.output_dir = "//takes"
scene.soliloquy.motion_only = True
bpy.ops.wm.save_as_mainfile(filepath=str(WORK / "play.blend"))
"""
"""Saves a .blend in which two characters take turns, each with a portrait and a face."""


def scene_cases(bench: Bench) -> None:
    """Run the strips of a .blend for their characters twice; the second run has nothing to do."""
    made = bench.run("-b", "--python-exit-code", "1", "--python-expr", _PLAY.format(here=str(HERE)))
    play, done = bench.folder / "work" / "play.blend", bench.folder / "work" / "done.blend"
    bench.check("batch::a_play_is_made", made.returncode == 0 and play.is_file(), made.stdout + made.stderr)
    command = ("-b", play, "--command", "soliloquy", "batch", "--scene", "--save-blend", done)
    ran = bench.run(*command)
    text = ran.stdout + ran.stderr
    bench.check("batch::the_scene_is_exit_0", ran.returncode == 0 and "2 of 2 jobs done" in text, text)
    bench.check("batch::the_scene_is_saved", done.is_file(), text)
    looked = bench.run("-b", done, "--python-exit-code", "1", "--python-expr", _LOOK)
    bench.check("batch::takes_are_on_their_faces", looked.returncode == 0, looked.stdout + looked.stderr)
    before = _files(play.parent / "takes")
    again = bench.run(*command)
    text = again.stdout + again.stderr
    untouched = bool(before) and before == _files(play.parent / "takes")
    bench.check("batch::again_nothing_is_made", again.returncode == 0 and "0 jobs to do" in text and untouched, text)


_LOOK = """
import bpy
takes = bpy.context.scene.soliloquy.takes
assert [take.character for take in takes] == ["Anna", "Ben"], list(takes)
for take, name in zip(takes, ("Anna", "Ben")):
    tracks = bpy.data.objects[name + "'s face"].data.shape_keys.animation_data.nla_tracks
    assert [track.name for track in tracks] == [take.name], [track.name for track in tracks]
"""


def killed_cases(bench: Bench, *, real: tuple[Path, Path] | None = None) -> None:
    """Kill Blender and its workers during a job, run again, and compare every file of the finished takes.

    ``real``: sound and portrait for the real worker; the scripted one is taken otherwise.
    """
    name = "batch_for_real" if real else "batch"
    work = bench.folder / f"killed {name} ü"
    work.mkdir()
    path = work / "jobs.json"
    seeds = (1, 5) if real else (1, 5, 9)
    jobs = [{"name": str(seed), "takes": 2, "seed": seed, "out": "out", "size": 256} for seed in seeds]
    for job, manner in zip(jobs, ("person", "slow", "other"), strict=False):
        job["audio"], job["portrait"] = ("speech.wav", f"{manner}.png") if not real else map(str, real)
    path.write_text(json.dumps({"jobs": jobs}), encoding="utf-8")
    if not real:
        shutil.copy(bench.folder / "command line ü" / "speech.wav", work)
        for job in jobs:
            shutil.copy(bench.folder / "command line ü" / "person.png", work / job["portrait"])
    command = [bench.blender, "-b", "--command", "soliloquy", "batch", path]
    variables = bench.environment(scripted=not real)
    process = subprocess.Popen(
        [str(word) for word in command], env=variables, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + _LIMIT
    while (
        not _stopped_in_the_middle(bench, process, work / "out") and process.poll() is None and time.monotonic() < end
    ):
        time.sleep(0.05)
    _signal(bench, process, signal.SIGKILL)
    process.wait()
    finished = sorted(file.parent for file in (work / "out").rglob("take.json"))
    before = {file: facts for folder in finished for file, facts in _files(folder).items()}
    half = sum(1 for _ in (work / "out").rglob("*.png")) - sum(file.suffix == ".png" for file in before)
    text = f"{len(finished)} takes finished, {len(before)} files, {half} other pictures"
    bench.check(f"{name}::killed_in_mid_job", 0 < len(finished) < 2 * len(jobs) and half > 0, text)
    again = bench.run(*command[1:], scripted=not real)
    text = again.stdout + again.stderr
    bench.check(f"{name}::run_again_it_is_done", again.returncode == 0 and f"{len(jobs)} of {len(jobs)}" in text, text)
    changed = [str(file) for file, facts in before.items() if _state(file) != facts]
    bench.check(f"{name}::nothing_finished_was_touched", bool(before) and not changed, "\n".join(changed))
    summary = json.loads(path.with_name("jobs-summary.json").read_text(encoding="utf-8"))
    bench.check(f"{name}::the_summary_counts", summary["counts"] == {"done": len(jobs)}, str(summary["counts"]))


def full_disk_cases(bench: Bench, sound: Path, portrait: Path) -> None:
    """The real worker on a disk of three megabytes: an error message, exit code 1, no incomplete file."""
    small = bench.small_disk()
    if small is None:
        return bench.skip("batch_for_real::full_disk", "no small disk can be mounted here")
    command = ("--audio", sound, "--portrait", portrait, "--out", small / "out", "--size", "256", "--takes", "3")
    done = bench.run("-b", "--command", "soliloquy", *command, scripted=False)
    told = [line for line in done.stderr.splitlines() if line.startswith("soliloquy:")]
    fine = done.returncode == 1 and len(told) == 1 and "disk is full" in told[0]
    bench.check("batch_for_real::a_full_disk_is_exit_1", fine, f"{done.returncode}\n{done.stdout}\n{done.stderr}")
    left = [str(path) for path in small.rglob("*.part*")]
    bench.check("batch_for_real::a_full_disk_leaves_no_half_files", not left, "\n".join(left))
    return None


def _stopped_in_the_middle(bench: Bench, process: subprocess.Popen, out: Path) -> bool:
    """Stop all processes of a run during a take; False if it is too early or too late.

    Without the stop, a take could end between the check and the kill on a busy machine.
    """
    if not _in_the_middle(out):
        return False
    _signal(bench, process, signal.SIGSTOP)
    if _in_the_middle(out):
        return True
    _signal(bench, process, signal.SIGCONT)
    return False


def _signal(bench: Bench, process: subprocess.Popen, what: signal.Signals) -> None:
    """Send a signal to Blender and its workers."""
    for pid in [process.pid, *workers_of(bench)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def _in_the_middle(out: Path) -> bool:
    """Whether one take is finished and another already has pictures."""
    finished = [path.parent for path in out.rglob("take.json")]
    begun = [path for path in out.rglob("frames") if path.parent not in finished and len(list(path.glob("0*.png"))) > 3]
    return bool(finished and begun)


def _files(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """The files of takes, without the lock and the summary, which every run writes."""
    kept = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {path: _state(path) for path in kept if not path.name.endswith("-summary.json")}


def _state(path: Path) -> tuple[int, bytes]:
    """Time of writing and content of a file."""
    return path.stat().st_mtime_ns, path.read_bytes()


def workers_of(bench: Bench) -> list[int]:
    """Workers, scripted or real, that were started by Blenders of this bench."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (path / "cmdline").read_bytes()
            ours = str(bench.folder).encode() in (path / "environ").read_bytes()
            if ours and (b"fake_worker" in line or b"core.worker" in line):
                found.append(int(path.name))
    return found
