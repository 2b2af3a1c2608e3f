"""How good the tracks are: ``python -m training.tracking.report`` writes ``docs/tracks.md`` from ``.cache/tracks``."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from core.motion.channels import EXPRESSIONS

from ..common.splits import split
from .tracks import CACHE

BLINK = EXPRESSIONS.index("eyeBlink_L")


def measured(path: Path) -> dict[str, float]:
    """Numbers of one track file."""
    with np.load(path, allow_pickle=False) as track:
        blink = track["expression"][:, BLINK] > 0.5
        turned = np.degrees(track["rotation"])
        return {
            "frames": len(turned),
            "opening": float(np.corrcoef(track["opening"], track["fitted_opening"])[0, 1]),
            "residual": 100 * float(np.median(track["residual"])),
            "blinks": float((blink[1:] & ~blink[:-1]).sum()),
            "range": float(np.ptp(turned, axis=0).max()),
            "shake": float(np.abs(np.diff(turned, 2, axis=0)).mean()),
        }


def rows(folder: Path) -> list[str]:
    """Table of one corpus."""
    files = sorted(folder.glob("*.npz"))
    numbers = [measured(path) for path in files]
    frames = sum(n["frames"] for n in numbers)

    def column(name: str) -> np.ndarray:
        return np.array([n[name] for n in numbers])

    opening, residual = column("opening"), column("residual")
    shake = np.average(column("shake"), weights=column("frames"))
    splits = Counter(split(path.stem) for path in files)
    return [
        f"## {folder.name}: {len(files)} pieces, {frames / 25 / 60:.1f} minutes",
        "",
        "| what | value |",
        "|---|---|",
        f"| pieces by split | {', '.join(f'{name} {count}' for name, count in sorted(splits.items()))} |",
        "| opening of the fitted mouth against the landmarks', correlation | "
        f"median {np.median(opening):.4f}, worst {opening.min():.3f} |",
        "| landmark residual, of the outer-eye distance | "
        f"median {np.median(residual):.2f} %, worst {residual.max():.2f} % |",
        f"| blinks a minute | {60 * 25 * column('blinks').sum() / frames:.0f} |",
        f"| range of head rotation in a piece | median {np.median(column('range')):.1f}° |",
        f"| mean acceleration of head rotation, a frame² | {shake:.3f}° |",
        "",
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path, default=Path("docs/tracks.md"))
    options = parser.parse_args()
    lines = [
        "# Tracks of the video corpora",
        "",
        "Made by `python -m training.tracking.tracks grid`, the same with `obama`, and `python -m training.tracking.report`.",
        "`address_*` are White House weekly addresses, of which only 68 landmarks a frame are at hand, and no sound.",
        "",
    ]
    for corpus in ("grid", "obama"):
        lines += rows(CACHE / "tracks" / corpus)
    skipped = json.loads((CACHE / "tracks" / "grid" / "skipped.json").read_text())
    lines += ["GRID clips left out:", "", *(f"- `{name}`: {reason}" for name, reason in skipped.items()), ""]
    options.report.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
