"""Lips against films of people on whom they were never trained: ``python -m training.checks.films``.

Each film of ``splits.VALIDATION_TALKERS`` goes through the product at its defaults: its first picture is the portrait,
its sound the speech. mediapipe's face mesh reads the mouth's opening from the film and from the rendered frames, each
picture as a whole, without the product's own tracking. With ``--fast`` nothing is rendered: the opening is that of the
predicted lips on the head model.

A film's sound may be late. So the curves are compared at the best offset within ±0.2 s, which must not be chosen by the
film itself: other films choose it (``training.lips.sound_offsets.by_other_clips``).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import mediapipe
import numpy as np

from core.head.head_model import HeadModel
from core.sound.lips import LipModel
from core.sound.speech import Speech
from core.takes.mouth import Mouth
from core.takes.studio import Studio

from ..common.arrays import save_npz
from ..common.folders import RUNS, data_folder
from ..common.results_page import Table, add_results_option, number, show
from ..common.splits import lips_split
from ..lips.evaluation import MAX_LAG, correlation
from ..lips.mouth_geometry import MouthGeometry
from ..lips.sound_offsets import by_other_clips
from ..tracking import video
from ..tracking.tracks import ADDRESSES, CORPORA, TALKERS, filmed_talkers
from .filmed_takes import rendered_frames

LAGS = tuple(range(-MAX_LAG, MAX_LAG + 1))
"""Frames by which the made lips may come after the film's."""
GROUPS = {TALKERS: "GRID, new talkers", ADDRESSES: "addresses, free speech"}
_LIPS, _EYES = (13, 14), (33, 263)
"""Points of the face mesh: the middle of the upper and of the lower lip; outer corners of the eyes."""
_RESULTS = RUNS / "films"

Curves = tuple[np.ndarray, np.ndarray]
"""Openings (T,) of the film's and of the made mouth, divided by the outer-eye distance."""


@dataclass(frozen=True)
class Score:
    """A film's lips.

    Attributes
    ----------
    match
        Correlation of the openings at ``late``.
    late
        Frames by which the made lips come after the film's, by other films.
    own_match, own_late
        The same at the film's own best offset.
    movement
        Deviation of the made opening divided by that of the film's.
    """

    match: float
    late: int
    own_match: float
    own_late: int
    movement: float


def read_openings(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """The mouth's opening (T,) in pictures (H, W, 3) uint8 RGB; bridged where no face is found.

    Raises ValueError if that is so in a tenth of the pictures or more.
    """
    openings = []
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=False, refine_landmarks=True) as mesh:
        for picture in pictures:
            faces = mesh.process(np.ascontiguousarray(picture)).multi_face_landmarks
            scale = np.array([picture.shape[1], picture.shape[0]])
            points = None if not faces else np.array([(p.x, p.y) for p in faces[0].landmark]) * scale
            openings.append(np.nan if points is None else _distance(points, _LIPS) / _distance(points, _EYES))
    curve = np.array(openings)
    there = np.isfinite(curve)
    if there.mean() < 0.9:
        raise ValueError(f"no face in {int((~there).sum())} of {len(curve)} pictures")
    times = np.arange(len(curve))
    return np.interp(times, times[there], curve[there])


def _distance(points: np.ndarray, pair: tuple[int, int]) -> float:
    return float(np.linalg.norm(points[pair[0]] - points[pair[1]]))


def rendered_opening(film: Path, studio: Studio) -> np.ndarray:
    """The opening (T,) on the product's frames for a film's first picture and sound."""
    with rendered_frames(film, studio) as frames:
        return read_openings(frames)


def predicted_opening(film: Path, lips: LipModel, geometry: MouthGeometry) -> np.ndarray:
    """The opening (T,) of the predicted lips on the head model."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        video.extract_sound(film, sound)
        return geometry.opening_curve(Mouth(lips, Speech(sound, 0.0, None)).channels(1.0))


def scores(curves: Mapping[str, Curves]) -> dict[str, Score]:
    """The scores of the films of a group."""
    matches = {
        name: np.array([correlation(filmed, made, lag) for lag in LAGS]) for name, (filmed, made) in curves.items()
    }
    out = {}
    for name, (filmed, made) in curves.items():
        late = int(by_other_clips(name, matches).argmax())
        own = int(np.argmax(matches[name]))
        movement = float(made.std() / filmed.std())
        out[name] = Score(matches[name][late], LAGS[late], matches[name][own], LAGS[own], movement)
    return out


def measured(data: Path, opening: Callable[[Path], np.ndarray], keep: Path) -> dict[str, dict[str, Score]]:
    """Scores by group and film. ``opening`` gives the made opening (T,) for a film. The curves go to ``keep``.

    Raises FileNotFoundError if the data folder has not at least two films of each group.
    """
    out = {}
    for corpus, group in GROUPS.items():
        curves = {}
        for clips in filmed_talkers(data, corpus).values():
            for name, film in clips.items():
                made, filmed = opening(film), read_openings(video.frames(film))
                count = min(len(made), len(filmed))
                curves[name] = filmed[:count], made[:count]
                save_npz(keep / f"{name}.npz", filmed=filmed[:count], made=made[:count])
        if len(curves) < 2:
            raise FileNotFoundError(f"{data / CORPORA[corpus]} has not enough films; say with --data where they are")
        # GRID's other talkers, who are trained on, only help to choose the offset.
        out[group] = {name: score for name, score in scores(curves).items() if lips_split(name) == "validation"}
    return out


def table(found: Mapping[str, Mapping[str, Score]], fast: bool) -> Table:
    """All scores, with medians of the groups."""
    rows = []
    for group, films in found.items():
        every = np.median([astuple(score) for score in films.values()], axis=0)
        for name, score in {f"**{group}, median of {len(films)}**": Score(*every.tolist()), **films}.items():
            match, own = number(score.match), number(score.own_match)
            late, own_late = number(score.late, 0), number(score.own_late, 0)
            rows.append((name, match, number(score.movement, 2), late, own, own_late))
    columns = (
        *("film", "opening", "movement, of the film's", "frames late, by other films"),
        *("opening at its own offset", "frames late, by itself"),
    )
    notes = (
        "Opening: correlation of the mouth's opening with the film's. None of these people was trained on. The sound "
        "of the addresses is itself about 2 frames late.",
        *(("The made opening is that of the predicted lips on the head model; nothing was rendered.",) if fast else ()),
    )
    command = "python -m training.checks.films" + (" --fast" if fast else "")
    return Table("films-fast" if fast else "films", "Lips against films", command, columns, tuple(rows), notes)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--fast", action="store_true", help="without rendering: the lips on the head model")
    add_results_option(parser)
    options = parser.parse_args()
    if options.fast:
        lips, geometry = LipModel.load(), MouthGeometry.of(HeadModel.load())
        found = measured(options.data, lambda film: predicted_opening(film, lips, geometry), _RESULTS / "fast")
    else:
        studio = Studio()
        found = measured(options.data, lambda film: rendered_opening(film, studio), _RESULTS)
    show(table(found, options.fast), options.results)


if __name__ == "__main__":
    main()
