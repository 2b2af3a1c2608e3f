"""Tracks of filmed talkers with sound: landmarks of every clip, one fitted talker for each person, and motion curves.

``training.tracking`` describes the files.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import torch

from core.face.landmark_model import LandmarkModel
from core.face.points import OUTER_EYES
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.readback.pieces import MAX_STEP, BadClip
from core.readback.talker import Talker, check, clip_arrays, fit_talker

from ..common.arrays import save_npz
from ..common.folders import LANDMARKS, TRACKS
from . import video
from .landmarks import load_or_track, mouth_shape

GRID, TALKERS, ADDRESSES = "grid", "talkers", "addresses"
CORPORA = {GRID: "grid", TALKERS: "grid_more", ADDRESSES: "addresses"}
"""Corpora and their folders in the data: GRID's two talkers with many clips each, ten with one or two clips each, and
sentences of weekly addresses, which are free speech."""
FILMS = (".mp4", ".mpg", ".mkv")
"""Endings of video files."""


def check_steps(landmarks: np.ndarray) -> None:
    """Raise BadClip if the landmarks (T, 478, 3) jump."""
    eyes = np.linalg.norm(landmarks[:, OUTER_EYES[0], :2] - landmarks[:, OUTER_EYES[1], :2], axis=-1)
    steps = np.linalg.norm(np.diff(landmarks[..., :2], axis=0), axis=-1).mean(1) / eyes[1:]
    if steps.max() > MAX_STEP:
        raise BadClip(f"the face jumps by {steps.max():.2f} eye distances at frame {int(steps.argmax()) + 1}")


def filmed_talkers(data: Path, corpus: str) -> dict[str, dict[str, Path]]:
    """Clips of a corpus by talker and by name. The names start with the talker: ``s1_bbaf2n``, ``president_03``."""
    talkers: dict[str, dict[str, Path]] = {}
    for clip in sorted((data / CORPORA[corpus]).glob("*.*" if corpus == ADDRESSES else "*/*.*")):
        if clip.suffix in FILMS:
            name = clip.stem if corpus == ADDRESSES else f"{clip.parent.name}_{clip.stem}"
            talkers.setdefault(name.split("_")[0], {})[name] = clip
    return talkers


def fitted_talker(
    clips: dict[str, Path], landmark_cache: Path, model: LandmarkModel, skipped: dict[str, str]
) -> tuple[Talker, dict[str, np.ndarray]]:
    """The talker fitted to frames of all good clips, and the landmarks of each good clip.

    Raises BadClip if no clip is good, or if the clips have different picture sizes.
    """
    tracks: dict[str, np.ndarray] = {}
    sizes = set()
    for name, clip in clips.items():
        try:
            landmarks, size = load_or_track(clip, landmark_cache / f"{name}.npz")
            check_steps(landmarks)
            tracks[name] = landmarks
            sizes.add((float(size[0]), float(size[1])))
        except (BadClip, OSError) as error:
            skipped[name] = str(error)
            print(f"{name}: left out, {error}", flush=True)
    if len(sizes) != 1:
        raise BadClip(f"one picture size is needed; the clips have {len(sizes)}")
    sample = torch.from_numpy(np.concatenate([landmarks[::3, :, :2] for landmarks in tracks.values()]))
    return fit_talker(model, sample, sizes.pop()), tracks


def filmed(data: Path, corpus: str, again: bool) -> None:
    """Make tracks of all clips of a corpus (:data:`CORPORA`). Clips that have one are skipped unless ``again``."""
    out = TRACKS / corpus
    out.mkdir(parents=True, exist_ok=True)
    head = HeadModel.load()
    model = LandmarkModel.face_mesh(head)
    skipped: dict[str, str] = {}
    for person, clips in filmed_talkers(data, corpus).items():
        started = time.monotonic()
        try:
            talker, tracks = fitted_talker(clips, LANDMARKS / corpus, model, skipped)
        except BadClip as error:
            skipped[person] = str(error)
            print(f"{person}: left out, {error}", flush=True)
            continue
        print(
            f"{person}: rest frames fit to {float(talker.person.residual.median()):.4f} of the outer-eye distance",
            flush=True,
        )
        for name, landmarks in tracks.items():
            clip, target = clips[name], out / f"{name}.npz"
            if target.exists() and not again:
                continue
            try:
                arrays = clip_arrays(talker, torch.from_numpy(landmarks[..., :2].copy()), head.neck_pivot)
                check(arrays)
                if not target.with_suffix(".wav").exists():
                    video.extract_sound(clip, target.with_suffix(".wav"))
            except (BadClip, OSError) as error:
                skipped[name] = str(error)
                print(f"{name}: left out, {error}", flush=True)
                continue
            opening, width = mouth_shape(landmarks)
            observed = np.ones(len(EXPRESSIONS), dtype=bool)
            place = np.array(clip.relative_to(data).as_posix())
            save_npz(target, **arrays, opening=opening, width=width, observed=observed, clip=place)
        print(f"{person}: {len(tracks)} of {len(clips)} clips, {time.monotonic() - started:.0f} s", flush=True)
    (out / "skipped.json").write_text(json.dumps(skipped, indent=1))
