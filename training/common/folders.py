"""Where training reads its data and keeps its own networks."""

from __future__ import annotations

import os
from pathlib import Path

from core.places import ROOT

WEIGHTS = ROOT / "training" / "weights"
"""Networks that training and evaluation use and the product doesn't, with a card for each."""


def data_folder() -> Path:
    """Folder of the real data: ``SOLILOQUY_DATA``, or ``shared/data`` next to the repository."""
    return Path(os.environ.get("SOLILOQUY_DATA", ROOT.parent / "shared" / "data"))
