"""Tracks of GRID's clips: landmarks of every clip, one fitted talker for each talker's folder, and motion curves.

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

from ..common.arrays import save_npz
from ..common.folders import LANDMARKS, TRACKS
from . import video
from .landmarks import BadClip, load_or_track, mouth_shape
from .talker import Talker, clip_arrays, fit_talker

MAX_RESIDUAL = 0.04
"""A frame with a larger median landmark residual, divided by the outer-eye distance, counts as lost."""
MAX_STEP = 0.12
"""Largest mean landmark movement between two frames, divided by the outer-eye distance. No head moves faster: a larger
movement is a cut or a broken picture."""


def check(arrays: dict[str, np.ndarray]) -> None:
    """Raise BadClip for a track that can't be trusted."""
    lost = float((arrays["residual"] > MAX_RESIDUAL).mean())
    if lost > 0.05:
        raise BadClip(f"{100 * lost:.0f} % of the frames don't fit")


def check_steps(landmarks: np.ndarray) -> None:
    """Raise BadClip if the landmarks (T, 478, 3) jump."""
    eyes = np.linalg.norm(landmarks[:, OUTER_EYES[0], :2] - landmarks[:, OUTER_EYES[1], :2], axis=-1)
    steps = np.linalg.norm(np.diff(landmarks[..., :2], axis=0), axis=-1).mean(1) / eyes[1:]
    if steps.max() > MAX_STEP:
        raise BadClip(f"the face jumps by {steps.max():.2f} eye distances at frame {int(steps.argmax()) + 1}")


def grid_talker(
    clips: list[Path], landmark_cache: Path, model: LandmarkModel, skipped: dict[str, str]
) -> tuple[Talker, dict[Path, tuple[np.ndarray, np.ndarray]]]:
    """The talker fitted to frames of all good clips, and for each good clip its landmarks and (width, height)."""
    tracks: dict[Path, tuple[np.ndarray, np.ndarray]] = {}
    for clip in clips:
        name = f"{clip.parent.name}_{clip.stem}"
        try:
            landmarks, size = load_or_track(clip, landmark_cache / f"{name}.npz")
            check_steps(landmarks)
            tracks[clip] = (landmarks, size)
        except (BadClip, OSError) as error:
            skipped[name] = str(error)
            print(f"{name}: left out, {error}", flush=True)
    sample = torch.from_numpy(np.concatenate([landmarks[::3, :, :2] for landmarks, _ in tracks.values()]))
    size = next(iter(tracks.values()))[1]
    return fit_talker(model, sample, (float(size[0]), float(size[1]))), tracks


def grid(data: Path, again: bool) -> None:
    """Make tracks of all GRID clips. Clips that have one are skipped unless ``again``."""
    out = TRACKS / "grid"
    out.mkdir(parents=True, exist_ok=True)
    head = HeadModel.load()
    model = LandmarkModel.face_mesh(head)
    skipped: dict[str, str] = {}
    for folder in sorted((data / "grid").iterdir()):
        clips = sorted(folder.glob("*.mp4"))
        started = time.monotonic()
        talker, tracks = grid_talker(clips, LANDMARKS / "grid", model, skipped)
        print(
            f"{folder.name}: rest frames fit to {float(talker.person.residual.median()):.4f} of the outer-eye distance",
            flush=True,
        )
        for clip, (landmarks, _) in tracks.items():
            name = f"{folder.name}_{clip.stem}"
            target = out / f"{name}.npz"
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
        print(f"{folder.name}: {len(tracks)} of {len(clips)} clips, {time.monotonic() - started:.0f} s", flush=True)
    (out / "skipped.json").write_text(json.dumps(skipped, indent=1))
