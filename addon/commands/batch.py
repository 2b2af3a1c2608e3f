"""``blender -b [file.blend] --command soliloquy batch LIST`` and ``… batch --scene``: the queue without a window."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import bpy

from ...core.errors import EXIT_CANCELLED, EXIT_DONE, EXIT_FAILED, BadInputError, SoliloquyError
from ...core.files import make_folder
from ...core.plurals import counted
from ...core.wire.options import Parser
from ...core.wire.restorer import restorer_command
from .. import steps
from ..jobs import disk, jobs
from ..places import COMMAND
from ..properties import preferences, trusted
from ..properties.scene import settings_of
from ..queue import batch, capacity, crew, job_queue, list_file, scene_jobs, summary
from ..queue.batch import BUSY, DONE, FAILED, RUNNING, WAITING, Entry
from ..typed import scene_of
from ..words import duration
from .blend_file import require_place, save_blend
from .progress import ProgressLines, how_far

_ABOUT = """\
Make the takes of many jobs: those of a list, or one for each sound strip of the open file.

Running the same list again makes only what is missing, even after the program was killed.
"""
_CODES = """\
Exit codes: 0 means that all jobs are done, 2 that every failure is bad input, 130 that the run was cancelled.
1 means any other failure, or that another program still works on a job.
"""


def parser() -> Parser:
    """The command's options."""
    options = Parser(prog=f"blender -b [file.blend] --command {COMMAND} batch", description=_ABOUT, epilog=_CODES)
    add = options.add_argument
    add(
        "list",
        type=Path,
        nargs="?",
        help="Job list, CSV or JSON. Its columns are the name and the settings of a job, such as audio and portrait.",
    )
    add("--scene", action="store_true", help="Instead of a list: every sound strip whose character has a portrait.")
    add("--out", help="Folder for the takes of lines that name none. It is relative to the list.")
    text = "Number of jobs at the same time. Without it, or with “auto”: one for each GPU, or as many as the processor"
    add("--workers", type=_workers, default=capacity.AUTO, help=f"{text} and the memory have room for.")
    add("--retries", type=int, default=1, help="Number of further attempts after a failure of the worker. Default: 1.")
    add("--again", action="store_true", help="Let the worker check finished jobs too.")
    add("--estimate", action="store_true", help="Print what the jobs will need, and run nothing.")
    add("--save-list", type=Path, help="Also save the jobs in this CSV or JSON file.")
    add("--summary", type=Path, help="JSON file for the outcome of each job. Default: next to the list.")
    text = (
        "Program that restores the frames of all jobs, with its arguments, in which {in} and {out} are the two folders."
    )
    add("--restorer", nargs=argparse.REMAINDER, help=f"{text} Comes last. No list names one.")
    add("--save-blend", help="Save the scene in this file, with the takes above their strips and on their targets.")
    return options


def _workers(text: str) -> int:
    if text == "auto":
        return capacity.AUTO
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"“{text}” is neither auto nor a whole number of at least 1")
    return int(text)


def run(arguments: list[str]) -> int:
    """Run a job list; returns the exit code."""
    chosen = parser().parse_args(arguments)
    if chosen.save_blend:
        require_place(Path(chosen.save_blend).absolute())
    entries, outcome = _jobs(chosen)
    if chosen.save_list:
        path = chosen.save_list.absolute()
        list_file.require_ours(path)
        with list_file.locked(path):
            batch.save(entries, path)
        print(f"saved {path}")
    if not chosen.again and (told := summary.adopt(entries, outcome)):
        print(f"soliloquy: {told}", file=sys.stderr)
    for entry in entries:
        if entry.status != DONE:
            entry.reset()
    print(_expected(entries, chosen.workers), flush=True)
    if chosen.estimate:
        return EXIT_DONE
    code = _run(entries, outcome, chosen)
    done = sum(entry.status == DONE for entry in entries)
    print(f"{done} of {counted(len(entries), 'job')} done; summary: {outcome}")
    if chosen.save_blend and code != EXIT_CANCELLED:
        _place(entries)
        save_blend(Path(chosen.save_blend).absolute())
    return code


def _jobs(chosen: argparse.Namespace) -> tuple[list[Entry], Path]:
    """The entries that the options name, and the path of their summary."""
    if (chosen.list is None) != chosen.scene:
        raise BadInputError("bad_setting", "Name a job list, or --scene, not both.", "See --help.")
    if chosen.list is not None:
        path = chosen.list.absolute()
        entries = batch.load(path, {"out": chosen.out or ".", "device": preferences.device()})
        return entries, (chosen.summary or summary.summary_path(path)).absolute()
    scene = scene_of(bpy.context)
    entries = list(scene_jobs.entries_of_scene(scene))
    out = Path(chosen.out).absolute() if chosen.out else trusted.output_folder(settings_of(scene).output_dir)
    for entry in entries:
        entry.request = replace(entry.request, out=str(out))
    if chosen.save_list and not chosen.summary:
        return entries, summary.summary_path(chosen.save_list.absolute())
    return entries, (chosen.summary or out / "scene-summary.json").absolute()


def _expected(entries: list[Entry], workers: int) -> str:
    """One line about what the run will need."""
    waiting = sum(entry.status == WAITING for entry in entries)
    cost, unknown = job_queue.expected(entries, workers)
    done = len(entries) - waiting
    told = [f"{counted(waiting, 'job')} to do" + (f", {done} already done" if done else "")]
    if waiting > unknown:
        told.append(cost.words() + (f", without {counted(unknown, 'job')} of unknown length" if unknown else ""))
    elif unknown:
        told.append("The length of the sound is unknown")
    told.append(disk.lack_of_disk(Path(entries[0].request.out), cost.disk))
    return f"soliloquy: {'. '.join(filter(None, told))}."


def _run(entries: list[Entry], outcome: Path, chosen: argparse.Namespace) -> int:
    make_folder(outcome.parent)
    summary.write_summary(entries, outcome, own=())  # if it can't be written, the run ends before it makes anything
    waiting = [entry for entry in entries if entry.status == WAITING]
    lines = ProgressLines()
    runner = crew.Crew(
        entries,
        job_queue.start_worker,
        outcome,
        workers=chosen.workers,
        room=job_queue.room(waiting),
        retries=chosen.retries,
        changed=lambda entry: _tell(entry, lines),
        restorer=restorer_command(chosen.restorer, Path.cwd()) if chosen.restorer else (),
    )
    if waiting:
        preferences.require_worker_python()
        jobs.release_worker()
    try:
        crew.run(runner, lambda: lines.say(_how_far(runner)))
    except SoliloquyError as error:  # Ctrl-C or a signal
        if error.exit_code != EXIT_CANCELLED:
            raise
    for notice in dict.fromkeys(runner.notices):
        print(f"soliloquy: {notice}", file=sys.stderr)
    summary.catch_up(entries, outcome)
    code = summary.exit_code(entries)
    return EXIT_FAILED if code == EXIT_DONE and runner.unsaved else code


def _how_far(runner: crew.Crew) -> str:
    """One line about the jobs that run, and the number of those that wait."""
    running = [f"{entry.name}: {how_far(entry.stage, entry.share, entry.left)}" for entry in runner.running]
    waiting = sum(entry.status == WAITING for entry in runner.entries)
    more = [f"{counted(waiting, 'job')} waiting"] if waiting else []
    return f"soliloquy: {'; '.join([*(running or ['starting the worker']), *more])}"


def _tell(entry: Entry, lines: ProgressLines) -> None:
    words = {
        RUNNING: "started",
        DONE: f"done, {counted(len(entry.takes), 'take')} in {duration(entry.seconds)}",
        WAITING: f"trying again: {entry.error}",
        BUSY: entry.error,
    }
    text = words.get(entry.status, f"{entry.status} after {counted(entry.attempts, 'attempt')}: {entry.error}")
    lines.finish()
    print(f"soliloquy: {entry.name}: {text}", flush=True, file=sys.stderr if entry.status == FAILED else sys.stdout)


def _place(entries: list[Entry]) -> None:
    """Put takes above their strips and on their characters' targets, including those of earlier runs."""
    notices: list[str] = []
    for entry in entries:
        for take in entry.takes if entry.status == DONE else ():
            steps.advance(scene_jobs.arrive(entry, take, scene_of(bpy.context), notices), float("inf"))
    for notice in notices:
        print(f"soliloquy: {notice}", file=sys.stderr)
