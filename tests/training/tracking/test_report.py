"""The table of the tracks: pieces, minutes, splits and blinks of each corpus."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from core.motion.channels import EXPRESSIONS
from training.tracking.report import BLINK, table


def write_track(path: Path, frames: int, blinks: int) -> None:
    """A piece whose mouth is fitted exactly, whose head turns by 3°, and with the given number of blinks."""
    rng = np.random.default_rng(frames)
    expression = np.zeros((frames, len(EXPRESSIONS)), np.float32)
    expression[10 : 10 + 20 * blinks : 20, BLINK] = 1.0
    rotation = np.zeros((frames, 3), np.float32)
    rotation[:, 1] = np.radians(np.linspace(0, 3, frames))
    opening = rng.random(frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        expression=expression,
        rotation=rotation,
        opening=opening,
        fitted_opening=2 * opening + 1,
        residual=np.full(frames, 0.005),
    )


def test_the_table_has_a_column_for_each_corpus(tmp_path):
    write_track(tmp_path / "grid" / "s1_aaaaaa.npz", 750, 2)
    write_track(tmp_path / "grid" / "s4_aaaaaa.npz", 750, 4)
    write_track(tmp_path / "obama" / "address_01-00000.npz", 1500, 20)
    (tmp_path / "grid" / "skipped.json").write_text(json.dumps({"s1_bad": "no face in 9 of 75 frames"}))
    made = table(tmp_path)
    rows = {name: cells for name, *cells in made.rows}
    assert made.columns == ("what", "grid", "obama")
    assert rows["pieces"] == ["2", "1"] and rows["minutes"] == ["1.0", "1.0"]
    assert rows["pieces by split"][0].endswith("unseen 1")
    assert rows["blinks a minute"] == ["6", "20"]
    assert rows["landmark residual, of the outer-eye distance"] == ["median 0.50 %, worst 0.50 %"] * 2
    assert rows["correlation of the fitted mouth's opening with the landmarks' opening"][0] == (
        "median 1.0000, worst 1.000"
    )
    assert rows["range of head rotation in a piece, median"] == ["3.0°", "3.0°"]
    assert made.notes[1] == "GRID clips left out: `s1_bad` (no face in 9 of 75 frames)."
