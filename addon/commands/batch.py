"""``blender -b [file.blend] --command soliloquy batch LIST`` and ``… batch --scene``: the queue without a window."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import bpy

from ...core.batch import command, job_list, list_file, summary
from ...core.batch.job_list import DONE, WAITING, Entry
from ...core.batch.reports import REPORTS, Report
from ...core.errors import EXIT_CANCELLED, EXIT_DONE, BadInputError
from ...core.plurals import counted
from ...core.wire.options import Parser
from .. import steps
from ..jobs import disk, jobs
from ..places import COMMAND
from ..properties import output, preferences, trusted
from ..properties.scene import settings_of
from ..queue import job_queue, scene_jobs
from ..typed import scene_of
from .blend_file import require_place, save_blend

_ABOUT = (
    f"Make the takes of many jobs: those of a list, or one for each sound strip of the open file.\n\n{command.ABOUT}"
)


def parser() -> Parser:
    """The command's options."""
    options = Parser(
        prog=f"blender -b [file.blend] --command {COMMAND} batch", description=_ABOUT, epilog=command.CODES
    )
    add = options.add_argument
    add("list", type=Path, nargs="?", help=command.LIST)
    add("--scene", action="store_true", help="Instead of a list: every sound strip whose character has a portrait.")
    command.add_list_options(add)
    add("--estimate", action="store_true", help="Print what the jobs will need, and run nothing.")
    add("--save-list", type=Path, help="Also save the jobs in this CSV or JSON file.")
    add("--save-blend", help="Save the scene in this file, with the takes above their strips and on their targets.")
    command.add_run_options(add)
    return options


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
            job_list.save(entries, path)
        print(f"saved {path}")
    report = REPORTS[chosen.progress]()
    command.prepare(entries, outcome, again=chosen.again, report=report, now_at=output.now_at)
    report.begins(_expected(entries, chosen.workers))
    if chosen.estimate:
        return EXIT_DONE
    code = _run(entries, outcome, chosen, report)
    if chosen.save_blend and code != EXIT_CANCELLED:
        _place(entries, report)
        save_blend(Path(chosen.save_blend).absolute())
    return code


def _jobs(chosen: argparse.Namespace) -> tuple[list[Entry], Path]:
    """The entries that the options name, and the path of their summary."""
    if (chosen.list is None) != chosen.scene:
        raise BadInputError("bad_setting", "Name a job list, or --scene, not both.", "See --help.")
    if chosen.list is not None:
        return command.opened(chosen, preferences.device())
    if chosen.lines is not None:
        raise BadInputError("bad_setting", "--lines belongs to a job list, not to --scene.", "Leave it out.")
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
    told = [command.to_do(entries)]
    if waiting > unknown:
        told.append(cost.words() + (f", without {counted(unknown, 'job')} of unknown length" if unknown else ""))
    elif unknown:
        told.append("The length of the sound is unknown")
    told.append(disk.lack_of_disk(Path(entries[0].request.out), cost.disk))
    return f"{'. '.join(filter(None, told))}."


def _run(entries: list[Entry], outcome: Path, chosen: argparse.Namespace, report: Report) -> int:
    waiting = [entry for entry in entries if entry.status == WAITING]
    if waiting:
        preferences.require_worker_python()
        jobs.release_worker()
    return command.run(
        entries,
        outcome,
        chosen,
        start=job_queue.start_worker,
        room=job_queue.room(waiting),
        report=report,
        now_at=output.now_at,
    )


def _place(entries: list[Entry], report: Report) -> None:
    """Put takes above their strips and on their characters' targets, including those of earlier runs."""
    notices: list[str] = []
    for entry in entries:
        for take in entry.takes if entry.status == DONE else ():
            steps.advance(scene_jobs.arrive(entry, take, scene_of(bpy.context), notices), float("inf"))
    for notice in notices:
        report.note(notice)
