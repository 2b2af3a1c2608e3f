"""``python -m core batch LIST`` and ``… collect LIST``; Blender's command ``batch`` runs its lists in the same way."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import EXIT_CANCELLED, EXIT_DONE, EXIT_FAILED, BadInputError, SoliloquyError
from ..files import make_folder
from ..plurals import counted
from ..runtime import memory
from ..runtime.allowance import processors
from ..wire.client import WorkerClient
from ..wire.restorer import restorer_command
from . import capacity, crew, job_list, needs, summary
from .capacity import Room
from .crew import Start
from .interruption import interruptible
from .job_list import DONE, WAITING, Entry
from .reports import REPORTS, Report

ABOUT = """\
Running the same list again makes only what is missing, even after the program was killed. Several programs, also on
several computers, may run one list at the same time: no job is made twice.
"""
LIST = "Job list, CSV or JSON. Its columns are the name and the settings of a job, such as audio and portrait."
CODES = """\
Exit codes: 0 means that all jobs are done, 2 that every failure is bad input, 130 that the run was cancelled or that a
job never ran, 75 that trying again later or elsewhere may help: another program works on a job, or memory or disk ran
out. 1 means any other failure.
"""


# ---------------------------------------------------------------------------------------------------------- the options
def add_list_options(add: Callable[..., Any]) -> None:
    """Options about which jobs are meant, with ``add``, a parser's ``add_argument``."""
    add("--out", help="Folder for the takes of lines that name none. It is relative to the list.")
    text = "Only these jobs of the list, by their numbers from 1 on, for example “3-7” or “1,4-6,9-”."
    add("--lines", type=_lines, metavar="NUMBERS", help=f"{text} Without it: all.")
    add("--summary", type=Path, help="JSON file for the outcome of each job. Default: next to the list.")


def add_run_options(add: Callable[..., Any]) -> None:
    """Options about how the jobs are run. The one that takes all that follows it comes last."""
    text = "Number of jobs at the same time. Without it, or with “auto”: one for each GPU, or as many as the processor"
    add("--workers", type=_workers, default=capacity.AUTO, help=f"{text} and the memory have room for.")
    add("--retries", type=int, default=1, help="Number of further attempts after a failure of the worker. Default: 1.")
    add("--again", action="store_true", help="Let the worker check finished jobs too.")
    text = "How progress is printed: for people, as JSON objects, or as messages of Open Job Description."
    add("--progress", choices=REPORTS, default="plain", help=f"{text} Default: plain.")
    text = (
        "Program that restores the frames of all jobs, with its arguments, in which {in} and {out} are the two folders."
    )
    add("--restorer", nargs=argparse.REMAINDER, help=f"{text} Comes last. No list names one.")


def _workers(text: str) -> int:
    if text == "auto":
        return capacity.AUTO
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"“{text}” must be auto or a whole number of at least 1")
    return int(text)


def _lines(text: str) -> list[range]:
    """Ranges of numbers from 1 on; one without an end goes on to the last job."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:(-)\s*(\d*))?\s*", part)
        first = int(match[1]) if match else 0
        last = sys.maxsize if match and match[2] and not match[3] else int(match[3] or match[1]) if match else 0
        if not 1 <= first <= last:
            raise argparse.ArgumentTypeError(f"“{text}” doesn't name jobs: write for example 3-7")
        found.append(range(first, last + 1) if last < sys.maxsize else range(first, last))
    return found


# ---------------------------------------------------------------------------------------------------------- the command
def add_commands(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """Add ``batch`` and ``collect`` to the commands of ``python -m core``."""
    told = "Make the takes of all jobs of a list."
    batch = add_parser("batch", help=told, description=f"{told}\n\n{ABOUT}", epilog=CODES)
    batch.add_argument("list", type=Path, help=LIST)
    batch.add_argument("--device", default="auto", help="Device of all jobs: auto, cpu, cuda or mps. Default: auto.")
    add_list_options(batch.add_argument)
    add_run_options(batch.add_argument)
    batch.set_defaults(run=_batch)
    told = "Check which jobs of a list are done, and what is missing; make nothing."
    text = (
        "A job is done if the list's summary says so and its takes are whole on the disk. The summary is written again."
    )
    collect = add_parser("collect", help=told, description=f"{told}\n\n{text}", epilog=CODES)
    collect.add_argument("list", type=Path, help=LIST)
    add_list_options(collect.add_argument)
    collect.set_defaults(run=_collect, device="auto")


def _batch(chosen: argparse.Namespace) -> int:
    """Run a list with workers of this Python."""
    with interruptible():
        entries, outcome = opened(chosen, chosen.device)
        report = REPORTS[chosen.progress]()
        prepare(entries, outcome, again=chosen.again, report=report)

        report.begins(f"{to_do(entries)}.")

        def start(environment: dict[str, str]) -> WorkerClient:
            return WorkerClient(sys.executable, environment=environment)

        return run(entries, outcome, chosen, start=start, room=_room(entries), report=report)


def _collect(chosen: argparse.Namespace) -> int:
    """Say what a list lacks."""
    with interruptible():
        entries, outcome = opened(chosen, chosen.device)
        told = summary.adopt(entries, outcome)
        summary.catch_up(entries, outcome)  # looking at many takes needs time, in which others finish theirs
        summary.write_summary(entries, outcome, partial=chosen.lines is not None)
    for entry in entries:
        if entry.status != DONE:
            print(f"soliloquy: {entry.name}: {entry.status}" + (f": {entry.error}" if entry.error else ""))
    if told:
        print(f"soliloquy: {told}", file=sys.stderr)
    print(
        f"{sum(entry.status == DONE for entry in entries)} of {counted(len(entries), 'job')} done; summary: {outcome}"
    )
    return summary.exit_code(entries)


# -------------------------------------------------------------------------------------------- shared with Blender's one
def opened(chosen: argparse.Namespace, device: str) -> tuple[list[Entry], Path]:
    """The entries of a list that the options name, and the path of their summary.

    Raises BadInputError if the list can't be read, or ``bad_setting`` if ``--lines`` names none of its jobs.
    """
    path = chosen.list.absolute()
    listed = job_list.load(path, {"out": chosen.out or ".", "device": device})
    lines = chosen.lines
    entries = [e for number, e in enumerate(listed, 1) if lines is None or any(number in part for part in lines)]
    if not entries:
        raise BadInputError(
            "bad_setting", f"--lines names no job: the list has {counted(len(listed), 'job')}.", "Name others."
        )
    return entries, (chosen.summary or summary.summary_path(path)).absolute()


def prepare(
    entries: list[Entry], outcome: Path, *, again: bool, report: Report, now_at: summary.NowAt = summary.where_it_was
) -> None:
    """Find out which entries are done, unless they are to be checked ``again``; all others wait."""
    if not again and (told := summary.adopt(entries, outcome, now_at)):
        report.note(told)
    for entry in entries:
        if entry.status != DONE:
            entry.reset()


def to_do(entries: list[Entry]) -> str:
    """``3 jobs to do, 2 already done``."""
    waiting = sum(entry.status == WAITING for entry in entries)
    done = len(entries) - waiting
    return f"{counted(waiting, 'job')} to do" + (f", {done} already done" if done else "")


def run(
    entries: list[Entry],
    outcome: Path,
    chosen: argparse.Namespace,
    *,
    start: Start,
    room: Room,
    report: Report,
    now_at: summary.NowAt = summary.where_it_was,
) -> int:
    """Run the entries that wait; returns the exit code.

    Parameters
    ----------
    chosen
        The options of `add_list_options` and `add_run_options`.
    now_at
        Where takes are now (`summary.NowAt`).
    """
    make_folder(outcome.parent)
    partial = chosen.lines is not None
    summary.write_summary(entries, outcome, own=(), partial=partial)  # if it can't be written, nothing is made
    runner = crew.Crew(
        entries,
        start,
        outcome,
        workers=chosen.workers,
        room=room,
        retries=chosen.retries,
        changed=report.changed,
        partial=partial,
        restorer=restorer_command(chosen.restorer, Path.cwd()) if chosen.restorer else (),
    )
    try:
        crew.run(runner, lambda: report.going_on(runner))
    except SoliloquyError as error:  # Ctrl-C or a signal
        if error.exit_code != EXIT_CANCELLED:
            raise
    for notice in dict.fromkeys(runner.notices):
        report.note(notice)
    summary.catch_up(entries, outcome, now_at)
    code = summary.exit_code(entries)
    code = EXIT_FAILED if code == EXIT_DONE and runner.unsaved else code
    report.ended(entries, str(outcome), code)
    return code


def _room(entries: list[Entry]) -> Room:
    """What a worker needs for the most demanding entry that waits, and what this process may use."""
    wanted = [needs.of_request(entry.request) for entry in entries if entry.status == WAITING]
    main, gpu = (max(column) for column in zip(*wanted, strict=True)) if wanted else (1.0, 1.0)
    return Room(main, gpu, memory.available(), processors())
