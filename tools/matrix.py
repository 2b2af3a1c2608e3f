"""Tries the packed extension in several versions of Blender and writes a table of the results.

    python tools/matrix.py --blender PATH … --wheel PYTHON … --out docs/results/tables/matrix.md

Builds the zip, has each real Blender validate it, and runs the smoke list (``tests/blender/smoke.py``) in each of them
and in each bpy wheel (given as the Python that has it): install from the zip, generate, resample a range, bake on
three rigs, bake again, style, render from curves, save and reload, remove, disable and enable, uninstall. The worker
is the scripted one: the matrix tests Blender, not the models. The exit code is 0 only if everything worked.

If the process of a wheel ends with an error, the wheel also runs ``CONTROL``, which doesn't use the extension. If
``CONTROL`` ends in the same way, the error is the wheel's own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.runtime.processes import own_group, time_limit  # noqa: E402  (the repository's root must be on the path first)
from tests.blender.results import Result, write_junit  # noqa: E402
from tools.build_zip import build  # noqa: E402

SMOKE = ROOT / "tests" / "blender" / "smoke.py"
LIMIT = 600.0
"""Seconds for the smoke list in one Blender."""
CONTROL_LIMIT = 30.0
"""Seconds for ``CONTROL``."""
HUNG = 124
"""Exit status of a program that reached its time limit."""
ENDING = "ends well"
CONTROL = """
import bpy
Group = type("Group", (bpy.types.PropertyGroup,), {
    "__annotations__": {"number": bpy.props.IntProperty(update=lambda self, context: None)},
})
bpy.utils.register_class(Group)
"""
"""A property with a callback, as in most add-ons: bpy 4.2 crashes at the end of such a process, and bpy 4.5 hangs."""
THE_WHEELS_OWN = "the wheel's own: its process ends so without the extension too"
PREFACE = """# What works in which Blender

Made by `tools/matrix.py`. “bpy” is Blender as a Python module. The worker is a scripted
one: this is about Blender, not about the models. All six together take three minutes on two processor cores.
"""
FINE = ("ok", "–", THE_WHEELS_OWN)


@dataclass
class Row:
    """One Blender, and the outcome of each step in it."""

    kind: str
    version: str = "did not start"
    valid: str = "–"
    steps: dict[str, str] = field(default_factory=dict)

    @property
    def outcomes(self) -> dict[str, str]:
        """Step -> ``ok``, or the error, or – if the step doesn't exist there."""
        return {"validate": self.valid, **self.steps}

    @property
    def fine(self) -> bool:
        """Whether everything worked."""
        return len(self.steps) > 1 and all(outcome in FINE for outcome in self.outcomes.values())


def environment(folder: Path, archive: Path, worker: Path) -> dict[str, str]:
    """Variables for a new profile, the scripted worker, and the folders that a wrapped Blender needs."""
    scripted = folder / "scripted-python"
    scripted.write_text(f'#!/bin/sh\nexec "{worker}" "{ROOT / "tests" / "addon" / "fake_worker.py"}"\n')
    scripted.chmod(0o755)
    (folder / "work").mkdir()
    seen = dict.fromkeys(str(path) for path in (ROOT, folder, archive.parent, worker.parents[1]))
    return os.environ | {
        "BLENDER_USER_RESOURCES": str(folder / "profile"),
        "BLENDER_BIND": os.environ.get("BLENDER_BIND", ":".join(seen)),
        "SOLILOQUY_PYTHON": str(scripted),
        "SOLILOQUY_TEST_FOLDER": str(folder / "work"),
        "SOLILOQUY_ZIP": str(archive),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(command: list[str], variables: dict[str, str], limit: float = LIMIT) -> tuple[int, str]:
    """Exit status and output; a program that doesn't end in time is ended and counts as failed."""
    process = subprocess.Popen(
        command,
        env=variables,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        **own_group(),
    )
    with time_limit(process, limit) as over:
        out, errors = process.communicate()
    return (HUNG, out) if over.is_set() else (process.returncode, out + errors)


def try_out(kind: str, program: str, archive: Path, worker: Path) -> Row:
    """Run the smoke list in one Blender or wheel."""
    row = Row(kind)
    with tempfile.TemporaryDirectory(prefix="soliloquy-matrix-") as name:
        variables = environment(Path(name), archive, worker)
        if kind == "Blender":
            code, said = run([program, "--command", "extension", "validate", str(archive)], variables)
            row.valid = "ok" if code == 0 else said.strip().splitlines()[-1]
            command = [program, "-b", "--factory-startup", "--python", str(SMOKE)]
        else:
            command = [program, str(SMOKE)]
        code, said = run(command, variables)
        ending = "ok" if code == 0 else "hangs" if code == HUNG else f"exit status {code}"
        if kind == "bpy" and code and run([program, "-c", CONTROL], variables, CONTROL_LIMIT)[0] == code:
            ending = THE_WHEELS_OWN
    for line in said.splitlines():
        if line.startswith("VERSION "):
            row.version = line.removeprefix("VERSION ")
        elif line.startswith("STEP "):
            step, _, outcome = line.removeprefix("STEP ").partition(" ")
            row.steps[step] = outcome
    row.steps[ENDING] = ending
    if not row.fine:
        print(said[-3000:], file=sys.stderr)
    return row


def table(rows: list[Row]) -> str:
    """Markdown: a line for each Blender, a column for each step, and the failures below the table."""
    steps = list(dict.fromkeys(step for row in rows for step in row.outcomes))
    lines = ["| | " + " | ".join(step.replace("_", " ") for step in steps) + " |", "|---" * (len(steps) + 1) + "|"]
    notes = []
    for row in rows:
        outcomes = [(step, row.outcomes.get(step, "–")) for step in steps]
        cells = [{"ok": "✓", "–": "–", THE_WHEELS_OWN: "*"}.get(said, "✗") for _, said in outcomes]
        lines.append(f"| {row.kind} {row.version} | " + " | ".join(cells) + " |")
        notes += [
            f"- {row.kind} {row.version}, {step.replace('_', ' ')}: {said}"
            for step, said in outcomes
            if said not in ("ok", "–")
        ]
    if all(row.fine for row in rows):
        notes = ["Everything worked.", *([""] if notes else []), *notes]
    return "\n".join([*lines, "", *notes]) + "\n"


def results(rows: list[Row]) -> list[Result]:
    """The outcomes as cases for JUnit."""
    return [
        Result(f"{row.kind} {row.version}::{step}", "passed" if said in FINE else "failed", said)
        for row in rows
        for step, said in row.outcomes.items()
    ]


def main(arguments: list[str] | None = None) -> int:
    """Fills the matrix. Returns 0 if everything worked everywhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", action="append", default=[], help="A real Blender's program.")
    parser.add_argument("--wheel", action="append", default=[], help="A Python that has a bpy wheel.")
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="Interpreter with numpy for the scripted worker."
    )
    parser.add_argument("--out", type=Path, help="Markdown file for the table.")
    parser.add_argument("--junitxml", type=Path, help="JUnit file of the same results, for CI.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="soliloquy-zip-") as name:
        archive = build(Path(name))
        given = [("bpy", program) for program in options.wheel] + [("Blender", program) for program in options.blender]
        rows = []
        for kind, program in given:
            rows.append(try_out(kind, program, archive, options.python.absolute()))
            print(f"{rows[-1].kind} {rows[-1].version}: {'fine' if rows[-1].fine else 'NOT FINE'}", flush=True)
    text = table(sorted(rows, key=lambda row: row.version))
    print(text)
    if options.out:
        options.out.write_text(f"{PREFACE}\n{text}", encoding="utf-8")
    if options.junitxml:
        write_junit(results(rows), options.junitxml)
    return 0 if rows and all(row.fine for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
