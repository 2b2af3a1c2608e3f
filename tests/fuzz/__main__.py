"""Thousands of damaged files: ``python -m tests.fuzz KIND [--cases N] [--seed S] [--first I]``.

KIND is ``sounds``, ``pictures``, ``motions``, ``jobs`` (``job.json`` and ``take.json``), ``phones``, ``transcripts``,
or ``portraits`` (disturbed photographs, through the fit).
Every file must be read or refused with a sentence, within ten seconds, and within the memory of its kind. The files are
met in processes of their own, a hundred each, with a limit on their memory, so that a crash or a hang costs one file.
Prints what came of each kind of damage, and exits with 1 if any file was met with anything else. What ``--seed`` and a
case's number make is always the same, so ``--first 123 --cases 1 --seed 5`` repeats one case of a longer run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .runner import GOOD, KINDS, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Reads thousands of damaged files.")
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--cases", type=int, default=1000, help="files (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="of their damage (default 1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default 0)")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tally = run(options.kind, options.cases, options.seed, options.first, Path(folder))
    for (what, result), count in sorted(tally.items()):
        print(f"  {what:44} {result:24} {count}")
    total = sum(tally.values())
    faults = sum(count for (_, result), count in tally.items() if result not in GOOD)
    print(f"{options.kind}: {total} cases in {time.monotonic() - begun:.0f} s, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
