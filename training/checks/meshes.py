"""Motion sources on the head model alone, on films of strangers: ``python -m training.checks.meshes``.

After FaceTalk's table (arXiv 2312.08459), which compares rendered meshes. A film's first picture gives the head and its
texture, its sound the motion. The first row is the motion that the product reads in the film, on the same head.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.head.head_model import HeadModel
from core.motion.channels import NONLIP_COLUMNS
from core.motion.motion import Motion
from core.portrait.load import load_portrait
from core.prior.features import features_from_channels
from core.sound.mel import MELS_PER_FRAME
from core.takes.studio import Studio
from core.wire.protocol import TakeReady
from core.wire.systems import SOURCES, names

from ..common.folders import data_folder
from ..common.results_page import Table, add_results_option, number, show
from ..facetalk.head_pictures import HeadPictures
from ..generator.measurement import FRECHET_NAME, Features, features_by
from ..generator.picture_quality import frechet
from ..judge.lip_sync_metrics import judge_take
from ..judge.model import Judge
from ..prior.motion_metrics import diversity
from .filmed_takes import takes_of, tracked_films
from .system_readings import Seen, Spoken, looks
from .systems import SEEDS

COMMAND = "python -m training.checks.meshes"
FILM = "film"
"""Name of the row of the film's own motion."""
COMPARED = ("diffusion", "sadtalker", "facetalk")
"""Sources that are compared if none are named."""


@dataclass(frozen=True)
class Drawn:
    """What the judge says of a motion on a head, and features (N, D) of its faces."""

    sync_confidence: float
    sync_distance: float
    looks: Tensor


@dataclass(frozen=True)
class Row:
    """Numbers of one source over all films: means of the judge's, the Fréchet distance to the films' own motion, and
    the distance between takes of one film in degrees of the head's rotation."""

    sync_confidence: float
    sync_distance: float
    frechet: float
    diversity: float


def measure(data: Path, sources: Sequence[str], judge: Judge, features: Features) -> tuple[dict[str, Row], int]:
    """Rows by name, and how many films there are. Raises FileNotFoundError without tracked films."""
    head, studio = HeadModel.load(), Studio()
    drawn: dict[str, list[Drawn]] = {name: [] for name in (FILM, *sources)}
    spreads: dict[str, list[float]] = {source: [] for source in sources}
    for film in tracked_films(data):
        own, spoken = film.motion, Spoken.of(film.sound, len(film.motion))
        with tempfile.TemporaryDirectory() as folder:
            motions = {
                source: [Motion.load(take.motion) for take in _takes(film.path, studio, Path(folder) / source, source)]
                for source in sources
            }
            pictures = HeadPictures(head, load_portrait(Path(folder) / sources[0] / "portrait.png"))
        for source, takes in ({FILM: [own]} | motions).items():
            drawn[source].append(_drawn(pictures, takes[0].slice(0, len(own)), spoken, judge, features))
        for source, takes in motions.items():
            moved = [features_from_channels(take.channels()[:, NONLIP_COLUMNS]) for take in takes]
            spreads[source].append(diversity(np.stack(moved)))
        print(film.name, flush=True)
    if not drawn[FILM]:
        raise FileNotFoundError("no films of the validation talkers are tracked: python -m training.tracking")
    return rows_of(drawn, spreads), len(drawn[FILM])


def _takes(film: Path, studio: Studio, folder: Path, source: str) -> list[TakeReady]:
    folder.mkdir()
    return takes_of(film, studio, folder, source=source, motion_only=True, takes=SEEDS)


def _drawn(pictures: HeadPictures, motion: Motion, spoken: Spoken, judge: Judge, features: Features) -> Drawn:
    seen = Seen.of(pictures.draw(motion))
    sync = judge_take(judge, seen.pictures, spoken.mel[: MELS_PER_FRAME * len(motion)], seen.landmarks)
    return Drawn(sync["lse_c"], sync["lse_d"], looks(features, seen))


def rows_of(drawn: Mapping[str, Sequence[Drawn]], spreads: Mapping[str, Sequence[float]]) -> dict[str, Row]:
    """Rows by name, of what was drawn for each film and of how far apart its takes are in degrees."""
    real = torch.cat([one.looks for one in drawn[FILM]])
    rows = {}
    for source, found in drawn.items():
        confidence = float(np.mean([one.sync_confidence for one in found]))
        distance = float(np.mean([one.sync_distance for one in found]))
        away = float("nan") if source == FILM else frechet(torch.cat([one.looks for one in found]), real)
        spread = float(np.mean(spreads[source])) if source in spreads else float("nan")
        rows[source] = Row(confidence, distance, away, spread)
    return rows


def table(rows: Mapping[str, Row], films: int, compared_by: str) -> Table:
    """The comparison; ``compared_by`` names the features of the Fréchet distance."""
    scale, distance = (1000, "1000 FD") if compared_by == FRECHET_NAME else (1, "FID")
    cells = [
        (
            "**the film's own motion**" if source == FILM else source,
            *(number(value, 3) for value in (row.sync_confidence, row.sync_distance)),
            *(number(value, 1) for value in (scale * row.frechet, row.diversity)),
        )
        for source, row in rows.items()
    ]
    note = (
        f"{films} films; the head model with the texture of a film's first picture, {len(rows)} motions, drawn at 256² "
        f"without a background. S_c and LSE-D: means of the judge of lip sync. {distance}: Fréchet distance to the "
        f"pictures of the film's own motion, {compared_by}. Diversity: between {SEEDS} takes of one film, degrees of "
        "the head's rotation, mean."
    )
    columns = ("motion on the mesh", "S_c = LSE-C", "LSE-D", distance, "diversity (°)")
    return Table("facetalk/meshes", "Motion sources on meshes", COMMAND, columns, tuple(cells), (note,))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--sources", nargs="+", choices=names(SOURCES), default=COMPARED)
    parser.add_argument("--inception", type=Path, help="weights of Inception v3 for FID")
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    compared_by, features = features_by(options.inception)
    rows, films = measure(options.data, options.sources, Judge.load(), features)
    show(table(rows, films, compared_by), options.results)


if __name__ == "__main__":
    main()
