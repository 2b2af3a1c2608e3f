"""Where training reads its data, keeps its caches and runs, and stores its own networks.

Caches and runs are relative to the working directory, which is the repository's root for all documented commands.
"""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import SoliloquyError
from core.places import ROOT

WEIGHTS = ROOT / "training" / "weights"
"""Networks that training and evaluation use and the product does not, with a card for each."""
RECONSTRUCTION = WEIGHTS / "reconstruction.safetensors"
"""R, which reads the head model's parameters from a face view."""
CACHE = Path(".cache")
"""Data that commands of training compute from the real data. Each kind has a folder here, named below or where it is
made."""
TRACKS = CACHE / "tracks"
"""Tracked motion and sound: one folder for each video corpus."""
LANDMARKS = CACHE / "landmarks"
"""Face-mesh landmarks: one folder for each video corpus."""
CORPORA = CACHE / "corpus"
"""Clips cut from video corpora, made by ``training.corpus.videos``: one folder for each corpus."""
GRID = CORPORA / "grid"
"""The corpus of GRID."""
PORTRAITS = CACHE / "portraits"
"""Fitted portraits."""
RUNS = Path("runs")
"""Checkpoints, logs, samples and measurements: one folder for each run."""


def data_folder() -> Path:
    """Folder of the real data: ``SOLILOQUY_DATA``, or ``shared/data`` next to the repository."""
    return Path(os.environ.get("SOLILOQUY_DATA", ROOT.parent / "shared" / "data"))


def require_tracks(found: object) -> None:
    """Raise SoliloquyError ``tracks_missing`` if nothing was found."""
    if not found:
        raise SoliloquyError(
            "tracks_missing",
            "There are no tracks of filmed talkers.",
            "Make them with `python -m training.tracking grid`, `talkers`, `addresses` and `obama`.",
        )
