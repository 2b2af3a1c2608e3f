"""Draws a contact sheet of the renderer: portraits × poses, to be checked by eye.

    python tools/sheets/contact_sheet.py a.jpg b.jpg --size 256 --out runs/sheet.png
    python tools/sheets/contact_sheet.py --count 12          (random portraits of the data folder, chosen by --seed)
    python tools/sheets/contact_sheet.py $(python -m training.corpus.pairs held-out --count 24) --columns 6 --each

By default the sheet goes to a folder that git ignores: it shows people who must not get into the repository.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from core.head.head_model import HeadModel  # noqa: E402
from core.motion.body import following  # noqa: E402
from core.motion.channels import EXPRESSIONS, FPS  # noqa: E402
from core.motion.motion import Motion  # noqa: E402
from core.portrait.fit import fit_portrait  # noqa: E402
from core.portrait.load import load_portrait  # noqa: E402
from core.portrait.portrait import Portrait  # noqa: E402
from core.renderer import Renderer  # noqa: E402

BOTH = {"smile": {"mouthSmile": 0.7, "mouthUpperUp": 0.25, "cheekSquint": 0.3}, "blink": {"eyeBlink": 1.0}}
POSES: dict[str, tuple[dict[str, float], tuple[float, float, float]]] = {
    "rest": ({}, (0, 0, 0)),
    "ah": ({"jawOpen": 0.5}, (0, 0, 0)),
    "ee": ({"jawOpen": 0.08, "mouthStretch": 0.4, "mouthLowerDown": 0.4, "mouthUpperUp": 0.25}, (0, 0, 0)),
    "oo": ({"mouthPucker": 0.7, "mouthFunnel": 0.3, "jawOpen": 0.12}, (0, 0, 0)),
    "smile": (BOTH["smile"], (0, 0, 0)),
    "half": ({"eyeBlink": 0.55, "jawOpen": 0.15}, (0, 0, 0)),
    "blink": (BOTH["blink"], (0, 0, 0)),
    "gaze": ({"eyeLookOut_L": 0.5, "eyeLookIn_R": 0.5, "jawOpen": 0.25}, (0, 0, 0)),
    "yaw +15": ({"jawOpen": 0.2}, (0, 15, 0)),
    "yaw -15": ({}, (0, -15, 0)),
    "pitch +10": ({}, (10, 0, 0)),
    "roll +10": ({"browInnerUp": 0.5, "jawOpen": 0.1}, (0, 0, 10)),
    "teeth": ({"mouthUpperUp": 0.6, "mouthLowerDown": 0.6, "mouthStretch": 0.5, "jawOpen": 0.03}, (0, 0, 0)),
}
"""Name -> expression (a name without a side means both sides) and rotation in degrees (pitch, yaw, roll). The shoulders
follow the head as they do in takes."""


def pose_motion(names: Sequence[str] = tuple(POSES)) -> Motion:
    """Poses of the sheet as motion, one pose in each frame."""
    expression = np.zeros((len(names), len(EXPRESSIONS)), np.float32)
    rotation = np.zeros((len(names), 3), np.float32)
    for row, (weights, degrees) in enumerate(POSES[name] for name in names):
        rotation[row] = np.radians(degrees)
        for name, value in weights.items():
            for full in (name, f"{name}_L", f"{name}_R"):
                if full in EXPRESSIONS:
                    expression[row, EXPRESSIONS.index(full)] = value
    motion = Motion(expression, rotation, np.zeros_like(rotation), FPS)
    body = np.zeros_like(motion.body)
    for row in range(len(names)):
        body[row, :3] = following(motion.slice(row, row + 1))[0]
    return replace(motion, body=body)


def portraits(args: argparse.Namespace) -> list[tuple[str, Portrait]]:
    """Names and portraits: the files of the command line, or else a random choice from the data folder."""
    names = list(args.files)
    if not names:
        folder = Path(os.environ.get("SOLILOQUY_DATA", ROOT.parent / "shared" / "data")) / "portraits"
        names = [str(p) for p in random.Random(args.seed).sample(sorted(folder.glob("*.jpg")), args.count)]
    return load_portraits(names)


def load_portraits(names: Sequence[str]) -> list[tuple[str, Portrait]]:
    """Name and portrait of each file; "astronaut" is scikit-image's test photograph."""
    result = []
    for name in names:
        if name == "astronaut":
            import skimage.data

            result.append((name, fit_portrait(skimage.data.astronaut())))
        else:
            result.append((Path(name).stem, load_portrait(name, ROOT / ".cache" / "portraits")))
    return result


def main() -> None:
    """Command line: draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help='Photographs, or "astronaut".')
    parser.add_argument("--count", type=int, default=6, help="Number of pictures of each portrait. Default: 6.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the motions. Default: 0.")
    parser.add_argument("--size", type=int, default=256, help="Pixels of the face square. Default: 256.")
    parser.add_argument("--zoom", type=float, default=1.0, help="Show only the middle part, this many times larger.")
    parser.add_argument(
        "--columns", type=int, default=0, help="Start a new row after this many pictures of a portrait."
    )
    parser.add_argument("--each", action="store_true", help="A sheet for each portrait, in the folder --out.")
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "runs" / "contact_sheet.png",
        help="File for the sheet, or folder with --each. Default: runs/contact_sheet.png.",
    )
    args = parser.parse_args()

    torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "2"))))
    model, motion = HeadModel.load(), pose_motion()
    rows = []
    for name, portrait in portraits(args):
        start = time.perf_counter()
        renderer = Renderer(model, portrait, args.size, framing="crop")
        ready = time.perf_counter()
        pictures = [renderer.framing.crop, *renderer.render(motion)]
        a_frame = (time.perf_counter() - ready) / len(motion)
        print(f"{name}: analysed in {ready - start:.2f} s, {a_frame:.3f} s a frame")
        shown = [labelled(zoomed(p, args.zoom), text) for p, text in zip(pictures, ["source", *POSES], strict=True)]
        columns = args.columns or len(shown)
        while len(shown) % columns:
            shown.append(np.zeros_like(shown[0]))
        own = [np.concatenate(shown[k : k + columns], 1) for k in range(0, len(shown), columns)]
        if args.each:
            write(args.out / f"{name}.png", own)
        rows += own
    if not args.each:
        write(args.out, rows)


def write(path: Path, rows: Sequence[np.ndarray]) -> None:
    """Write rows of pictures as one sheet and print its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1]):
        raise OSError(f"{path} can't be written")
    print(path)


def zoomed(picture: np.ndarray, zoom: float) -> np.ndarray:
    """The middle of a picture (where the face is), enlarged to the picture's size."""
    if zoom == 1:
        return picture.copy()
    size = picture.shape[0]
    side = round(size / zoom)
    x, y = (size - side) // 2, round((size - side) * 0.54)
    return cv2.resize(picture[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_CUBIC)


def labelled(picture: np.ndarray, text: str) -> np.ndarray:
    """A copy of a picture with a small text in its upper left corner."""
    picture = picture.copy()
    cv2.putText(picture, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


if __name__ == "__main__":
    main()
