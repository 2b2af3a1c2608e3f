"""Tests of the packed extension in a real Blender.

    python tests/blender/run.py --blender PATH --zip ZIP --python WORKER_PYTHON [--junitxml FILE] [--only WORD]

Installs the zip into a separate Blender profile, then runs cases inside ``blender -b`` (``in_background.py``,
``on_rigs.py``, ``on_avatars.py``). If there is a ``blender-gui`` next to the binary or a screen, it also runs cases
inside Blender's window (``in_window.py`` and its like). All of them use a scripted worker. ``--command soliloquy`` runs
from outside, with the scripted worker and once with the real one. The exit code is 0 only if no case failed and at
least one passed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import batch_cases
from removal_cases import removal_cases
from results import Result, write_junit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MARK = "RESULT "
TESTED = ("background", "rigs", "window", "queue", "takes", "commands", "real", "removal")
MEASURED = ("gaps", "correction")
"""Parts that only print times, and need minutes. They run only where they are named."""
LIMIT = 600.0


@dataclass
class Bench:
    """A Blender with the installed zip, and how to start it."""

    blender: Path
    python: Path
    folder: Path
    results: list[Result] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """A home folder of its own for the user, where takes of unsaved files go."""
        place = self.folder / "home"
        place.mkdir(exist_ok=True)
        return place

    def environment(self, *, scripted: bool) -> dict[str, str]:
        """Environment: a separate profile, the scripted or real worker, and folders that a wrapped Blender needs."""
        pythons = (self.python.parents[1], self.python.resolve().parents[1])  # an environment, and what it was made of
        seen = dict.fromkeys(map(str, (ROOT, self.folder, *pythons)))
        return os.environ | {
            "BLENDER_USER_RESOURCES": str(self.folder / "profile"),
            "BLENDER_BIND": os.environ.get("BLENDER_BIND", ":".join(seen)),
            "SOLILOQUY_PYTHON": str(self.scripted_python() if scripted else self.python),
            "SOLILOQUY_TEST_FOLDER": str(self.folder / "work"),
            "SOLILOQUY_SMALL_DISK": str(self.small_disk() or ""),
            "PYTHONDONTWRITEBYTECODE": "1",
            **dict.fromkeys(("HOME", "USERPROFILE"), str(self.home)),
        }

    def small_disk(self) -> Path | None:
        """A disk of three megabytes to fill up; None if it can't be mounted, which needs Linux and root."""
        place = self.folder / "small disk"
        if sys.platform != "linux" or os.geteuid() != 0:
            return None
        if not place.is_dir():
            place.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
            subprocess.run(command, capture_output=True, check=False)
        return place if place.is_mount() else None

    def close(self) -> None:
        """Unmount the small disk and delete the folder."""
        place = self.folder / "small disk"
        if place.is_mount():
            subprocess.run(["umount", "-l", str(place)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def scripted_python(self) -> Path:
        """An executable in place of the worker's Python that runs the scripted worker."""
        path = self.folder / "scripted-python"
        if not path.exists():
            script = ROOT / "tests" / "addon" / "fake_worker.py"
            path.write_text(f'#!/bin/sh\nexec "{self.python}" "{script}"\n')
            path.chmod(0o755)
        return path

    def run(self, *arguments: str | Path, scripted: bool = True, program: Path | None = None):
        """Run Blender to its end, or kill it after `LIMIT`; returns the finished process with its output."""
        command = [str(program or self.blender), *(str(argument) for argument in arguments)]
        with subprocess.Popen(
            command,
            env=self.environment(scripted=scripted),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                said = process.communicate(timeout=LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(command, process.returncode, *said)

    def script(self, path: Path, *before: str, scripted: bool = True, program: Path | None = None) -> None:
        """Run a script of cases and collect its reports; a script that ends early is a failure."""
        done = self.run(*before, "--python-exit-code", "1", "--python", path, scripted=scripted, program=program)
        lines = done.stdout.splitlines()
        reported = [Result(**json.loads(line[len(MARK) :])) for line in lines if line.startswith(MARK)]
        self.results += [Result(f"{path.stem}::{r.name}", r.outcome, r.text, r.seconds) for r in reported]
        ended_well = done.returncode == 0 and any(line.startswith("LEFT ") for line in lines)
        text = "" if ended_well else f"exit code {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        self.results.append(Result(f"{path.stem}::blender_ends_well", "passed" if ended_well else "failed", text))
        for line in lines:
            if line.startswith("LEFT "):
                worker = int(line.split()[1])
                gone = worker == 0 or is_gone(worker)  # 0: there was no worker at the end
                self.results.append(
                    Result(f"{path.stem}::no_process_is_left", "passed" if gone else "failed", "" if gone else line)
                )
            elif line.startswith(("rate ", "longest ", "took ")):
                print(f"    {line}")

    def skip(self, name: str, why: str) -> None:
        """Record a case that can't run here."""
        self.results.append(Result(name, "skipped", why))

    def check(self, name: str, condition: bool, text: str = "") -> None:
        """Record one assertion as a case."""
        self.results.append(Result(name, "passed" if condition else "failed", "" if condition else text))


def is_gone(pid: int, seconds: float = 10.0) -> bool:
    """Whether a process ends within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


# ------------------------------------------------------------------------------------------------------ from outside
def install(bench: Bench, archive: Path) -> None:
    """Check the zip with Blender's own validator and installer."""
    valid = bench.run("--command", "extension", "validate", archive)
    bench.check("zip_is_valid", valid.returncode == 0, valid.stdout + valid.stderr)
    done = bench.run("--command", "extension", "install-file", "-r", "user_default", "--enable", archive)
    bench.check("zip_installs", done.returncode == 0, done.stdout + done.stderr)


def commands(bench: Bench) -> None:
    """Test ``--command soliloquy`` with the scripted worker: results and exit codes."""
    work = bench.folder / "command line ü"
    work.mkdir()
    sound, person = work / "speech.wav", work / "person.png"
    write_click(sound)
    from PIL import Image

    for manner in ("person", "noface", "crash", "slow"):
        Image.new("RGB", (8, 8), (200, 160, 140)).save(work / f"{manner}.png")
    common = ["--audio", sound, "--out", work / "out"]
    blend = work / "talk.blend"

    done = bench.run(
        "-b", "--command", "soliloquy", *common, "--portrait", person, "--takes", "2", "--save-blend", blend
    )
    text = done.stdout + done.stderr
    bench.check("command::exit_0_when_done", done.returncode == 0, text)
    bench.check("command::takes_are_printed", done.stdout.count("take-00") == 2, text)
    bench.check("command::blend_is_saved", blend.is_file(), text)

    done = bench.run("-b", blend, "--command", "soliloquy", "--seed", "40")
    text = done.stdout + done.stderr
    bench.check("command::a_saved_file_can_be_spoken_again", done.returncode == 0 and "seed 40" in done.stdout, text)

    for name, arguments, code in (
        ("no_face", [*common, "--portrait", work / "noface.png"], 2),
        ("no_such_sound", ["--audio", work / "none.wav", "--portrait", person, "--out", work / "out"], 2),
        ("bad_option", [*common, "--portrait", person, "--takes", "0"], 2),
        ("worker_crash", [*common, "--portrait", work / "crash.png"], 1),
    ):
        done = bench.run("-b", "--command", "soliloquy", *arguments)
        told = [line for line in done.stderr.splitlines() if line.startswith("soliloquy:")]
        fine = done.returncode == code and len(told) == 1
        bench.check(f"command::{name}_is_exit_{code}", fine, f"{done.returncode}\n{done.stdout}\n{done.stderr}")

    for name, number in (("interrupt", signal.SIGINT), ("terminate", signal.SIGTERM)):
        code, left = interrupted(bench, [*common, "--portrait", work / "slow.png", "--takes", "20"], number)
        bench.check(f"command::{name}_is_exit_130", code == 130, f"exit code {code}")
        bench.check(f"command::{name}_leaves_no_process", not left, f"left: {left}")
    batch_cases.scene_cases(bench)
    batch_cases.killed_cases(bench)


def interrupted(bench: Bench, arguments: list, number: signal.Signals) -> tuple[int, list[int]]:
    """Exit code of a command that gets a signal during a job, and the scripted workers that stay after it."""
    process = subprocess.Popen(
        [str(bench.blender), "-b", "--command", "soliloquy", *map(str, arguments)],
        env=bench.environment(scripted=True),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "rendering frames" in line:
            break
    process.send_signal(number)
    process.stdout.read()
    code = process.wait(LIMIT)
    end = time.monotonic() + 10
    while (left := batch_cases.workers_of(bench)) and time.monotonic() < end:
        time.sleep(0.1)
    return code, left


def write_click(path: Path) -> None:
    """Write two seconds of silence with one click."""
    import numpy as np
    import soundfile

    samples = np.zeros(32000, np.float32)
    samples[16000:16040] = 0.6
    soundfile.write(path, samples, 16000)


def photograph(folder: Path) -> Path:
    """Write a public-domain photograph of a person. Raises ImportError where the worker's Python lacks its package."""
    import skimage.data
    from PIL import Image

    Image.fromarray(skimage.data.astronaut()).save(folder / "astronaut.png")
    return folder / "astronaut.png"


def for_real(bench: Bench) -> None:
    """Run 1.5 seconds of real speech and a real photograph through the real worker, and check the result."""
    work = bench.folder / "for real"
    work.mkdir()
    try:
        import numpy as np
        import soundfile
        from PIL import Image

        face = photograph(work)
    except ImportError as error:
        bench.skip("for_real", f"the worker's Python lacks {error.name}")
        return
    samples, rate = soundfile.read(ROOT / "tools" / "assets" / "demo_speech.flac")
    soundfile.write(work / "speech.flac", samples[: int(1.5 * rate)], rate)
    blend = work / "talk.blend"
    done = bench.run(
        *("-b", "--command", "soliloquy", "--audio", work / "speech.flac", "--portrait", face),
        *("--out", work / "out", "--takes", "1", "--seed", "7", "--save-blend", blend),
        scripted=False,
    )
    text = done.stdout + done.stderr
    bench.check("for_real::exit_0", done.returncode == 0, text)
    pictures = sorted((work / "out").glob("*/take-001/frames/*.png"))
    bench.check("for_real::frames_are_25_a_second", len(pictures) in (37, 38), f"{len(pictures)} frames\n{text}")
    if len(pictures) > 1:
        first, *others = (np.asarray(Image.open(path), float) for path in pictures[:: len(pictures) // 4])
        change = max(np.abs(other - first).mean() for other in others)
        bench.check("for_real::the_picture_moves", change > 0.2, f"mean change {change}")
    bench.check("for_real::blend_is_saved", blend.is_file(), text)
    if blend.is_file():
        done = bench.run("-b", blend, "--python-exit-code", "1", "--python", HERE / "head_moves.py")
        bench.check("for_real::head_moves", done.returncode == 0, done.stdout + done.stderr)
    batch_cases.killed_cases(bench, real=(work / "speech.flac", face))
    batch_cases.full_disk_cases(bench, work / "speech.flac", face)


# -------------------------------------------------------------------------------------------------------------- main
def gui_of(blender: Path) -> Path | None:
    """Program that runs this Blender with a window: ``blender-gui`` next to it, or itself if there is a screen."""
    beside = blender.with_name("blender-gui")
    if beside.exists():
        return beside
    return blender if os.environ.get("DISPLAY") or sys.platform in ("darwin", "win32") else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender", type=Path, required=True)
    parser.add_argument("--zip", type=Path, required=True)
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="the worker's interpreter")
    parser.add_argument("--junitxml", type=Path)
    parser.add_argument("--only", choices=(*TESTED, *MEASURED))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soliloquy-blender-"))
    bench = Bench(options.blender.absolute(), options.python.absolute(), folder)
    gui = gui_of(bench.blender)

    def window(*names: str, scripted: bool = True) -> None:
        if gui is None:
            bench.skip("in_window", "no screen and no blender-gui beside the binary")
            return
        for name in names:
            bench.script(HERE / name, scripted=scripted, program=gui)

    parts = {
        "background": lambda: bench.script(HERE / "in_background.py", "-b"),
        "rigs": lambda: [bench.script(HERE / name, "-b") for name in ("on_rigs.py", "on_avatars.py")],
        "window": lambda: window("in_window.py", "in_window_stress.py"),
        "queue": lambda: window("in_window_queue.py"),
        "takes": lambda: window("in_window_takes.py"),
        "gaps": lambda: window("in_window_gaps.py"),
        "correction": lambda: photograph(folder / "work") and window("in_window_correction.py", scripted=False),
        "commands": lambda: commands(bench),
        "real": lambda: for_real(bench),
        "removal": lambda: removal_cases(bench),
    }
    try:
        (folder / "work").mkdir()
        install(bench, options.zip.absolute())
        for name, part in parts.items():
            if name == options.only or (options.only is None and name in TESTED):
                try:
                    part()
                except subprocess.TimeoutExpired as error:
                    bench.results.append(Result(name, "failed", f"no end after {error.timeout:g} s"))
    finally:
        bench.close()
    for result in bench.results:
        print(f"{result.name} {result.outcome.upper()}" + (f"\n{result.text}" if result.text else ""))
    count = {outcome: sum(r.outcome == outcome for r in bench.results) for outcome in ("passed", "failed", "skipped")}
    print(", ".join(f"{number} {outcome}" for outcome, number in count.items()))
    if options.junitxml:
        write_junit(bench.results, options.junitxml)
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
