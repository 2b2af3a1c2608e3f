"""``blender -b --command soliloquy doctor`` and ``… batch LIST``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import bpy

from ..core.errors import EXIT_DONE, EXIT_FAILED, SoliloquyError
from ..core.protocol import Generate, Probe, TakeReady
from . import batch, doctor, jobs, preferences
from .batch import Entry


def run_doctor(arguments: list[str]) -> int:
    """Print the findings; exit code 1 where something must be mended."""
    options = argparse.ArgumentParser(prog="blender -b --command soliloquy doctor", description=__doc__)
    options.parse_args(arguments)
    findings = doctor.here()
    started = time.monotonic()
    if preferences.worker_python() is not None:
        try:
            probed, problem = wait_for(jobs.start(Probe(), "Doctor", bpy.context.scene)).done.result, ""
        except SoliloquyError as error:
            probed, problem = None, str(error)
        findings += doctor.of_worker(probed, problem, time.monotonic() - started)
    print(doctor.report(findings))
    return EXIT_FAILED if any(finding.level == doctor.BAD for finding in findings) else EXIT_DONE


def run_batch(arguments: list[str]) -> int:
    """Run a job list; see `batch.run_all` for the exit code."""
    options = argparse.ArgumentParser(prog="blender -b --command soliloquy batch", description=batch.__doc__)
    options.add_argument("list", type=Path, help="CSV or JSON; columns: name, audio, portrait, takes, seed, …")
    options.add_argument("--out", default=".", help="folder for takes where a line names none; relative to the list")
    options.add_argument("--retries", type=int, default=1, help="further tries after a failure of the worker")
    options.add_argument("--summary", type=Path, help="JSON file with each job's outcome; beside the list by default")
    chosen = options.parse_args(arguments)
    path = chosen.list.absolute()
    entries = batch.load(path, {"out": chosen.out, "device": preferences.device()})
    summary = chosen.summary or path.with_name(f"{path.stem}-summary.json")
    code = batch.run_all(entries, _made, summary.absolute(), chosen.retries, _tell)
    done = sum(entry.status == "done" for entry in entries)
    print(f"{done} of {len(entries)} jobs done; summary: {summary}")
    return code


def _made(request: Generate) -> list[TakeReady]:
    job = wait_for(jobs.start(request, "Batch", bpy.context.scene))
    return list(job.arrived)


def wait_for(job: jobs.Job) -> jobs.Job:
    """The job when it has ended well; raises its error otherwise. Its takes are in ``arrived``."""
    while not job.finished:
        if not job.poll():
            time.sleep(0.02)
    jobs.finish(job)
    if job.error is not None:
        raise job.error.exception()
    return job


def _tell(entry: Entry) -> None:
    words = {"running": "…", "done": f"done, {len(entry.takes)} takes in {jobs.duration(entry.seconds)}"}
    text = words.get(entry.status, f"{entry.status} after {entry.attempts} tries: {entry.error}")
    print(f"soliloquy: {entry.name}: {text}", flush=True, file=sys.stderr if entry.status == "failed" else sys.stdout)
