"""Whether the person stays the person, and whether frames flicker: ``python -m training.checks.likeness``.

Each film of ``splits.VALIDATION_TALKERS`` goes through the product at its defaults, as in ``training.checks.films``.
Film and frames are read in the same way: the face mesh finds the face, a recognition network describes it, and the skin
of forehead and nose, which hardly moves on its own, shows how much pictures flicker.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core.face.face_mesh import FaceMesh
from core.takes.studio import Studio

from ..common.folders import data_folder
from ..common.results_page import Table, add_results_option, number, show
from ..tracking import video
from . import recognition
from .filmed_takes import rendered_frames, validation_films
from .recognition import Recogniser, square
from .tensorflow_weights import read_weights

COMMAND = "python -m training.checks.likeness"
STILL = (slice(8, 70), slice(60, 90))
"""Rows and columns of the recogniser's square that show the middle of the forehead and the bridge of the nose."""
EVERY = 5
"""Frames between those that are recognised."""


@dataclass(frozen=True)
class Reading:
    """What a film or a take shows.

    Attributes
    ----------
    distance
        Mean distance of the frames' descriptions from that of the film's first frame.
    farthest
        The largest of these distances.
    flicker
        Mean absolute second difference in time of the still skin, levels of 255.
    """

    distance: float
    farthest: float
    flicker: float


def squares(pictures: Iterable[np.ndarray]) -> list[np.ndarray]:
    """The upright faces (150, 150, 3) uint8 of pictures; pictures without a face are left out."""
    with FaceMesh(video=True) as mesh:
        return [square(picture, faces[0]) for picture in pictures if (faces := mesh.detect(picture))]


def flicker(faces: list[np.ndarray]) -> float:
    """Mean absolute second difference of the still skin of at least three consecutive squares, levels of 255."""
    skin = np.stack([face[STILL] for face in faces]).astype(np.float32)
    return float(np.abs(np.diff(skin, 2, axis=0)).mean())


def reading(recogniser: Recogniser, first: np.ndarray, faces: list[np.ndarray]) -> Reading:
    """What ``faces`` show, against the face ``first`` of the film's first frame."""
    own, *others = recogniser.describe([first, *faces[::EVERY]])
    distances = torch.stack([(other - own).norm() for other in others])
    return Reading(float(distances.mean()), float(distances.max()), flicker(faces))


def measured(data: Path) -> dict[str, tuple[Reading, Reading]]:
    """By film: what the film shows, and what the product's frames show."""
    recogniser, studio = Recogniser(read_weights(data / recognition.FILE)), Studio()
    found = {}
    for _, name, film in validation_films(data):
        filmed = squares(video.frames(film))
        with rendered_frames(film, studio) as frames:
            made = squares(frames)
        found[name] = reading(recogniser, filmed[0], filmed[1:]), reading(recogniser, filmed[0], made)
        print(name, *found[name], flush=True)
    return found


def table(found: dict[str, tuple[Reading, Reading]]) -> Table:
    """All films, and their mean."""
    columns = ("film", *(f"{what}, {who}" for what in ("distance", "farthest", "flicker") for who in ("film", "take")))
    values = {
        name: [getattr(one, key) for key in ("distance", "farthest", "flicker") for one in pair]
        for name, pair in found.items()
    }
    means = np.mean(list(values.values()), axis=0).tolist()
    rows = [(name, *(number(value, 2) for value in line)) for name, line in {"**mean**": means, **values}.items()]
    note = (
        "Distance: of frames from the film's first frame, by a recognition network that only measures; below 0.6 they "
        "are one person to it. Flicker: mean second difference in time of the skin of forehead and nose, levels of "
        "255; that of films includes the camera's noise."
    )
    return Table("renderer/likeness", "Likeness and flicker, against film", COMMAND, columns, tuple(rows), (note,))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    show(table(measured(options.data)), options.results)


if __name__ == "__main__":
    main()
