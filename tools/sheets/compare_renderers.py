"""Draws a sheet for each portrait that shows the plain warp and G together, to compare them by eye.

    python tools/sheets/compare_renderers.py $(python -m training.corpus.pairs held-out --count 12) --out runs/compare
    python tools/sheets/compare_renderers.py astronaut a.png --generator runs/generator/generator.safetensors --out DIR

Each sheet shows the source, rest, ah, oo, smile, blink, ±15 degrees of yaw and +10 of pitch: the warp in the first row,
G in the second. Two more rows show the middle of the same faces, 2.6 times as large. Held-out portraits show real
people: their sheets belong in a folder that git ignores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from core.head.head_model import HeadModel  # noqa: E402
from core.portrait.portrait import Portrait  # noqa: E402
from core.renderer import Renderer  # noqa: E402
from core.renderer.generator.refine import Painter  # noqa: E402
from core.renderer.generator.weights import WEIGHTS, load_generator  # noqa: E402
from core.representation.model import Representation  # noqa: E402
from tools.sheets.contact_sheet import labelled, load_portraits, pose_motion, zoomed  # noqa: E402

SHOWN = ("rest", "ah", "oo", "smile", "blink", "yaw +15", "yaw -15", "pitch +10")
ZOOM = 1.5
CLOSE = 2.6
"""Enlargement of the rows that show mouth and eyes."""


def painter_of(path: Path | None) -> Painter:
    """The networks of G with the weights of ``path``, or the shipped ones if it is None."""
    shipped = Painter.shipped() if path is None else None
    if shipped is not None:
        return shipped
    return Painter(load_generator(path or WEIGHTS), Representation.load())


def sheet(head: HeadModel, portrait: Portrait, painter: Painter, size: int) -> np.ndarray:
    """(H, W, 3) uint8: the poses by both renderers, then the middle of the same pictures larger."""
    rows = []
    motion = pose_motion(SHOWN)
    for name, networks in (("warp", None), ("G", painter)):
        renderer = Renderer(head, portrait, size, framing="crop", painter=networks)
        pictures = [renderer.framing.crop, *renderer.render(motion)]
        rows.append([(f"{name}: {pose}", p) for pose, p in zip(("source", *SHOWN), pictures, strict=True)])
    whole = [[labelled(zoomed(p, ZOOM), text) for text, p in row] for row in rows]
    close = [[labelled(zoomed(p, CLOSE), text) for text, p in row] for row in rows]
    return np.concatenate([np.concatenate(row, 1) for row in (*whole, *close)])


def main() -> None:
    """Command line: write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help='Photographs, or "astronaut".')
    parser.add_argument("--generator", type=Path, help="Weights of G. Default: the shipped ones.")
    parser.add_argument("--size", type=int, default=256, help="Pixels of the face square. Default: 256.")
    parser.add_argument("--jpeg", action="store_true", help="Write JPEG: smaller files, for the documents.")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "runs" / "compare", help="Folder for the pictures. Default: runs/compare."
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    head, painter = HeadModel.load(), painter_of(options.generator)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, portrait in load_portraits(options.files):
        path = options.out / f"{name}{'.jpg' if options.jpeg else '.png'}"
        picture = sheet(head, portrait, painter, options.size)[..., ::-1]
        if not cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 85]):
            raise OSError(f"{path} can't be written")
        print(path)


if __name__ == "__main__":
    main()
