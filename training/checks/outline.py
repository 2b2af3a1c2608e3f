"""Measure what happens around a moving head: ``python -m training.checks.outline``.

Invented people are photographed before stripes, shelves and a sky (``training.corpus.synthetic.make_person``). The
renderer moves each photograph, and a second photograph of the same person in the new pose is the truth. Only the part
above the chin is compared, because the shoulders of the two don't match.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import torch

from core.head.head_model import HeadModel
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from core.renderer.framing import frame_portrait
from core.renderer.generator.refine import Painter

from ..common.results_page import Table, add_results_option, command_line, number, show
from ..corpus.synthetic.make_person import photograph
from ..corpus.synthetic.person import Look

SIZE = 256
"""Side of the rendered square."""
SHAPE = (640, 512)
"""Height and width of the photographs."""
PITCH = tuple((degrees, 0, 0) for degrees in (-16, -12, -8, -4, 4, 8, 12, 16))
YAW_ROLL = ((0, -15, 0), (0, 15, 0), (0, 0, -10), (0, 0, 10))
POSES = PITCH + YAW_ROLL
"""Degrees of pitch, yaw and roll."""
HAIR_CM = {"bald": 0.0, "cropped": 0.7, "full hair": 2.0}
"""Length of the hair; 0 is skin."""
MARGIN = 3
"""Pixels around the true outlines that count neither as background nor as person."""
APART = 0.12
"""Difference of colour, 0..1, from which a pixel can tell person from background."""
CHIN = 152
"""Landmark at the lower end of the face."""
Found = tuple[str, str, "list[Around]"]
"""Hair, backdrop, and what is seen around the head in each of ``POSES``."""
Square = tuple[np.ndarray, np.ndarray]
"""A square (S, S, 3) 0..1 and the person's cover (S, S) 0..1."""


def stripes(height: int, width: int) -> np.ndarray:
    """(height, width, 3) 0..1 slanted stripes."""
    y, x = np.mgrid[:height, :width]
    light = 0.5 + 0.5 * np.tanh(6 * np.sin((x + 0.35 * y) * 2 * np.pi / (width / 11)))
    return light[..., None] * (0.55, 0.35, 0.3) + (0.25, 0.35, 0.4)


def shelves(height: int, width: int) -> np.ndarray:
    """(height, width, 3) 0..1 shelves with books."""
    rng = np.random.default_rng(5)
    picture = np.full((height, width, 3), 0.12, np.float32)
    board = height // 6
    for top in range(0, height, board):
        x = 0
        while x < width:
            wide, short = int(rng.integers(10, 26)), int(rng.integers(4, board // 3))
            colour = rng.uniform(0.15, 0.75, 3)
            picture[top + short : top + board - 8, x : x + wide - 2] = colour
            picture[top + short + 12 : top + short + 16, x : x + wide - 2] = colour * 0.5 + 0.4
            x += wide
        picture[top + board - 8 : top + board] = (0.45, 0.3, 0.18)
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def sky(height: int, width: int) -> np.ndarray:
    """(height, width, 3) 0..1 smooth sky."""
    y, x = np.mgrid[:height, :width]
    down, across = (y / height)[..., None], (x / width)[..., None]
    return np.array((0.25, 0.45, 0.8)) * (1 - down) + np.array((0.85, 0.8, 0.75)) * down + 0.08 * across


BACKDROPS: dict[str, Callable[[int, int], np.ndarray]] = {"stripes": stripes, "shelves": shelves, "sky": sky}


@dataclass(frozen=True)
class Scene:
    """One invented person before one backdrop: the portrait, and how to photograph it in another pose."""

    portrait: Portrait
    look: Look
    seed: int
    backdrop: np.ndarray

    @classmethod
    def make(cls, seed: int, hair_cm: float, backdrop: np.ndarray) -> Scene:
        """The person of a seed with hair of another length."""
        look = Look.draw(seed, HeadModel.load().identity_count)
        look = replace(look, hair_length=hair_cm, hair=look.hair if hair_cm else look.skin)
        picture, _ = photograph(look, seed, SHAPE[1], SHAPE[0], backdrop=backdrop)
        return cls(fit_portrait(picture), look, seed, backdrop)

    def truth(self, degrees: Sequence[float]) -> Square:
        """The square (S, S, 3) 0..1 and the person's cover (S, S) 0..1 in another pose."""
        turn = torch.tensor(np.radians(degrees), dtype=torch.float32)
        picture, cover = photograph(self.look, self.seed, SHAPE[1], SHAPE[0], turn, self.backdrop)
        cover3 = np.round(cover[..., None] * 255).astype(np.uint8).repeat(3, 2)
        squares = [frame_portrait(replace(self.portrait, image=v), SIZE, "crop").crop for v in (picture, cover3)]
        return squares[0].astype(np.float32) / 255, squares[1][..., 0].astype(np.float32) / 255


@dataclass(frozen=True)
class Around:
    """What a frame shows around the head.

    Attributes
    ----------
    still
        Mean difference, in levels of 255, of the background that is never covered.
    worst
        Its 99.9th percentile.
    uncovered
        Mean difference, in levels of 255, of the background that comes into view.
    residue
        Pixels of that background that still look like the person of the photograph.
    """

    still: float
    worst: float
    uncovered: float
    residue: float


def around(frame: np.ndarray, source: Square, truth: Square, chin: float) -> Around:
    """:class:`Around` of a frame (S, S, 3) 0..1 with its source and its truth, above the row ``chin``."""
    above = np.arange(SIZE)[:, None] < chin
    square = np.ones((2 * MARGIN + 1,) * 2, np.uint8)
    wide = [cv2.dilate((cover > 0).astype(np.uint8), square) > 0 for _, cover in (source, truth)]
    error = np.abs(frame - truth[0]).mean(-1) * 255
    still = above & ~wide[0] & ~wide[1]
    fresh = above & (source[1] > 0.99) & ~wide[1]
    old, new = (np.abs(v - truth[0]).max(-1) for v in (source[0], frame))
    left = fresh & (old > APART) & (np.abs(frame - source[0]).max(-1) < np.minimum(new, old / 2))
    mean = float(error[fresh].mean()) if fresh.any() else float("nan")
    return Around(float(error[still].mean()), float(np.quantile(error[still], 0.999)), mean, float(left.sum()))


def measure(seeds: Sequence[int], painter: Painter | Literal["shipped"] | None) -> Iterator[Found]:
    """Hair, backdrop and what is seen around the head in each of ``POSES``."""
    head = HeadModel.load()
    for hair, length in HAIR_CM.items():
        for name, draw in BACKDROPS.items():
            for seed in seeds:
                scene = Scene.make(seed, length, draw(*SHAPE))
                renderer = Renderer(head, scene.portrait, SIZE, framing="crop", painter=painter)
                chin = float(renderer.framing.to_crop(scene.portrait.landmarks)[CHIN, 1])
                source, found = scene.truth((0, 0, 0)), []
                for degrees in POSES:
                    rotation = torch.tensor(np.radians([degrees]), dtype=torch.float32)
                    still = torch.zeros(1, 53)
                    warped = renderer.warp(still, rotation, torch.zeros(1, 3))
                    picture = renderer.refine(warped, torch.cat([still, rotation, torch.zeros(1, 3)], 1))
                    frame = picture[0].permute(1, 2, 0).numpy()
                    found.append(around(frame, source, scene.truth(degrees), chin))
                yield hair, name, found


def table(found: Sequence[Found], command: str) -> Table:
    """The measured values as a table."""
    rows = []
    for hair in HAIR_CM:
        for name in BACKDROPS:
            values = [v for h, n, series in found if (h, n) == (hair, name) for v in series]
            means = [float(np.nanmean([getattr(v, key) for v in values])) for key in ("still", "worst", "uncovered")]
            most = max(v.residue for v in values)
            rows.append((f"{hair}, {name}", *(number(v, 1) for v in means), number(most, 0)))
    headings = ("person", "background", "its worst 0.1 %", "background that comes into view", "old outline, pixels")
    note = (
        f"Differences from the truth in levels of 255, mean over {len(POSES)} poses: pitch up to ±16°, yaw ±15°, roll "
        "±10°. The last column is the largest number of pixels that still show the person where it was."
    )
    return Table("outline", "Around the moving head", command, headings, tuple(rows), (note,))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1, help="people for each kind of hair and each backdrop")
    parser.add_argument("--warp", action="store_true", help="without G")
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = list(measure(range(3, 3 + options.people), None if options.warp else "shipped"))
    show(table(found, command_line("training.checks.outline", sys.argv[1:])), options.results)


if __name__ == "__main__":
    main()
