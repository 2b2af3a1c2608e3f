"""``blender -b --command soliloquy doctor``: what the panel's doctor checks, as text."""

from __future__ import annotations

import time

import bpy

from ...core.errors import EXIT_DONE, EXIT_FAILED, SoliloquyError
from ...core.wire.options import Parser
from ..jobs import doctor, jobs
from ..places import COMMAND
from ..properties import preferences
from ..typed import scene_of


def parser() -> Parser:
    """The command's options."""
    about = "Check everything that Soliloquy needs, and print what is missing and how to repair it.\n"
    codes = "Exit codes: 0 means that all is well, 1 that something must be repaired.\n"
    options = Parser(prog=f"blender -b --command {COMMAND} doctor", description=about, epilog=codes)
    options.add_argument(
        "--quick", action="store_true", help="Leave out the self-test, which makes one second of a take."
    )
    return options


def run(arguments: list[str]) -> int:
    """Print the findings. The exit code is 1 if something must be repaired."""
    chosen = parser().parse_args(arguments)
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
