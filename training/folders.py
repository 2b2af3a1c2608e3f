"""Where the data is that training reads."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """Folder of the real data: ``SOLILOQUY_DATA``, or ``shared/data`` beside the repository."""
    return Path(os.environ.get("SOLILOQUY_DATA", Path(__file__).parents[2] / "shared" / "data"))
