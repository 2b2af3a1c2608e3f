"""Measure the fits of the portraits: ``python -m training.checks.portrait_report --data ../shared/data``.

Loads every portrait of the corpus like a user's portrait and prints the numbers. Contact sheets of landmarks (green),
fitted points (red lines to them) and mesh are written to ``runs/portraits/``, which git ignores because they show real
people.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import torch

from core.errors import BadInputError
from core.head.camera import project
from core.head.head_model import HeadModel
from core.portrait.fit import face_fitter
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait, fitted

from ..common.folders import RUNS, data_folder
from ..common.results_page import Table, add_results_option, show

TILE = 320
COLUMNS, ROWS = 8, 6


def overlay(portrait: Portrait, head: HeadModel, mesh: bool) -> np.ndarray:
    """(TILE, TILE, 3) uint8: the portrait's crop with the fitted mesh, or with its landmarks and their fitted
    places."""
    x0, y0, side = portrait.crop
    scale = TILE / side
    to_tile = np.array([[scale, 0, -x0 * scale], [0, scale, -y0 * scale]])
    tile = cv2.warpAffine(portrait.image, to_tile, (TILE, TILE), flags=cv2.INTER_AREA)
    fit = fitted(portrait)

    def place(points: np.ndarray) -> np.ndarray:
        return ((points - [x0, y0]) * scale * 8).astype(np.int32)  # eighths of a pixel

    if mesh:
        vertices = head.vertices(fit.identity, fit.expression)
        pixels = place(project(vertices, fit)[0].numpy())
        facing = (head.normals(vertices)[0] @ fit.rotation[0].T)[:, 2] > 0
        shown = head.part_triangles("skin", "lips")
        shown = shown[facing[head.triangles[shown]].all(1)]
        cv2.polylines(tile, list(pixels[head.triangles[shown].numpy()]), True, (60, 255, 90), 1, cv2.LINE_AA, 3)
        return tile
    model = face_fitter().whole
    ours = place(project(model.positions(fit.identity, fit.expression), fit)[0].numpy())
    seen = place(portrait.landmarks[:, :2])
    for a, b in zip(seen, ours, strict=True):
        cv2.line(tile, a.tolist(), b.tolist(), (255, 40, 40), 1, cv2.LINE_AA, 3)
        cv2.circle(tile, a.tolist(), 7, (60, 255, 90), -1, cv2.LINE_AA, 3)
    return tile


def write_sheets(portraits: list[Portrait], out: Path) -> None:
    """Write contact sheets, worst fits first. Each portrait is shown twice: with mesh and with landmarks."""
    out.mkdir(parents=True, exist_ok=True)
    head = HeadModel.load()
    ordered = sorted(portraits, key=lambda p: -p.residual)
    a_sheet = COLUMNS * ROWS // 2
    for number, first in enumerate(range(0, len(ordered), a_sheet)):
        tiles = [overlay(p, head, mesh) for p in ordered[first : first + a_sheet] for mesh in (True, False)]
        tiles += [np.zeros((TILE, TILE, 3), np.uint8)] * (COLUMNS * ROWS - len(tiles))
        rows = [np.concatenate(tiles[i : i + COLUMNS], axis=1) for i in range(0, len(tiles), COLUMNS)]
        cv2.imwrite(str(out / f"sheet-{number:02d}.jpg"), np.concatenate(rows)[:, :, ::-1])


def table(portraits: list[Portrait], seconds: list[float], refused: Counter[str], total: int) -> Table:
    """The number of fitted portraits, the quality of the fits, and the time."""
    residual = np.array([p.residual for p in portraits]) * 100
    rotation = np.degrees(np.array([p.rotation for p in portraits]))
    over = int((residual >= 3).sum())
    reasons = ", ".join(f"{count} × `{code}`" for code, count in refused.most_common()) or "none"
    spread = np.abs(np.array([p.identity for p in portraits])).mean()
    rows = (
        ("fitted", f"{len(portraits)} of {total}"),
        ("refused", reasons),
        (
            "median landmark residual without the contour, of the outer-eye distance",
            f"median {np.median(residual):.2f} %, 90th percentile {np.percentile(residual, 90):.2f} %, "
            f"worst {residual.max():.2f} %",
        ),
        ("portraits with 3 % or more", str(over)),
        (
            "time for each, one core, models loaded",
            f"median {np.median(seconds):.2f} s, worst {max(seconds):.2f} s",
        ),
        (
            "fitted pitch, yaw, roll: median (standard deviation)",
            ", ".join(f"{np.median(r):.1f}° ({r.std():.1f}°)" for r in rotation.T),
        ),
        ("mean size of the identity coefficients (1 σ of the model = 0.80)", f"{spread:.2f}"),
    )
    note = (
        f"The {total} official portraits of the data folder (US Government Printing Office, public domain; mostly "
        "335 × 410 pixels). Contact sheets stay out of the repository."
    )
    command = "python -m training.checks.portrait_report"
    return Table("portraits", "Portrait fits", command, ("what", "value"), rows, (note,))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--sheets", type=Path, default=RUNS / "portraits")
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    files = sorted((options.data / "portraits").glob("*.jpg"))
    face_fitter()
    portraits: list[Portrait] = []
    seconds: list[float] = []
    refused: Counter[str] = Counter()
    for path in files:
        started = time.perf_counter()
        try:
            portraits.append(load_portrait(path))
        except BadInputError as error:
            refused[error.code] += 1
            print(f"{path.name}: {error}", flush=True)
            continue
        seconds.append(time.perf_counter() - started)
    show(table(portraits, seconds, refused, len(files)), options.results)
    write_sheets(portraits, options.sheets)


if __name__ == "__main__":
    main()
