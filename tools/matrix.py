"""The version matrix: the packed extension in every Blender it is given, and a table of what worked.

    python tools/matrix.py --blender PATH … --wheel PYTHON … --out docs/matrix.md

Builds the zip, has each real Blender validate it, and runs the smoke list (``tests/blender/smoke.py``) in each of them
and in each bpy wheel (given as the Python that has it): install from the zip, generate, resample a range, bake on
three rigs, bake again, style, render from curves, save and reload, remove, disable and enable, uninstall. The worker
is the scripted one, so this is about Blender, not about the models. Exit code 0 only when everything worked.
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

from tools.build_zip import build  # noqa: E402  (the repository's root has to be on the path first)

SMOKE = ROOT / "tests" / "blender" / "smoke.py"
LIMIT = 300.0
ENDING = "ends well"


@dataclass
class Row:
    """One Blender and what it said of each step."""

    kind: str
    version: str = "did not start"
    valid: str = "–"
    steps: dict[str, str] = field(default_factory=dict)

    @property
    def fine(self) -> bool:
        """Whether everything worked; how a wheel's Python ends is told but not counted, since no user runs one."""
        said = [outcome for step, outcome in self.steps.items() if step != ENDING or self.kind == "Blender"]
        return len(said) > 1 and all(outcome == "ok" for outcome in said) and self.valid in ("ok", "–")


def environment(folder: Path, archive: Path, worker: Path) -> dict[str, str]:
    """A profile of its own, the scripted worker, and the folders that a wrapped Blender has to see."""
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


def run(command: list[str], variables: dict[str, str]) -> tuple[int, str]:
    """Exit status and output; a program that doesn't end in time counts as failed."""
    try:
        done = subprocess.run(
            command,
            env=variables,
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return 1, f"no end after {error.timeout:g} s"
    return done.returncode, done.stdout + done.stderr


def try_out(kind: str, program: str, archive: Path, worker: Path) -> Row:
    """The smoke list in one Blender or wheel."""
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
    for line in said.splitlines():
        if line.startswith("VERSION "):
            row.version = line.removeprefix("VERSION ")
        elif line.startswith("STEP "):
            step, _, outcome = line.removeprefix("STEP ").partition(" ")
            row.steps[step] = outcome
    if not row.fine:
        print(said[-3000:], file=sys.stderr)
    row.steps[ENDING] = "ok" if code == 0 else f"exit status {code}"
    return row


def table(rows: list[Row]) -> str:
    """Markdown: a line for each Blender, a column for each step, and below it what failed."""
    steps = list(dict.fromkeys(step for row in rows for step in row.steps))
    lines = ["| | validate | " + " | ".join(step.replace("_", " ") for step in steps) + " |"]
    lines.append("|---" * (len(steps) + 2) + "|")
    failures = []
    for row in rows:
        cells = []
        for step, said in [("validate", row.valid), *((step, row.steps.get(step, "–")) for step in steps)]:
            cells.append({"ok": "✓", "–": "–"}.get(said, "✗"))
            if said not in ("ok", "–"):
                failures.append(f"- {row.kind} {row.version}, {step.replace('_', ' ')}: {said}")
        lines.append(f"| {row.kind} {row.version} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(failures or ["Everything worked."])]) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 when everything worked everywhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", action="append", default=[], help="a real Blender's program")
    parser.add_argument("--wheel", action="append", default=[], help="a Python that has a bpy wheel")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="runs the scripted worker (numpy)")
    parser.add_argument("--out", type=Path, help="Markdown file for the table")
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
        options.out.write_text(
            f"# What works in which Blender\n\nMade by `tools/matrix.py`.\n\n{text}", encoding="utf-8"
        )
    return 0 if rows and all(row.fine for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
