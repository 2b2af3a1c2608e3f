"""``blender -b --command soliloquy doctor``: what the panel's doctor checks, as text."""

from __future__ import annotations

import time

import bpy

from ...core.errors import EXIT_DONE, EXIT_FAILED, SoliloquyError
from ...core.wire.options import Parser
from ..jobs import doctor, jobs
from ..properties import preferences
from ..typed import scene_of


def run(arguments: list[str]) -> int:
    """Print the findings. The exit code is 1 if something must be repaired."""
    options = Parser(prog="blender -b --command soliloquy doctor", description=__doc__)
    options.add_argument("--quick", action="store_true", help="without the self-test, which makes one second of a take")
    chosen = options.parse_args(arguments)
    findings = doctor.here()
    started = time.monotonic()
    if preferences.worker_python() is not None:
        question = doctor.question(self_test=not chosen.quick)
        probed, problem = None, ""
        try:
            probed = jobs.follow(jobs.start(question, "Doctor", scene_of(bpy.context)))
        except SoliloquyError as error:
            problem = str(error)
        findings += doctor.of_worker(probed, problem, time.monotonic() - started)
    print(doctor.report(findings))
    return EXIT_FAILED if any(finding.level == doctor.BAD for finding in findings) else EXIT_DONE
