"""Measure everything that ships and write the tables of ``docs/results``: ``python -m training.evaluate``.

Each part is a command of its own (``--help`` lists them). Here they run one after the other, each in its own process so
that memory is freed, with ``--results docs/results``. A part that fails doesn't stop the others; the exit code says
whether any failed. ``--embed`` measures nothing: it only copies the stored tables into the pages again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from .common.results_page import embed

PARTS: dict[str, tuple[str, ...]] = {
    "portraits": ("training.checks.portrait_report",),
    "tracks": ("training.tracking.report",),
    "reconstruction": ("training.reconstruction", "evaluate"),
    "visible": ("training.visible", "evaluate"),
    "teeth": ("training.teeth", "evaluate"),
    "roundtrip": ("training.checks.roundtrip",),
    "outline": ("training.checks.outline",),
    "sound": ("training.speech.sound_report",),
    "recognisers": ("training.speech.recognisers",),
    "lips": ("training.lips", "evaluate"),
    "films": ("training.checks.films",),
    "lips-robustness": ("training.checks.robustness",),
    "lips-languages": ("training.checks.languages",),
    "lip-sync": ("training.judge.lip_sync_evaluation",),
    "self-reenactment": ("training.generator.image_metrics",),
    "identity": ("training.checks.identity_drift",),
    "blinks": ("training.checks.blinks",),
    "likeness": ("training.checks.likeness",),
    "systems": ("training.checks.systems",),
    "disentanglement": ("training.representation.disentanglement",),
    "sadtalker": ("training.sadtalker", "evaluate"),
    "sadtalker-ablations": ("training.sadtalker", "ablations"),
    "sadtalker-one-network": ("training.sadtalker", "one-network"),
    "facetalk": ("training.facetalk", "evaluate"),
    "neural-head": ("training.neural_head", "evaluate"),
    "neural-head-portraits": ("training.neural_head", "portraits"),
    "prior": ("training.prior.evaluate", "--guidance", "1", "--own-levels"),
    "prior-sampling": (
        *("training.prior.evaluate", "--sets", "voices", "--alone", "--clips", "4", "--seeds", "2"),
        *("--steps", "2,4,6,8,20,50", "--samplers", "ddim,ddpm:50,ddpm:1000", "--out", "runs/prior/sampling.json"),
    ),
}
"""Module and arguments that measure each part."""
RESULTS = Path("docs/results")


def run(parts: list[str], results: Path) -> list[str]:
    """Run the commands of some parts; returns the names of those that failed."""
    failed = []
    for part in parts:
        command = [sys.executable, "-m", *PARTS[part], "--results", str(results)]
        print(f"== {part}: {' '.join(command[1:])}", flush=True)
        if subprocess.run(command, check=False).returncode != 0:
            failed.append(part)
    return failed


def main(arguments: list[str] | None = None) -> int:
    """Command line. The exit code is 1 if a part failed."""
    listing = "\n".join(f"  {part:18} python -m {' '.join(command)}" for part, command in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="training.evaluate",
        description=(__doc__ or "").splitlines()[0],
        epilog=f"parts:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="part", help="default: all of them")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="folder of the pages")
    parser.add_argument("--embed", action="store_true", help="only copy the stored tables into the pages again")
    options = parser.parse_args(arguments)
    if options.embed:
        for page in embed(options.results):
            print(page)
        return 0
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    failed = run(options.parts or list(PARTS), options.results)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
