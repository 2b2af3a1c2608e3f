"""The project's commands, each with all its set-up: ``python3 tools/run.py demo | test | lint``.

Needs CPython 3.11 or newer and nothing else. Environments are made once under ``.runtime/`` by the code that the
extension's installer uses (``core.runtime.environment``); the second start is immediate. Standard library only.

``demo`` runs the main job through Blender: a real ``blender`` (4.2 or newer) named by ``BLENDER`` or on the PATH, else
the ``bpy`` wheel. ``test`` runs the unit tests, the add-on under the ``bpy`` wheels that have their Python here, the
packed extension in the real Blenders that ``SOLILOQUY_BLENDERS`` names (separated as in PATH), and the version matrix
of all of these. ``test --fast`` leaves out tests marked ``slow``. It runs the unit tests, and at
the same time the add-on under one wheel. ``lint`` runs ruff, mypy and ``tools/check_house.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.errors import SoliloquyError  # noqa: E402
from core.phones.transcripts import given_transcript, named_file  # noqa: E402
from core.runtime import environment  # noqa: E402  (the repository's root has to be on the path first)
from core.wire.systems import HEAD_DETAILS, MODEL, NEURAL, RENDERERS, SOURCES, names  # noqa: E402

RUNTIME = ROOT / ".runtime"
REQUIREMENTS = ROOT / "tools" / "requirements"
WORKER_REQUIREMENTS = ROOT / "core" / "requirements" / "worker.txt"
BPY_PYTHONS = {"4.2": (3, 11), "4.5": (3, 11), "5.0": (3, 11), "5.2": (3, 13)}
"""Each supported bpy wheel and the CPython it is built for."""
TESTED_BPY = ("4.2", "5.0", "5.2")
"""The wheels that the add-on's tests run under; the matrix has them all."""
FAST_BPY = "5.0"
"""The wheel of the fast mode."""
UNIT_TESTS = ("tests/core", "tests/fuzz", "tests/training", "tests/tools")
"""Folders of the tests that run in the development environment."""
LINTERS = {
    "ruff": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "house": ["tools/check_house.py"],
}
"""Arguments of Python for each linter."""
OLDEST_BLENDER = (4, 2)
DEFAULT_OUT = ROOT / "demo-output"
DEMO_SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"
"""The demonstration's own speech. Its words are next to it, with the ending ``.txt``."""
ABOUT = """\
The project's commands. Each makes all that it needs once, below .runtime/; needs CPython 3.11 or newer.

demo runs the main job through Blender: a real one (4.2 or newer) that the variable BLENDER names or that
is on the PATH, else the bpy wheel. test runs all tests, also in the Blenders that SOLILOQUY_BLENDERS names.
"""


# ---------------------------------------------------------------------------------------------------- environments
def worker_environment() -> Path:
    """The worker's Python as users have it; made on the first call."""
    return environment.prepare(RUNTIME / "worker", [WORKER_REQUIREMENTS], progress=say)


def development_environment() -> Path:
    """The worker's set plus the tools for tests, training and pictures."""
    sets = [WORKER_REQUIREMENTS, REQUIREMENTS / "training.txt", REQUIREMENTS / "dev.txt"]
    return environment.prepare(RUNTIME / "dev", sets, progress=say)


def bpy_environment(version: str) -> Path | None:
    """Python with the bpy wheel of Blender ``version``, or None where this machine lacks the Python it is built for."""
    python = environment.find_python([BPY_PYTHONS[version]])
    if python is None:
        return None
    return environment.prepare(
        RUNTIME / f"bpy-{version}", [REQUIREMENTS / f"blender-{version}.txt"], python=python, progress=say
    )


def say(text: str) -> None:
    print(f"   {text}", flush=True)


# ------------------------------------------------------------------------------------------------------------ demo
def find_blender() -> list[str] | None:
    """Command of a real Blender that is new enough, or None."""
    for candidate in (os.environ.get("BLENDER"), shutil.which("blender")):
        if not candidate:
            continue
        printed = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"Blender (\d+)\.(\d+)", printed)
        if version and (int(version[1]), int(version[2])) >= OLDEST_BLENDER:
            return [candidate]
        say(f"{candidate} is not Blender {'.'.join(map(str, OLDEST_BLENDER))} or newer: not used")
    return None


def demo(options: argparse.Namespace) -> int:
    """Run the main job through Blender, once for each portrait; returns the exit code."""
    words = demo_words(options.audio, options.transcript)
    print("== the worker's environment")
    worker = worker_environment()
    blender = find_blender()
    if blender:
        print(f"== Blender: {blender[0]}")
        launcher = [*blender, "-b", "--factory-startup", "--python-exit-code", "1", "--python"]
    else:
        print("== no blender on the PATH: the bpy wheel takes its place")
        python = next(filter(None, (bpy_environment(version) for version in ("5.0", "5.2"))), None)
        if python is None:
            print("Install Blender 4.2 or newer, or Python 3.11 or 3.13 for the bpy wheel.", file=sys.stderr)
            return 1
        launcher = [str(python)]

    out = Path(options.out).resolve()
    audio = Path(options.audio).resolve() if options.audio else DEMO_SPEECH
    if options.portrait:
        portraits = [(Path(options.portrait).resolve(), out)]
    else:
        portraits = [(path, out / path.stem) for path in default_portraits()]
    for portrait, folder in portraits:
        print(f"== {audio.name} + {portrait.name}", flush=True)
        job = [str(ROOT / "tools" / "demo_blender.py"), "--", "--audio", str(audio), "--portrait", str(portrait)]
        job += ["--out", str(folder), "--takes", str(options.takes), "--seed", str(options.seed)]
        job += ["--size", str(options.size), "--transcript", words, "--worker-python", str(worker)]
        job += ["--source", options.source, "--pose-style", str(options.pose_style), "--renderer", options.renderer]
        job += ["--head-detail", options.head_detail or (NEURAL if options.source == "facetalk" else MODEL)]
        code = subprocess.run(launcher + job, cwd=ROOT, check=False).returncode
        if code:
            return code
    print(f"== done: {out}")
    return 0


def demo_words(audio: str | None, transcript: str | None) -> str:
    """The transcript: what the user gives, else the words of our own speech; nothing for another sound.

    The name of a file gets its whole path, because Blender starts in another folder. Raises BadInputError as
    `given_transcript`.
    """
    if transcript is None:
        return "" if audio else str(DEMO_SPEECH.with_suffix(".txt"))
    given_transcript(transcript, Path())  # refuse it before the environments are made
    file = named_file(transcript, Path())
    return transcript if file is None else str(file.resolve())


def default_portraits() -> list[Path]:
    """The public-domain test photograph of scikit-image's wheel and a person rendered from the head model."""
    python = development_environment()
    folder = RUNTIME / "portraits"
    folder.mkdir(exist_ok=True)
    person, photograph = folder / "rendered_person.png", folder / "astronaut.png"
    if not photograph.exists():
        code = "import sys, skimage.data, skimage.io; skimage.io.imsave(sys.argv[1], skimage.data.astronaut())"
        subprocess.run([python, "-c", code, photograph], check=True)
    if not person.exists():
        subprocess.run([python, "-m", "training.corpus.synthetic.make_person", "--out", person], cwd=ROOT, check=True)
    return [photograph, person]


# ------------------------------------------------------------------------------------------------------------ tests
@dataclass
class Totals:
    """Sums over all runs of the tests."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add_junit(self, report: Path) -> None:
        """Add one JUnit report; a runner that left none (it crashed) counts as a failure."""
        if not report.exists():
            self.failed += 1
            return
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            count = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
            bad = count["failures"] + count["errors"]
            self.passed += count["tests"] - bad - count["skipped"]
            self.failed += bad
            self.skipped += count["skipped"]

    def told(self) -> int:
        """Print the sums as the last line; returns the exit code: 0 only when something passed and nothing failed."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed or not self.passed else 0


def test(arguments: list[str], fast: bool = False) -> int:
    """Run all tests, or what ``arguments`` (for pytest) name; returns 0 only when nothing failed.

    ``fast`` leaves out what is marked slow, all bpy wheels but one, and the real Blenders.
    """
    print("== the development environment", flush=True)
    worker = development_environment()
    totals = Totals()
    variables = os.environ | {"SOLILOQUY_PYTHON": str(worker)}
    if fast and not arguments:
        return fast_tests(worker, {"OMP_NUM_THREADS": "1", **variables})

    def run(title: str, command: list[str | Path], report: Path) -> None:
        print(f"== {title}", flush=True)
        # Exit codes are not summed: pytest's 5 (no test selected) is no failure, and a crash leaves no report.
        subprocess.run(command, cwd=ROOT, env=variables, check=False)
        totals.add_junit(report)

    chosen = [*(["-m", "not slow"] if fast else []), *(arguments or UNIT_TESTS)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "unit.xml"
        run("unit tests", [worker, "-m", "pytest", "-q", f"--junitxml={report}", *chosen], report)
        if not arguments:
            matrix: list[str | Path] = [worker, "tools/matrix.py", "--python", worker]
            for version in TESTED_BPY:
                python = bpy_environment(version)
                if python is None:
                    say(f"bpy {version}: no CPython {'.'.join(map(str, BPY_PYTHONS[version]))} here, left out")
                    totals.skipped += 1
                    continue
                matrix += ["--wheel", python]
                report = Path(folder) / f"bpy-{version}.xml"
                run(
                    f"add-on under bpy {version}",
                    [python, "-m", "pytest", "-q", f"--junitxml={report}", "tests/addon"],
                    report,
                )
            blenders = [path for path in os.environ.get("SOLILOQUY_BLENDERS", "").split(os.pathsep) if path]
            if blenders:
                subprocess.run([worker, ROOT / "tools" / "build_zip.py", "--out", ROOT / "build"], check=True)
                archive = max((ROOT / "build").glob("soliloquy-*.zip"), key=lambda path: path.stat().st_mtime)
            for index, blender in enumerate(blenders):
                report = Path(folder) / f"blender-{index}.xml"
                command: list[str | Path] = [worker, "tests/blender/run.py", "--blender", blender, "--zip", archive]
                run(f"the extension in {blender}", [*command, "--python", worker, "--junitxml", report], report)
                matrix += ["--blender", blender]
            report = Path(folder) / "matrix.xml"
            run("what works in which Blender", [*matrix, "--junitxml", report], report)
    return totals.told()


def fast_tests(worker: Path, variables: dict[str, str]) -> int:
    """Run the tests that aren't slow, unit tests and add-on at the same time; returns 0 only when nothing failed."""
    totals, bpy = Totals(), bpy_environment(FAST_BPY)
    if bpy is None:
        say(f"bpy {FAST_BPY}: no CPython {'.'.join(map(str, BPY_PYTHONS[FAST_BPY]))} here, left out")
        totals.skipped += 1
    runs: list[tuple[str, Path, Sequence[str]]] = [("unit tests", worker, UNIT_TESTS)]
    runs += [(f"add-on under bpy {FAST_BPY}", bpy, ["tests/addon"])] if bpy else []
    with tempfile.TemporaryDirectory() as folder:
        reports = [Path(folder) / f"{place}.xml" for place in range(len(runs))]
        commands: dict[str, list[str | Path]] = {
            title: [python, "-m", "pytest", "-q", "-m", "not slow", f"--junitxml={report}", *chosen]
            for (title, python, chosen), report in zip(runs, reports, strict=True)
        }
        together(commands, variables)
        for report in reports:
            totals.add_junit(report)
    return totals.told()


def together(commands: Mapping[str, Sequence[str | Path]], variables: Mapping[str, str]) -> None:
    """Run commands, by their titles, at the same time.

    The output of the first appears as it comes, that of the others when they and those before them have ended.
    """
    with contextlib.ExitStack() as files:
        started: list[tuple[str, subprocess.Popen[bytes], IO[bytes] | None]] = []
        for title, command in commands.items():
            kept: IO[bytes] | None = files.enter_context(tempfile.TemporaryFile()) if started else None
            process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=kept, stderr=subprocess.STDOUT)
            started.append((title, process, kept))
        for title, process, output in started:
            print(f"== {title}", flush=True)
            process.wait()
            if output is not None:
                output.seek(0)
                print(output.read().decode(errors="replace"), end="", flush=True)


def lint(names: Sequence[str] = ()) -> int:
    """Run the linters, or those that are named; returns 0 when all are content."""
    python = development_environment()
    codes = [
        subprocess.run([python, *LINTERS[name]], cwd=ROOT, check=False).returncode for name in names or tuple(LINTERS)
    ]
    return max(codes)


# ------------------------------------------------------------------------------------------------------------- main
def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    demonstration = commands.add_parser("demo", help="Make talking heads through Blender.")
    demonstration.add_argument("--audio", help="Sound file or movie with the speech. Default: the demonstration's own.")
    demonstration.add_argument(
        "--portrait", help="Photograph with one face. Default: a test photograph and a rendered person."
    )
    demonstration.add_argument(
        "--transcript",
        metavar="FILE|TEXT",
        help="The words that are said, or a .txt, .srt or .vtt file that holds them. Default: those of the"
        " demonstration's own sound; none for another one.",
    )
    demonstration.add_argument("--out", default=str(DEFAULT_OUT), help="Folder for the result. Default: demo-output.")
    demonstration.add_argument("--takes", type=int, default=1, help="Number of takes of each portrait. Default: 1.")
    demonstration.add_argument("--seed", type=int, default=0, help="Seed of the first take. Default: 0.")
    demonstration.add_argument(
        "--size", type=int, default=512, choices=(256, 512), help="Pixels of the face square: 256 or 512. Default: 512."
    )
    for name, kinds, text in (("source", SOURCES, "What makes the motion."), ("renderer", RENDERERS, "What draws it.")):
        usual = kinds[0].name
        demonstration.add_argument(f"--{name}", choices=names(kinds), default=usual, help=f"{text} Default: {usual}.")
    text = f"How detailed the head in the .blend is. Default: {MODEL}; {NEURAL} if the motion is FaceTalk's."
    demonstration.add_argument("--head-detail", choices=names(HEAD_DETAILS), help=text)
    text = "Manner of the head's motion, if the source has several. Default: 0."
    demonstration.add_argument("--pose-style", type=int, default=0, help=text)
    tests = commands.add_parser(
        "test", help="Run the tests; further arguments go to pytest.", add_help=False, allow_abbrev=False
    )
    tests.add_argument("--fast", action="store_true", help="Leave out tests marked slow.")
    linters = commands.add_parser("lint", help="Run the linters.")
    linters.add_argument(
        "linters", nargs="*", metavar="linter", help=f"Linters to run: {', '.join(LINTERS)}. Default: all."
    )
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "test":
        parser.error(f"unknown: {' '.join(rest)}")
    if options.command == "lint" and (unknown := set(options.linters) - set(LINTERS)):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    try:
        if options.command == "demo":
            return demo(options)
        return test(rest, options.fast) if options.command == "test" else lint(options.linters)
    except SoliloquyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
