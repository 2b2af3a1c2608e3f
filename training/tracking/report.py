"""How good the tracks in ``.cache/tracks`` are: ``python -m training.tracking.report``."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from core.motion.channels import EXPRESSIONS

from ..common.folders import TRACKS
from ..common.results_page import Table, add_results_option, show
from ..common.splits import split

BLINK = EXPRESSIONS.index("eyeBlink_L")
CORPORA = ("grid", "obama")


def measured(path: Path) -> dict[str, float]:
    """Measurements of one track file."""
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


def column(folder: Path) -> dict[str, str]:
    """The measurements of one corpus as text."""
    files = sorted(folder.glob("*.npz"))
    numbers = [measured(path) for path in files]

    def of(name: str) -> np.ndarray:
        return np.array([n[name] for n in numbers])

    frames, opening, residual = of("frames"), of("opening"), of("residual")
    splits = Counter(split(path.stem) for path in files)
    return {
        "pieces": str(len(files)),
        "minutes": f"{frames.sum() / 25 / 60:.1f}",
        "pieces by split": ", ".join(f"{name} {count}" for name, count in sorted(splits.items())),
        "correlation of the fitted mouth's opening with the landmarks' opening": (
            f"median {np.median(opening):.4f}, worst {opening.min():.3f}"
        ),
        "landmark residual, of the outer-eye distance": (
            f"median {np.median(residual):.2f} %, worst {residual.max():.2f} %"
        ),
        "blinks a minute": f"{60 * 25 * of('blinks').sum() / frames.sum():.0f}",
        "range of head rotation in a piece, median": f"{np.median(of('range')):.1f}°",
        "mean acceleration of head rotation, a frame²": f"{np.average(of('shake'), weights=frames):.3f}°",
    }


def table(tracks: Path) -> Table:
    """The corpora in a folder of tracks, side by side."""
    columns = {corpus: column(tracks / corpus) for corpus in CORPORA}
    rows = tuple((name, *(values[name] for values in columns.values())) for name in columns[CORPORA[0]])
    skipped = json.loads((tracks / "grid" / "skipped.json").read_text(encoding="utf-8"))
    left_out = ", ".join(f"`{name}` ({reason})" for name, reason in skipped.items()) or "none"
    notes = (
        "The tracks are made by `python -m training.tracking grid` and `python -m training.tracking obama`. `obama` "
        "are White House weekly addresses, of which there are only 68 landmarks a frame and no sound.",
        f"GRID clips left out: {left_out}.",
    )
    command = "python -m training.tracking.report"
    return Table("tracks", "Tracks of the video corpora", command, ("what", *CORPORA), rows, notes)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_results_option(parser)
    options = parser.parse_args()
    show(table(TRACKS), options.results)


if __name__ == "__main__":
    main()
