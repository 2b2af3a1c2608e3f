"""Measure drawn blinks by filmed ones: ``python -m training.checks.blinks``.

Each blink was filmed in a clip that no generator was trained on (``training.common.splits.generator_split``). The
portrait is the last frame before it with open eyes. The head is posed on the clip's
landmarks, the lids are closed as far as the film's, and the region around the eyes is compared with the film.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from core.errors import BadInputError
from core.face.landmark_model import LandmarkModel
from core.face.points import BROWS, LID_RINGS, OUTER_EYES
from core.head.head_model import HeadModel
from core.portrait.fit import fit_portrait
from core.readback.extract import CLOSED_LIDS
from core.readback.pieces import BadClip
from core.readback.track import lid_ratio
from core.renderer import Renderer
from core.renderer.fields import blur, dilate
from core.renderer.framing import frame_portrait
from core.renderer.generator.refine import Painter
from core.renderer.generator.weights import load_generator
from core.renderer.masks import polygon

from ..common.folders import LANDMARKS, RUNS, data_folder
from ..common.results_page import Table, add_results_option, command_line, number, show
from ..common.splits import generator_split
from ..corpus.pairs.poses import Source
from ..generator.perceptual import PerceptualDistance
from ..generator.picture_quality import psnr
from ..tracking import video
from ..tracking.landmarks import load_or_track
from ..tracking.tracks import CORPORA, filmed_talkers

SIZE = 512
"""Side of the rendered square."""
SHUT = 0.4
"""Openness of the lids, relative to the clip's usual one, below which a frame is the deepest of a blink."""
OPEN = 0.85
"""Openness from which a frame can be the portrait. The blink ends at the next frame that has it."""
BEFORE = 12
"""Frames before the deepest one among which the portrait is looked for."""
HALF, CLOSED = 0.8, 0.35
"""Openness below which a frame counts as half closed, and as closed. Frames above are not counted."""
LIDS, BROW, AROUND = 0.15, 0.07, 0.35
"""The regions reach this far around the openings of the eyes, around the brows, and around all of it between brows and
cheeks, in outer-eye distances."""
BLINKS = 8
"""Largest number of blinks of one person."""


@dataclass(frozen=True)
class Blink:
    """A filmed blink.

    Attributes
    ----------
    talker, clip
        Who, and the name of the clip.
    portrait
        Frame with open eyes.
    frames
        Frames of the blink.
    """

    talker: str
    clip: str
    portrait: int
    frames: tuple[int, ...]


@dataclass(frozen=True)
class Drawn:
    """A drawn frame of a blink.

    Attributes
    ----------
    openness
        Mean openness of the lids in the film.
    values
        For each method and region PSNR in dB and perceptual distance.
    strip
        (S, N · S, 3) uint8 film, portrait, and the drawn pictures side by side.
    landmarks
        (478, 2) px of the square: the film's.
    """

    openness: float
    values: dict[str, dict[str, tuple[float, float]]]
    strip: np.ndarray
    landmarks: np.ndarray


def openness(landmarks: np.ndarray, model: LandmarkModel) -> np.ndarray:
    """(T, 2) how far each eye is open in the frames of a clip: 1 is the clip's usual openness, 0 is shut."""
    ratio = lid_ratio(torch.from_numpy(landmarks[..., :2].copy()), model).numpy()
    return (ratio / np.median(ratio, axis=0) - CLOSED_LIDS) / (1 - CLOSED_LIDS)


def blinks_of(talker: str, clip: str, lids: np.ndarray) -> list[Blink]:
    """The blinks in the openness (T, 2) of a clip's lids that begin with open eyes."""
    mean, found, after = lids.mean(1), [], 0
    for k in range(1, len(mean) - 1):
        if mean[k] > SHUT or mean[k] > mean[k - 1] or mean[k] >= mean[k + 1] or k < after:
            continue
        before = [i for i in range(max(after, k - BEFORE), k) if lids[i].min() > OPEN]
        if before:
            end = next((i for i in range(k, len(mean)) if mean[i] > OPEN), len(mean))
            found.append(Blink(talker, clip, before[-1], tuple(range(before[-1] + 1, end))))
            after = end
    return found


def regions(points: Sequence[np.ndarray], size: int) -> dict[str, Tensor]:
    """Weights (1, 1, S, S) of the regions, for landmarks (478, 2) px of portrait and frame.

    The brows are a region of their own, without the lids: they must stay where the film has them.
    """
    eyes = torch.stack([polygon(p[list(ring)], size) for p in points for ring in LID_RINGS]).sum(0).clamp(0, 1)
    brows = torch.stack([polygon(p[list(b)], size) for p in points for b in (BROWS[:10], BROWS[10:])]).sum(0)

    apart = float(np.linalg.norm(points[0][OUTER_EYES[0]] - points[0][OUTER_EYES[1]]))

    def around(mask: Tensor, share: float) -> Tensor:
        return blur(dilate(mask, round(share * apart)), max(1, round(0.03 * apart)), 1)

    lids, wide = around(eyes, LIDS), around(eyes, AROUND)
    return {"lids": lids, "brows": around(brows.clamp(0, 1), BROW) * (1 - lids), "around": wide}


class Judge:
    """Draws blinks and compares them with the film."""

    def __init__(self, data: Path, painter: Painter | None) -> None:
        self.data, self.painter = data, painter
        self.head = HeadModel.load()
        self.model = LandmarkModel.face_mesh(self.head)
        self.perceptual = PerceptualDistance(None)

    def blinks(self, corpus: str, splits: Collection[str]) -> Iterator[tuple[Blink, Path, np.ndarray, np.ndarray]]:
        """Blinks in clips of some splits of a corpus, with the clip's file, its landmarks (T, 478, 3) px and its lids'
        openness (T, 2)."""
        for talker, clips in filmed_talkers(self.data, corpus).items():
            left = BLINKS
            for clip, path in clips.items():
                if generator_split(clip) not in splits or not left:
                    continue
                try:
                    landmarks, _ = load_or_track(path, LANDMARKS / corpus / f"{clip}.npz")
                except (BadClip, OSError):
                    continue
                lids = openness(landmarks, self.model)
                for blink in blinks_of(talker, clip, lids)[:left]:
                    left -= 1
                    yield blink, path, landmarks, lids

    def measure(self, blink: Blink, path: Path, landmarks: np.ndarray, lids: np.ndarray) -> Iterator[Drawn]:
        """The drawn frames of a blink."""
        films = list(video.frames(path))
        portrait = fit_portrait(films[blink.portrait], name=blink.clip)
        source = Source(self.head, portrait)
        renderer = Renderer(self.head, portrait, SIZE, framing="crop", painter=self.painter)
        still = torch.tensor(renderer.framing.crop).permute(2, 0, 1)[None].float() / 255
        size = still.shape[-1]
        poses = source.poses_on(landmarks)
        for i in blink.frames:
            pose = source.with_lids(poses[i], torch.tensor(lids[i], dtype=torch.float32))
            warped = renderer.warp(pose.expression[None], pose.rotation[None], pose.translation[None], absolute=True)
            pictures = {"still": still, "warp": warped.picture}
            if self.painter is not None:
                channels = torch.from_numpy(source.channels(pose))[None]
                pictures["G"] = renderer.refine(warped, channels)
            square = frame_portrait(replace(portrait, image=films[i]), SIZE, "crop").crop
            truth = torch.tensor(square).permute(2, 0, 1)[None].float() / 255
            points = [renderer.framing.to_crop(p)[:, :2] for p in (landmarks[blink.portrait], landmarks[i])]
            weights = regions(points, size)
            stacked = torch.cat(list(weights.values()), 1)
            values = {}
            for name, picture in pictures.items():
                looks = self.perceptual.over(picture, truth, stacked)[0].tolist()
                levels = [float(psnr(picture, truth, weight)) for weight in weights.values()]
                values[name] = dict(zip(weights, zip(levels, looks, strict=True), strict=True))
            strip = torch.cat([truth, *pictures.values()], 3)[0].permute(1, 2, 0)
            yield Drawn(float(lids[i].mean()), values, (strip * 255 + 0.5).clamp(0, 255).byte().numpy(), points[1])


SPLITS = ("test", "unseen")
NAMES = {"president": "addresses"}
"""Names of talkers in the table, if they have another."""
HEADINGS = (
    "people",
    "lids",
    "frames",
    "renderer",
    "lids PSNR",
    "lids perceptual ↓",
    "brows PSNR",
    "around PSNR",
    "around perceptual ↓",
)


def rows_of(name: str, drawn: Sequence[Drawn]) -> list[tuple[str, ...]]:
    """Rows of the table for the drawn frames of some people."""
    rows: list[tuple[str, ...]] = []
    for state, low, high in (("half closed", CLOSED, HALF), ("closed", -np.inf, CLOSED)):
        chosen = [d for d in drawn if low <= d.openness < high]
        for method in chosen[0].values if chosen else ():

            def mean(region: str, which: int, method: str = method, chosen: Sequence[Drawn] = chosen) -> str:
                return number(float(np.mean([d.values[method][region][which] for d in chosen])), (2, 3)[which])

            cells = (mean("lids", 0), mean("lids", 1), mean("brows", 0), mean("around", 0), mean("around", 1))
            rows.append((name, state, str(len(chosen)), method, *cells))
    return rows


def table(drawn: dict[str, list[Drawn]], command: str) -> Table:
    """The measurements of all people."""
    rows = [row for name, of_set in drawn.items() for row in rows_of(name, of_set)]
    note = "Means over frames. still: the portrait itself, whatever the film does."
    return Table("renderer/blinks", "Filmed blinks", command, HEADINGS, tuple(rows), (note,))


def write_sheet(drawn: Sequence[Drawn], path: Path) -> None:
    """Write the eyes of drawn frames, one frame a row: film, portrait, warp, G."""
    rows = []
    for d in drawn:
        side = d.strip.shape[0]
        a, b = d.landmarks[list(OUTER_EYES)]
        (x, y), width = (a + b) / 2, float(np.linalg.norm(a - b))
        left, right, top, end = (round(v) for v in (x - 0.8 * width, x + 0.8 * width, y - 0.4 * width, y + 0.3 * width))
        tiles = [d.strip[top:end, k * side + left : k * side + right] for k in range(d.strip.shape[1] // side)]
        rows.append(np.concatenate([cv2.resize(tile, (320, 140), interpolation=cv2.INTER_CUBIC) for tile in tiles], 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])


def painter_of(weights: Path | None) -> Painter | None:
    """The shipped networks, with the generator of a file if one is given."""
    shipped = Painter.shipped()
    return replace(shipped, generator=load_generator(weights)) if shipped and weights else shipped


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--warp", action="store_true", help="only the warp, without G")
    parser.add_argument("--generator", type=Path, help="weights of G; else the shipped ones")
    parser.add_argument(
        "--split",
        action="append",
        choices=("train", "validation", *SPLITS),
        help="clips of this split; repeat for more; else test and unseen",
    )
    parser.add_argument("--sheets", type=Path, default=RUNS / "blinks")
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    judge = Judge(options.data, None if options.warp else painter_of(options.generator))
    found: dict[str, list[Drawn]] = {}
    for corpus in CORPORA:
        for blink, path, landmarks, lids in judge.blinks(corpus, options.split or SPLITS):
            try:
                drawn = list(judge.measure(blink, path, landmarks, lids))
            except BadInputError as error:
                print(f"{blink.clip}: {error}", flush=True)
                continue
            found.setdefault(NAMES.get(blink.talker, blink.talker), []).extend(drawn)
            write_sheet(drawn, options.sheets / f"{blink.clip}-{blink.frames[0]}.png")
            print(f"{blink.clip}: {len(drawn)} frames", flush=True)
    show(table(found, command_line("training.checks.blinks", sys.argv[1:])), options.results)


if __name__ == "__main__":
    main()
