"""A film of a talking person → how the head moves and the lids blink, as a Motion. Readings are kept in a cache.

The film's longest shot of one face is used; where several faces are seen, the largest one. Its landmarks are tracked,
the head model is fitted to the person, and then to each frame (`core.readback.talker`). The pose is relative to the
median pose of the shot, so a person who begins turned aside is turned aside at the beginning only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from ..errors import BadInputError, SoliloquyError
from ..face.face_mesh import FaceMesh
from ..face.landmark_model import LandmarkModel
from ..face.points import LANDMARKS
from ..files import make_private_folder, write_bytes
from ..head.head_model import HeadModel
from ..inputs import shown
from ..media.film import film_frames, film_seconds
from ..motion.channels import EXPRESSIONS, EYE_BLINKS, FPS
from ..motion.motion import Motion
from ..portrait.load import model_key
from ..wire.workload import FILM_LOOKS
from .pieces import MAX_GAP, SHORTEST, BadClip, bridged, pieces
from .talker import check, clip_arrays, fit_talker

CACHE_VERSION = 1
"""Raised when a change of the code makes old readings wrong."""
MOST_MINUTES = 10
"""A longer film is read only so far."""
_LONG_SIDE = 1280
"""Pixels; larger pictures are scaled down to this side."""
_FITTED = 1500
"""Most frames from which the frames at rest are chosen that show who the person is."""
_CHOOSE = "Choose a video of one person who looks about at the camera."

OnStep = Callable[[int], None]
"""Called with the number of steps that are done (:func:`steps_to_read`). It may raise an error to stop the work."""


def frames_to_read(frames: int) -> int:
    """Most frames of a film that are read for a motion of so many frames: whole minutes, so that takes of similar
    lengths have the same reading."""
    minute = round(60 * FPS)
    return minute * min(max(-(-frames // minute), 1), MOST_MINUTES)


def steps_to_read(path: str | Path, frames: int) -> int:
    """Steps of the work of `read_film`. Raises as `film_frames`."""
    seconds = film_seconds(path)
    most = frames_to_read(frames)
    return FILM_LOOKS * (most if seconds is None else min(max(round(seconds * FPS), 1), most))


def read_film(
    path: str | Path, digest: str, frames: int, progress: OnStep, cache_dir: str | Path | None = None
) -> Motion:
    """Head and lids of the person in a film.

    Memory doesn't grow with the pictures: of each only the landmarks are kept.

    Parameters
    ----------
    path, digest
        The film, and the SHA-256 of its content.
    frames
        Frames of the motion that needs it (:func:`frames_to_read`).
    cache_dir
        Folder in which readings are kept, by content. Only the user can read their files. If the cache can't be
        written, that is no error.

    Returns
    -------
    Motion
        25 frames a second of the film's longest shot of one face. Rotation and translation are relative to the shot's
        median pose. Of the expression it has only ``EYE_BLINKS``, where 1 just closes this person's eyes.

    Raises BadInputError ``video_no_face``, ``video_too_short``, ``video_unclear``, and the errors of `film_frames`.
    """
    most, kept = frames_to_read(frames), None
    if cache_dir is not None:
        kept = Path(cache_dir) / f"film-{CACHE_VERSION}-{model_key()}-{digest}-{most}.npz"
        with suppress(BadInputError):
            return Motion.load(kept)
    motion = _read(Path(path), itertools.islice(film_frames(path, long_side=_LONG_SIDE), most), progress)
    if kept is not None:
        with suppress(SoliloquyError):
            make_private_folder(kept.parent, ours=False)
            write_bytes(kept, motion.to_bytes(), private=True)
    return motion


def _read(path: Path, frames: Iterable[np.ndarray], progress: OnStep) -> Motion:
    """The motion that these frames of a film show; raises as `read_film`."""
    landmarks, found, size = _landmarks(frames, progress)
    name = shown(path.name)
    if not found.any():
        raise BadInputError("video_no_face", f"{name} shows no face.", _CHOOSE)
    try:
        landmarks, there = bridged(landmarks, found)
        first, last = max(pieces(landmarks, there), key=lambda piece: piece[1] - piece[0])
    except BadClip as error:
        sentence = f"{name} shows a face for less than {SHORTEST / FPS:g} second at a stretch."
        raise BadInputError("video_too_short", sentence, "Choose a longer video without cuts.") from error
    head = HeadModel.load()
    shot = torch.from_numpy(landmarks[first:last])
    try:
        talker = fit_talker(LandmarkModel.face_mesh(head), shot[:: -(-len(shot) // _FITTED)], size)
        track = clip_arrays(talker, shot, head.neck_pivot, lambda done: progress(len(landmarks) + done))
        check(track)
    except BadClip as error:
        raise BadInputError("video_unclear", f"The face in {name} can't be followed: {error}.", _CHOOSE) from error
    expression = np.zeros_like(track["expression"])
    columns = [EXPRESSIONS.index(name) for name in EYE_BLINKS]
    expression[:, columns] = track["expression"][:, columns]
    return Motion(expression, track["rotation"], track["translation"])


def _landmarks(frames: Iterable[np.ndarray], progress: OnStep) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Landmarks (T, 478, 2) px, (T,) whether a frame shows a face, and (width, height) px of the frames.

    While the face is gone, it is looked for only in some frames, as that is slow.
    """
    points, found = [], []
    size = (0.0, 0.0)
    gone = 0
    with FaceMesh(video=True, largest=True) as mesh:
        for index, frame in enumerate(frames):
            size = (float(frame.shape[1]), float(frame.shape[0]))
            faces = mesh.detect(frame) if gone % MAX_GAP == 0 else []
            gone = 0 if faces else gone + 1
            found.append(bool(faces))
            points.append(faces[0][:, :2] if faces else np.zeros((LANDMARKS, 2), np.float32))
            progress(index + 1)
    return np.array(points, np.float32).reshape(-1, LANDMARKS, 2), np.array(found, bool), size
