"""Every motion source with every renderer, on films of strangers: ``python -m training.checks.systems``.

Each film of ``splits.VALIDATION_TALKERS`` goes through the product with each of them: its first picture is the
portrait, its sound the speech, all else is as in ``training.checks.films``. One reader reads films and takes alike.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.motion.channels import NONLIP_COLUMNS
from core.motion.motion import Motion
from core.prior.features import features_from_channels
from core.takes.studio import Studio
from core.wire.protocol import TakeReady
from core.wire.systems import RENDERERS, SOURCES, names
from core.wire.take_file import TakeFacts

from ..common.folders import data_folder
from ..common.results_page import Table, add_results_option, number, show
from ..generator.measurement import FRECHET_NAME, features_by
from ..generator.picture_quality import frechet
from ..judge.lip_sync_metrics import confidence_gap
from ..judge.model import Judge
from ..prior.motion_metrics import diversity
from ..tracking import video
from . import recognition
from .filmed_takes import frames_of, takes_of, tracked_films
from .films import Curves, scores
from .recognition import Recogniser
from .system_readings import Reader, Reading, Seen, Spoken
from .tensorflow_weights import read_weights

COMMAND = "python -m training.checks.systems"
SEEDS = 3
"""Takes of a film, without frames, between which the diversity is measured."""
GIB = 2**30


@dataclass(frozen=True)
class Film:
    """A film: its corpus and file, its sound, what it shows, its numbers, and features (N, D) of its faces."""

    corpus: str
    path: Path
    spoken: Spoken
    seen: Seen
    reading: Reading
    looks: Tensor


@dataclass(frozen=True)
class Row:
    """Numbers of one system over all films, or of the films themselves.

    Attributes
    ----------
    reading
        Means over the films.
    opening, movement
        Correlation of the mouth's opening with the film's, and its deviation divided by that of the film's; medians
        over the films. See ``films.Score``.
    frechet
        Fréchet distance of the faces to those of the films.
    diversity
        Distance between takes of one film in degrees of the head's rotation, mean over the films.
    speed
        Frames a second that are drawn, median over the films.
    memory
        Most memory of the process that made all its takes, GiB.
    """

    reading: Reading
    opening: float = float("nan")
    movement: float = float("nan")
    frechet: float = float("nan")
    diversity: float = float("nan")
    speed: float = float("nan")
    memory: float = float("nan")


def read_films(data: Path, reader: Reader) -> dict[str, Film]:
    """The tracked films of ``splits.VALIDATION_TALKERS``. Raises FileNotFoundError if there are less than two."""
    found = {}
    for film in tracked_films(data):
        seen = Seen.of(video.frames(film.path)).of_length(len(film.motion))
        spoken = Spoken.of(film.sound, len(film.motion))
        reading = reader.read(seen, seen, film.motion, spoken)
        found[film.name] = Film(film.corpus, film.path, spoken, seen, reading, reader.looks(seen))
    if len(found) < 2:
        raise FileNotFoundError("too few films of the validation talkers are tracked: python -m training.tracking")
    return found


def make(paths: Mapping[str, Path], folder: Path, source: str, renderer: str) -> dict[str, list[TakeReady]]:
    """By film: one take with frames and the motions of ``SEEDS`` takes, made in folders of their own in ``folder``."""
    studio, made = Studio(), {}
    for name, path in paths.items():
        inside = folder / name
        inside.mkdir()
        shown = takes_of(path, studio, inside, source=source, renderer=renderer)
        made[name] = shown + takes_of(path, studio, inside, source=source, motion_only=True, takes=SEEDS)
    return made


def measure(films: Mapping[str, Film], reader: Reader, source: str, renderer: str) -> Row:
    """The numbers of one system. Its takes are made by a process of its own, so that the memory is its own."""
    with tempfile.TemporaryDirectory() as folder:
        spawning = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawning) as process:
            paths = {name: film.path for name, film in films.items()}
            made = process.submit(make, paths, Path(folder), source, renderer).result()
        curves: dict[str, dict[str, Curves]] = {film.corpus: {} for film in films.values()}
        readings, spreads, speeds, memories, looks = [], [], [], [], []
        for name, film in films.items():
            shown, *others = made[name]
            seen = Seen.of(frames_of(shown))
            count = min(len(seen.pictures), len(film.seen.pictures))
            readings.append(reader.read(seen, film.seen, Motion.load(shown.motion), film.spoken))
            curves[film.corpus][name] = film.seen.opening[:count], seen.opening[:count]
            spreads.append(diversity(np.stack([features_of(take) for take in others])))
            facts = TakeFacts.read(Path(shown.folder))
            speeds.append(facts.frame_count / facts.timings["frames"])
            memories.append(facts.memory["process"] or 0)
            looks.append(reader.looks(seen))
    # A corpus has one lateness of the sound, which the films of it choose for each other.
    matches = [score for group in curves.values() for score in scores(group).values()]
    return Row(
        mean_of(readings),
        float(np.median([score.match for score in matches])),
        float(np.median([score.movement for score in matches])),
        frechet(torch.cat(looks), torch.cat([film.looks for film in films.values()])),
        float(np.mean(spreads)),
        float(np.median(speeds)),
        max(memories) / GIB,
    )


def features_of(take: TakeReady) -> np.ndarray:
    """(T, 25) features of a take's motion; see ``core.prior.features``."""
    return features_from_channels(Motion.load(take.motion).channels()[:, NONLIP_COLUMNS])


def mean_of(readings: Sequence[Reading]) -> Reading:
    """The mean of each number."""
    return Reading(*np.nanmean([astuple(reading) for reading in readings], axis=0).tolist())


def table(rows: Mapping[str, Row], films: int, compared_by: str) -> Table:
    """The comparison. The first row is that of the films themselves; ``compared_by`` names the features of the Fréchet
    distance."""
    scale, distance = (1000, "1000 FD") if compared_by == FRECHET_NAME else (1, "FID")
    real = next(iter(rows.values())).reading.sync_confidence
    columns = (
        *("motion source + renderer", "opening", "movement", "S_c = LSE-C", "N_c", "LSE-D", distance, "CPBD"),
        *("identity", "flicker", "head (°)", "diversity (°)", "beats", "frames a second", "memory (GiB)"),
    )
    cells = []
    for name, row in rows.items():
        read = row.reading
        values = (
            *((row.opening, 2), (row.movement, 2), (read.sync_confidence, 3)),
            *((confidence_gap(read.sync_confidence, real), 2), (read.sync_distance, 3), (scale * row.frechet, 1)),
            *((read.sharpness, 2), (read.likeness, 2), (read.flicker, 1), (read.head, 1), (row.diversity, 1)),
            *((read.beats, 3), (row.speed, 1), (row.memory, 1)),
        )
        cells.append((name, *(number(value, digits) for value, digits in values)))
    note = (
        f"{films} films at 256². Opening and movement: as in the table of lips against films, but the mean of three "
        "gaps in the middle of the mouth. These two and frames a second are medians over the films; FD and memory are "
        f"of all films together; the others are means. {distance}: Fréchet distance, {compared_by}. Identity: distance "
        "from the film's first frame by a recognition network; below 0.6 they are one person to it. Head: deviation of "
        "its rotation over its three axes (root mean square), which SadTalker calls diversity. Diversity: between "
        f"{SEEDS} takes of one film. Beats: how much nearer the head's beats are to accents than by chance. Memory: "
        "the most of the process that made all takes."
    )
    return Table("systems", "Motion sources and renderers", COMMAND, columns, tuple(cells), (note,))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--sources", nargs="+", choices=names(SOURCES), default=names(SOURCES))
    parser.add_argument("--renderers", nargs="+", choices=names(RENDERERS), default=names(RENDERERS))
    parser.add_argument("--inception", type=Path, help="weights of Inception v3 for FID")
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    compared_by, features = features_by(options.inception)
    reader = Reader(Judge.load(), Recogniser(read_weights(options.data / recognition.FILE)), features)
    films = read_films(options.data, reader)
    rows = {"**the films themselves**": Row(mean_of([film.reading for film in films.values()]))}
    for source, renderer in product(options.sources, options.renderers):
        rows[f"{source} + {renderer}"] = measure(films, reader, source, renderer)
        print(f"{source} + {renderer}", rows[f"{source} + {renderer}"], flush=True)
    show(table(rows, len(films), compared_by), options.results)


if __name__ == "__main__":
    main()
