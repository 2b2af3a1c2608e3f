"""The guide's pictures of heads: ``docs/images/guide_head_detail.jpg`` and ``guide_head_beside.jpg``.

    python3 tools/heads/guide.py [--blender blender] [--python .runtime/worker/bin/python]

Makes the test photograph's heads in ``build/heads`` and renders them by Cycles on the processor.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from core.wire.systems import GAME, MODEL, NEURAL  # noqa: E402
from tools.heads import sheets  # noqa: E402

PHOTOGRAPH = ROOT / ".runtime" / "portraits" / "astronaut.png"
HEADS, IMAGES = ROOT / "build" / "heads", ROOT / "docs" / "images"
SIZE, SAMPLES, AWAY = 300, 32, 0.85
"""Width of each picture in pixels, samples of a pixel, and distance of the camera in metres."""
CROP = (120, 330, 260, 512)
"""Columns and rows of the photograph that are shown: left, right, bottom and top, in pixels from its bottom left."""
DETAIL = ((MODEL, 0, "rest"), (MODEL, 40, "rest"), (NEURAL, 0, "rest"), (NEURAL, 40, "rest"), (NEURAL, 90, "rest"),
          (NEURAL, 0, "lids shut"))  # fmt: skip
BESIDE = ((NEURAL, 0, "rest"), (NEURAL, 40, "rest"), (GAME, 40, "rest"))
"""Head, turn in degrees and expression of the pictures, from left to right."""


def main() -> None:
    """Make the heads with the worker's Python, then render them in Blender."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--blender", default="blender", help="Program of Blender. Default: blender.")
    python = ROOT / ".runtime" / "worker" / "bin" / "python"
    options.add_argument("--python", default=str(python), help="Python of the worker. Default: that in .runtime.")
    chosen = options.parse_args()
    for detail in (MODEL, NEURAL, GAME):
        sheets.make_head(chosen.python, PHOTOGRAPH, HEADS / f"guide-{detail}", detail)
    sheets.run_in_blender(chosen.blender, __file__)


def render() -> None:
    """Inside Blender: both pictures."""
    import bpy
    import numpy as np

    made = {}
    for detail in (MODEL, NEURAL, GAME):
        folder = HEADS / f"guide-{detail}"
        scene, rig = sheets.build(folder, SIZE, SAMPLES)
        for which in dict.fromkeys((*DETAIL, *BESIDE)):
            if which[0] == detail:
                turn, weights = math.radians(which[1]), sheets.EXPRESSIONS[which[2]]
                made[which] = sheets.picture_of(scene, rig, folder, turn, weights, AWAY)
    left, right, bottom, top = CROP
    photograph: Any = bpy.data.images.new("photograph", right - left, top - bottom)
    photograph.pixels.foreach_set(sheets.pixels_of(PHOTOGRAPH)[bottom:top, left:right].ravel())
    photograph.scale(SIZE, round(1.2 * SIZE))
    pixels = np.zeros((photograph.size[1], photograph.size[0], 4), np.float32)
    photograph.pixels.foreach_get(pixels.ravel())
    beside = np.concatenate([pixels, *(made[which] for which in BESIDE)], axis=1)
    sheets.save(beside, IMAGES / "guide_head_beside.jpg", "JPEG")
    sheets.save(np.concatenate([made[which] for which in DETAIL], axis=1), IMAGES / "guide_head_detail.jpg", "JPEG")


if __name__ == "__main__":
    render() if "bpy" in sys.modules or "--" in sys.argv else main()
