"""What E_v sees in the filmed clips: f_v of every frame, computed once and kept.

E_v is the shipped one (``core/weights/representation.safetensors``) and is not trained here, so f_v can be kept.
Written to ``.cache/lips_seen/<corpus>/<name>.npy``. Files that are older than the weights are made again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.face.face_view import clip_similarity, face_view, network_input
from core.representation.model import WEIGHTS, Representation

from ..common import folders
from ..common.arrays import save_npy
from ..tracking import video
from ..tracking.landmarks import load_or_track

CACHE = folders.CACHE / "lips_seen"


class Sight:
    """Looks at filmed clips. ``data`` is the data folder, ``encoder`` is E_v (None: the shipped one)."""

    def __init__(self, data: Path, encoder: nn.Module | None = None) -> None:
        self._data = data
        self._encoder = encoder

    def f_v(self, track: Path, corpus: str) -> np.ndarray:
        """(T, d_v) float16 of the frames of a tracked clip, in the time of the pictures.

        Raises OSError if the film is missing, and the errors of ``Representation.load``.
        """
        kept = CACHE / corpus / f"{track.stem}.npy"
        if not kept.exists() or kept.stat().st_mtime < WEIGHTS.stat().st_mtime:
            save_npy(kept, self._look(track, corpus))
        found: np.ndarray = np.load(kept, allow_pickle=False)
        return found

    @torch.no_grad()
    def _look(self, track: Path, corpus: str) -> np.ndarray:
        if self._encoder is None:
            self._encoder = Representation.load().motion_encoder.eval()
        with np.load(track, allow_pickle=False) as stored:
            film, frames = self._data / str(stored["clip"]), len(stored["expression"])
        landmarks, _ = load_or_track(film, folders.LANDMARKS / corpus / f"{track.stem}.npz")
        similarity = clip_similarity(landmarks)
        views = np.stack([face_view(picture, similarity) for picture in video.frames(film)])
        if len(views) != frames:
            raise OSError(f"{film.name} has {len(views)} frames, its track {frames}; track it again")
        seen = []
        for part in np.array_split(views, -(-len(views) // 100)):
            pictures = torch.from_numpy(network_input(part)).to(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                seen.append(self._encoder(pictures).float().numpy())
        return np.concatenate(seen).astype(np.float16)
