"""Does an emotion show, and do the lips still speak? ``python -m training.checks.emotions``.

One sentence with each emotion on portraits, drawn by the product's default renderer. A network for facial expressions,
which nothing was trained with, says what it sees. What the lips do is read from the motion. The people are official
portraits that nothing was trained on, nearly all of which smile, or the first pictures of GRID's talkers, who don't.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from core.face.face_mesh import FaceMesh
from core.head.head_model import HeadModel
from core.motion.motion import Motion
from core.places import ROOT
from core.portrait.load import load_portrait
from core.renderer import Renderer
from core.takes.studio import Studio
from core.wire.emotions import EMOTIONS, NEUTRAL, EmotionAt
from core.wire.progress import JobContext
from core.wire.protocol import Event, Generate, TakeReady
from core.wire.style import PriorStyle

from ..common.folders import data_folder
from ..common.results_page import Table, add_results_option, number, show
from ..common.splits import portrait_split
from ..tracking import video
from ..tracking.tracks import GRID, TALKERS, filmed_talkers
from .expression import FILE, SEEN, SIDE, ExpressionReader, square
from .tensorflow_weights import read_weights

COMMAND = "python -m training.checks.emotions"
SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"
SECONDS, EVERY = 4.0, 5
"""Length of the sentence, and frames between those that are looked at."""
PEOPLE = 12
CLOSED_CM = 0.05
"""Gap of the inner lips below which a mouth is shut."""
_UPPER, _LOWER = [61, 62, 63], [67, 66, 65]
"""Middle points of the inner lips among the 68 landmarks."""


@dataclass(frozen=True, eq=False)
class Lips:
    """What the lips do with an emotion, against those without: correlation and size of the mouth's opening, and the
    share of the shut frames that stay shut."""

    correlation: float
    movement: float
    shut: float

    @classmethod
    def of(cls, motion: Motion, plain: Motion, head: HeadModel) -> Lips:
        """Those of a motion against the same motion without emotion."""
        one, other = (gaps(each, head) for each in (motion, plain))
        closed = other < CLOSED_CM
        return cls(
            float(np.corrcoef(one, other)[0, 1]),
            float(one.std() / other.std()),
            float((one[closed] < CLOSED_CM).mean()),
        )


def gaps(motion: Motion, head: HeadModel) -> np.ndarray:
    """(T,) gap of the inner lips of the mean head, centimetres."""
    weights = torch.tensor(motion.expression)
    points = head.vertices(torch.zeros(1), weights)[:, head.landmarks68]
    gap: np.ndarray = (points[:, _UPPER, 1] - points[:, _LOWER, 1]).mean(1).numpy()
    return np.maximum(gap, 0.0)


def portraits_of(people: str, data: Path, folder: Path) -> list[Path]:
    """Files of ``PEOPLE`` pictures: held-out "portraits", or the first pictures of "talkers", written to ``folder``."""
    if people == "portraits":
        files = [path for path in sorted((data / "portraits").glob("*.jpg")) if portrait_split(path.stem) == "test"]
        return files[:: max(1, len(files) // PEOPLE)][:PEOPLE]
    made = []
    for corpus in (GRID, TALKERS):
        for talker, clips in filmed_talkers(data, corpus).items():
            made.append(folder / f"{talker}.png")
            cv2.imwrite(str(made[-1]), next(video.frames(next(iter(clips.values()))))[..., ::-1])
    return made[:PEOPLE]


def motions(strength: float) -> dict[str, Motion]:
    """The sentence with each emotion, by its name; all else is the default."""
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for emotion in EMOTIONS:
            events: list[Event] = []
            request = Generate(
                audio=str(SPEECH),
                portrait=str(ROOT / "core" / "assets" / "self_test.jpg"),
                out=folder,
                duration=SECONDS,
                motion_only=True,
                style=PriorStyle(emotions=(EmotionAt(seconds=0.0, emotion=emotion, strength=strength),)),
            )
            Studio().handle(request, JobContext("emotions", events.append))
            [take] = [event for event in events if isinstance(event, TakeReady)]
            made[emotion] = Motion.load(take.motion)
    return made


def seen(portraits: Sequence[Path], made: dict[str, Motion], reader: ExpressionReader, head: HeadModel) -> np.ndarray:
    """(P, 7, 7) mean probability of what is seen (last) for each emotion (in the middle) on each portrait."""
    found = np.zeros((len(portraits), len(EMOTIONS), len(SEEN)))
    for row, path in zip(found, portraits, strict=True):
        renderer = Renderer(head, load_portrait(path), 256, framing="crop", painter="shipped")
        for cell, motion in zip(row, made.values(), strict=True):
            with FaceMesh(video=True) as mesh:
                faces = [
                    square(picture[..., :3], points[0])
                    for picture in renderer.render(motion, frames=range(0, len(motion), EVERY))
                    if (points := mesh.detect(np.ascontiguousarray(picture[..., :3])))
                ]
            cell[:] = reader.read(faces or [np.zeros((SIDE, SIDE, 3), np.uint8)]).mean(0)
        print(path.name, np.round(row.diagonal(), 2), flush=True)
    return found


def table(found: np.ndarray, lips: dict[str, Lips], strength: float, people: str) -> Table:
    """A row for each emotion: what is seen, how much more of it than without emotion, and what the lips do."""
    order = [SEEN.index(emotion) for emotion in EMOTIONS]
    mean = found.mean(0)[:, order]
    rows = []
    for index, emotion in enumerate(EMOTIONS):
        more = found[:, index, order[index]] > found[:, 0, order[index]]
        cells = [number(100 * value, 0) for value in mean[index]]
        own = lips[emotion]
        raised = "–" if emotion == NEUTRAL else f"{more.sum()} of {len(found)}"
        rows.append((emotion, *cells, raised, number(own.correlation, 2), number(own.movement, 2), number(own.shut, 2)))
    return Table(
        name=f"emotions/{people}-{round(100 * strength)}",
        title=f"Emotions on {people} at strength {strength:g}",
        command=COMMAND,
        columns=("asked for", *(f"seen: {emotion}" for emotion in EMOTIONS), "raised", "opening", "movement", "shut"),
        rows=tuple(rows),
        notes=(
            f"Mean probabilities in percent of a network for facial expressions, over {len(found)} people "
            f"and {SECONDS:g} s of speech each. Raised: portraits on which the emotion is seen more than without it. "
            "Opening and movement: correlation and size of the mouth's opening against the neutral take. Shut: share "
            "of the frames with shut lips that stay shut.",
        ),
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--strength", type=float, default=EmotionAt(seconds=0.0).strength)
    parser.add_argument("--people", choices=("portraits", "talkers"), default="portraits")
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    head, made = HeadModel.load(), motions(options.strength)
    lips = {emotion: Lips.of(motion, made[NEUTRAL], head) for emotion, motion in made.items()}
    with tempfile.TemporaryDirectory() as folder:
        files = portraits_of(options.people, options.data, Path(folder))
        found = seen(files, made, ExpressionReader(read_weights(options.data / FILE)), head)
    show(table(found, lips, options.strength, options.people), options.results)


if __name__ == "__main__":
    main()
