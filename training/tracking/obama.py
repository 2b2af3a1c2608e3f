"""White House weekly addresses: 68 landmarks in each frame, no sound → head motion, blinks, brows and mouth opening.

The landmarks are integers and shake from frame to frame, so they are smoothed before the fit. Each address is cut into
its shots (other camera, other zoom), and each shot has its own camera and rest pose.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import medfilt, savgol_filter

from core.face.landmark_model import LandmarkModel
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.readback.talker import clip_arrays, fit_talker

from ..common.arrays import save_npz

SIZE = (1280.0, 720.0)
CUT = 0.35
"""A larger movement of the nose between two frames, divided by the outer-eye distance, or half of it as a change of
size, means a new shot."""
ZOOM_FRAMES = 250.0
"""Standard deviation, in frames, of the running mean of the distance that is subtracted. The camera zooms slowly, which
can't be told from head motion."""
MIN_PIECE = 100
"""Shots with fewer frames are left out."""


def cuts(landmarks: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) of the shots of an address with landmarks (T, 68, 2) px."""
    eyes = np.linalg.norm(landmarks[:, 45] - landmarks[:, 36], axis=-1)
    nose = landmarks[:, 27:36].mean(1)
    # Medians over five frames: a single frame that jumps away and back is not a cut.
    before, after = medfilt_points(nose, 5), medfilt_points(eyes[:, None], 5)[:, 0]
    moved = np.linalg.norm(np.diff(before, axis=0), axis=-1) / eyes[1:]
    scaled = np.abs(np.diff(np.log(after)))
    edges = [0, *(np.flatnonzero((moved > CUT) | (scaled > CUT / 2)) + 1).tolist(), len(landmarks)]
    return [(a, b) for a, b in pairwise(edges) if b - a >= MIN_PIECE]


def medfilt_points(values: np.ndarray, size: int) -> np.ndarray:
    """Running median over time of columns (T, n)."""
    padded = np.pad(values, ((size // 2, size // 2), (0, 0)), mode="edge")
    return np.stack([medfilt(column, size) for column in padded.T], axis=1)[size // 2 : -(size // 2)]


def steady(landmarks: np.ndarray) -> np.ndarray:
    """(T, 68, 2) landmarks without single-frame jumps, smoothed by quadratics over five frames, which keep the depth of
    blinks."""
    flat = medfilt_points(landmarks.reshape(len(landmarks), -1).astype(np.float64), 3)  # (T, 136)
    return savgol_filter(flat, 5, 2, axis=0).reshape(landmarks.shape).astype(np.float32)


def observed_channels() -> np.ndarray:
    """(53,) bool: expressions that 68 landmarks show. They do not show gaze (no irises), cheeks, nose wrinkles or a
    forward jaw."""
    unseen = ("eyeLook", "cheek", "noseSneer", "jawForward", "mouthShrug")
    return np.array([not name.startswith(unseen) for name in EXPRESSIONS])


def obama(source: Path, out: Path, again: bool) -> None:
    """Make tracks of the ten addresses in ``source``, one file for each shot: ``<address>-<first frame>.npz``."""
    head = HeadModel.load()
    model = LandmarkModel.ibug68(head)
    with np.load(source, allow_pickle=False) as data:
        addresses = {name: data[name] for name in data.files}
    for name, landmarks in addresses.items():
        for first, end in cuts(landmarks.astype(np.float64)):
            target = out / f"{name}-{first:05d}.npz"
            if target.exists() and not again:
                continue
            points = torch.from_numpy(steady(landmarks[first:end]))
            talker = fit_talker(model, points, SIZE)
            arrays = clip_arrays(talker, points, head.neck_pivot)
            arrays["translation"][:, 2] -= gaussian_filter1d(arrays["translation"][:, 2], ZOOM_FRAMES, mode="nearest")
            eyes = (points[:, 45] - points[:, 36]).norm(dim=-1)
            opening = (points[:, 61:64] - points[:, [67, 66, 65]]).norm(dim=-1).mean(1) / eyes
            width = (points[:, 54] - points[:, 48]).norm(dim=-1) / eyes
            save_npz(
                target,
                **arrays,
                opening=opening.numpy(),
                width=width.numpy(),
                observed=observed_channels(),
                clip=np.array(f"{name}[{first}:{end}]"),
            )
            print(
                f"{target.stem}: {end - first} frames, median residual {np.median(arrays['residual']):.4f}", flush=True
            )
