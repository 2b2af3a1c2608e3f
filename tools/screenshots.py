"""Takes pictures of the panels in a real Blender, for README and guide.

    python tools/screenshots.py --blender-gui PATH --blend example.blend --out docs/images

``--blend`` is the file that ``tools/example_blend.py`` made. ``blender-gui`` is the program that
``tools/real_blender.sh`` puts next to its Blender: it runs that Blender on a virtual screen.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.runtime.processes import own_group, time_limit  # noqa: E402  (the repository's root must be on the path first)


def main() -> int:
    """Takes the pictures. Returns 0 when all of them are there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--blender-gui", required=True, help="Program that starts Blender with a window.")
    parser.add_argument("--blend", type=Path, required=True, help="File that is shown.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for the pictures.")
    parser.add_argument("--frame", type=int, default=40, help="Scene frame to show.")
    parser.add_argument("--limit", type=int, default=600, help="Seconds after which Blender is ended. Default: 600.")
    parser.add_argument(
        "--worker-python", default=sys.executable, help="Interpreter of the runtime that the doctor checks."
    )
    parser.add_argument("--scale", type=float, default=1.0, help="Size of the interface. Default: 1.")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [chosen.blender_gui, "--factory-startup", "--python", ROOT / "tools" / "screenshots_inside.py", "--"]
        command += ["--blend", chosen.blend, "--out", folder, "--frame", chosen.frame, "--scale", chosen.scale]
        command += ["--worker-python", chosen.worker_python]
        window = subprocess.Popen([str(word) for word in command], **own_group())
        with time_limit(window, chosen.limit) as over:
            window.wait()
        if over.is_set():
            print(f"Blender was not ready after {chosen.limit} s and was ended.", file=sys.stderr)
        taken = sorted(folder.glob("*.png"))
        for path in taken:
            Image.open(path).convert("RGB").save(chosen.out / path.name, optimize=True)
            print(f"saved {chosen.out / path.name}")
        if not (folder / "done").exists():
            print("Not all pictures were taken.", file=sys.stderr)
            return 1
        return 0


if __name__ == "__main__":
    sys.exit(main())
