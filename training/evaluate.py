"""Measure everything that ships, and write the tables into the results page: ``python -m training.evaluate``.

Each part is a command of its own (``--help`` lists them); here they run one after the other, each in a process of its
own so that memory is given back, with ``--page docs/results.md``. A part that fails doesn't stop the others; the exit
code says whether any did.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

PARTS: dict[str, tuple[str, ...]] = {
    "lips": ("training.lips", "evaluate"),
    "lip-sync": ("training.judge.lip_sync_evaluation",),
    "self-reenactment": ("training.generator.image_metrics",),
    "disentanglement": ("training.representation.disentanglement",),
    "identity": ("training.checks.identity_drift",),
    "reconstruction": ("training.reconstruction", "evaluate"),
    "prior": ("training.prior.evaluate",),
}
"""Module and arguments that measure each part; the name is that of its place in the page."""
PAGE = Path("docs/results.md")


def run(parts: list[str], page: Path) -> list[str]:
    """Run the commands of some parts; returns the names of those that failed."""
    failed = []
    for part in parts:
        command = [sys.executable, "-m", *PARTS[part], "--page", str(page)]
        print(f"== {part}: {' '.join(command[1:])}", flush=True)
        if subprocess.run(command, check=False).returncode != 0:
            failed.append(part)
    return failed


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit code is 1 where a part failed."""
    listing = "\n".join(f"  {part:18} python -m {' '.join(command)}" for part, command in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="training.evaluate",
        description=(__doc__ or "").splitlines()[0],
        epilog=f"parts:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="part", help="all of them where none is named")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    failed = run(options.parts or list(PARTS), options.page)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
