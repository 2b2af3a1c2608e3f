"""``blender -b --command soliloquy doctor``, and what the commands share."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import bpy

from ...core.errors import EXIT_DONE, EXIT_FAILED, BadInputError, SoliloquyError
from ..jobs import doctor, jobs
from ..properties import preferences


def run_doctor(arguments: list[str]) -> int:
    """Print the findings; exit code 1 where something must be mended."""
    options = argparse.ArgumentParser(prog="blender -b --command soliloquy doctor", description=__doc__)
    options.add_argument("--quick", action="store_true", help="without the self-test, a second of a take")
    chosen = options.parse_args(arguments)
    findings = doctor.here()
    started = time.monotonic()
    if preferences.worker_python() is not None:
        try:
            probed, problem = wait_for(_asked(chosen.quick)).done.result, ""
        except SoliloquyError as error:
            probed, problem = None, str(error)
        findings += doctor.of_worker(probed, problem, time.monotonic() - started)
    print(doctor.report(findings))
    return EXIT_FAILED if any(finding.level == doctor.BAD for finding in findings) else EXIT_DONE


def _asked(quick: bool) -> jobs.Job:
    return jobs.start(doctor.question(self_test=not quick), "Doctor", bpy.context.scene)


def wait_for(job: jobs.Job) -> jobs.Job:
    """The job when it has ended well; raises its error otherwise. Its takes are in ``arrived``."""
    while not job.finished:
        if not job.poll():
            time.sleep(0.02)
    jobs.finish(job)
    if job.error is not None:
        raise job.error.exception()
    return job


def save_blend(path: Path) -> None:
    """Save the open file; raises BadInputError where that can't be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    except (OSError, RuntimeError) as error:
        raise BadInputError("blend_unwritable", f"Cannot save {path} ({error}).", "Choose another file.") from error
    print(f"saved {path}")
