"""The program ``soliloquy`` with the scripted worker in place of the real one: same arguments, same exit codes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from core import __main__ as program  # noqa: E402

sys.executable = os.environ["SCRIPTED_WORKER"]
if __name__ == "__main__":
    sys.exit(program.main())
