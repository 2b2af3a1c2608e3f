"""A batch of many jobs whose worker, and now and then Blender, is killed: ``python -m tests.fuzz.kills``.

The list is run once in peace, and once with kills at random moments, again and again until all is done. Both must hold
the same files, byte for byte; no take may be made twice; no process and no unfinished file may stay. Run it with the
development environment's Python; ``--blender`` is the Python of a bpy wheel.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from core.places import ASSETS, ROOT
from core.runtime.processes import clean_environment

_OWN = {"job.json", "take.json", ".lock"}
"""Files that hold times, so they differ between two runs."""
_ORPHAN_SECONDS = 20.0
"""A worker whose client is gone may take this long to end on a busy machine."""


class Bench:
    """A folder for two runs, and the two interpreters."""

    def __init__(self, folder: Path, blender: Path, jobs: int) -> None:
        self.folder, self.blender, self.jobs = folder, blender, jobs

    def write_list(self, name: str) -> Path:
        """A list of jobs of which each third has frames, in a folder of its own."""
        rows = ["name,audio,portrait,out,takes,seed,size,framing,renderer,extract,motion_only"]
        for number in range(self.jobs):
            inputs = f"{ASSETS / 'self_test.flac'},{ASSETS / 'self_test.jpg'}"
            only = "no" if number % 3 == 0 else "yes"
            rows.append(f"job {number},{inputs},out,1,{100 + number},128,crop,warp,no,{only}")
        path = self.folder / name / "jobs.csv"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(rows), encoding="utf-8")
        return path

    def start(self, path: Path) -> subprocess.Popen[str]:
        """Blender's side, which runs the list."""
        variables = {"SOLILOQUY_PYTHON": sys.executable, "SOLILOQUY_CACHE": str(self.folder / "cache")}
        return subprocess.Popen(
            [str(self.blender), "-m", "tests.fuzz.batch_side", str(self.folder / "user"), str(path), "--retries", "3"],
            **{"cwd": ROOT, "env": clean_environment() | variables, "text": True, "start_new_session": True},
            **{"stdout": (self.folder / "log").open("w"), "stderr": subprocess.STDOUT},
        )  # type: ignore[call-overload]

    def last_line(self) -> str:
        """What Blender's side said at last."""
        return "".join((self.folder / "log").read_text(encoding="utf-8").splitlines()[-1:])

    def workers(self) -> list[int]:
        """Processes that our Blender, or one that was killed, has started."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line, variables = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
                except OSError:
                    continue
                if b"core.worker" in line and str(self.folder / "cache").encode() in variables:
                    found.append(int(entry.name))
        return found


def digests(out: Path) -> dict[str, str]:
    """SHA-256 of every file of the results."""
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.name not in _OWN]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Rough:
    """The run with kills."""

    def __init__(self, bench: Bench, kills: int, seed: int) -> None:
        self.bench, self.wanted, self.random = bench, kills, random.Random(seed)
        self.kills, self.faults = 0, list[str]()
        self.finished: dict[Path, int] = {}

    def run(self, path: Path) -> None:
        """Run the list until it is done after all kills."""
        out, runs = path.parent / "out", 0
        while runs < 60:
            runs += 1
            process = self.bench.start(path)
            self._attack(process, out)
            done = f"{len(self.finished)} takes: {self.bench.last_line()}"
            print(f"run {runs}: exit {process.returncode}, {done}", flush=True)
            self._look_for_leftovers(out)
            if process.returncode == 0 and self.kills >= self.wanted:
                return
            if process.returncode == 0:
                self.faults.append(f"only {self.kills} kills fitted in")
                return
        self.faults.append("it never ends")

    def _attack(self, process: subprocess.Popen[str], out: Path) -> None:
        """Kill at random moments, seldom enough that each worker gets something done."""
        due, seen = None, 0
        share = self.bench.jobs / (self.wanted + 2)
        while process.poll() is None:
            time.sleep(0.05)
            self._note_finished(out)
            if self.kills >= self.wanted:
                continue
            files = sum(1 for _ in out.rglob("*"))
            if due is None and files > seen and len(self.finished) >= share * self.kills:
                due = time.monotonic() + self.random.uniform(0.0, 2.5)
            if due is not None and time.monotonic() > due and (found := self.bench.workers()):
                self.kills += 1
                blender = self.kills % 4 == 0
                os.kill(process.pid if blender else found[0], signal.SIGKILL)
                print(f"kill {self.kills}, {'Blender' if blender else 'the worker'}", flush=True)
                due, seen = None, files

    def _note_finished(self, out: Path) -> None:
        for path in out.rglob("take.json"):
            stamp = path.stat().st_mtime_ns
            if self.finished.setdefault(path, stamp) != stamp:
                self.faults.append(f"made twice: {path}")
                self.finished[path] = stamp

    def _look_for_leftovers(self, out: Path) -> None:
        end = time.monotonic() + _ORPHAN_SECONDS
        while (left := self.bench.workers()) and time.monotonic() < end:
            time.sleep(0.2)
        if left:
            self.faults.append(f"workers that nobody uses: {left}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description="Kills workers of a batch.")
    parser.add_argument("--jobs", type=int, default=100, help="jobs (default 100)")
    parser.add_argument("--kills", type=int, default=20, help="kills (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default 1)")
    parser.add_argument("--blender", type=Path, default=ROOT / ".runtime/bpy-5.0/bin/python", help="a Python with bpy")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.blender, options.jobs)
        calm, rough = bench.write_list("calm"), bench.write_list("rough")
        begun = time.monotonic()
        process = bench.start(calm)
        process.wait()
        seconds = time.monotonic() - begun
        print(f"in peace: exit {process.returncode}, {seconds:.0f} s: {bench.last_line()}", flush=True)
        attacked = Rough(bench, options.kills, options.seed)
        attacked.run(rough)
        faults = attacked.faults
        wanted, got = digests(calm.parent / "out"), digests(rough.parent / "out")
        faults += [f"missing: {name}" for name in wanted.keys() - got.keys()]
        faults += [f"left over: {name}" for name in got.keys() - wanted.keys()]
        faults += [f"different: {name}" for name in wanted.keys() & got.keys() if wanted[name] != got[name]]
        faults += [f"left in the cache: {path.name}" for path in (bench.folder / "cache").rglob("*.part*")]
        counts = json.loads((rough.parent / "jobs-summary.json").read_text(encoding="utf-8"))["counts"]
    print("\n".join(faults[:20]))
    print(f"{attacked.kills} kills, {counts}, {len(wanted)} files compared, {len(faults)} faults")
    return 1 if faults or process.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
