"""White House weekly addresses: 68 landmarks a frame, without sound → head motion, blinks, brows and mouth opening.

The landmarks are integers and shake from frame to frame, so they are smoothed before the fit. Each address is cut
where the picture is (other camera, other zoom), and each piece has its own camera and rest pose.
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

from .landmarks import save
from .talker import clip_arrays, fit_talker

SIZE = (1280.0, 720.0)
CUT = 0.35
"""Movement of the nose, or change of size, between two frames, over outer-eye distance, that means another shot."""
ZOOM_FRAMES = 250.0
"""Width of the slow part of the distance that is taken away: the camera zooms, which no head motion tells apart."""
MIN_PIECE = 100
"""Frames; shorter pieces are left out."""


def cuts(landmarks: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) of the shots of an address, landmarks (T, 68, 2) px."""
    eyes = np.linalg.norm(landmarks[:, 45] - landmarks[:, 36], axis=-1)
    nose = landmarks[:, 27:36].mean(1)
    # against the frame before and the one after next: a single frame that jumps out and back is no cut
    before, after = medfilt_points(nose, 5), medfilt_points(eyes[:, None], 5)[:, 0]
    moved = np.linalg.norm(np.diff(before, axis=0), axis=-1) / eyes[1:]
    scaled = np.abs(np.diff(np.log(after)))
    edges = [0, *(np.flatnonzero((moved > CUT) | (scaled > CUT / 2)) + 1).tolist(), len(landmarks)]
    return [(a, b) for a, b in pairwise(edges) if b - a >= MIN_PIECE]


def medfilt_points(values: np.ndarray, size: int) -> np.ndarray:
    """Median over time of (T, n) columns."""
    padded = np.pad(values, ((size // 2, size // 2), (0, 0)), mode="edge")
    return np.stack([medfilt(column, size) for column in padded.T], axis=1)[size // 2 : -(size // 2)]


def steady(landmarks: np.ndarray) -> np.ndarray:
    """(T, 68, 2) landmarks without single-frame jumps, then a quadratic over five frames, which keeps a blink's
    depth."""
    flat = medfilt_points(landmarks.reshape(len(landmarks), -1).astype(np.float64), 3)  # (T, 136)
    return savgol_filter(flat, 5, 2, axis=0).reshape(landmarks.shape).astype(np.float32)


def observed_channels() -> np.ndarray:
    """(53,) bool: expressions that 68 landmarks show. Not the gaze (no irises), nor cheeks, nose wrinkles or a
    forward jaw."""
    unseen = ("eyeLook", "cheek", "noseSneer", "jawForward", "mouthShrug")
    return np.array([not name.startswith(unseen) for name in EXPRESSIONS])


def obama(source: Path, out: Path, again: bool) -> None:
    """Tracks of the ten addresses in ``source``, one file a shot: ``<address>-<first frame>.npz``."""
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
            save(
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
