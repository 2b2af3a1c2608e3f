"""Pictures of the panels in a real Blender, for the README.

    python tools/screenshots.py --blender-gui PATH --blend demo-output/astronaut.blend --out docs/images

``blender-gui`` is the program that ``tools/real_blender.sh`` leaves beside its Blender: it runs it on a virtual screen
and photographs that. Saves ``<out>/blender.png`` (the window), ``panel_sequencer.png`` and
``panel_viewport.png`` (its two editors).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Returns 0 when the pictures are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender-gui", required=True)
    parser.add_argument("--blend", type=Path, required=True, help="file made by the demonstration")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frame", type=int, default=40, help="scene frame to show")
    parser.add_argument("--after", type=int, default=30, help="seconds until the photograph")
    parser.add_argument("--scale", type=float, default=1.0, help="of the interface")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shot, places = Path(folder) / "shot.png", Path(folder) / "places.json"
        command = [chosen.blender_gui, "--factory-startup", "--python", ROOT / "tools" / "screenshots_inside.py", "--"]
        command += ["--blend", chosen.blend, "--places", places, "--frame", chosen.frame, "--scale", chosen.scale]
        command += ["--worker-python", sys.executable]
        variables = os.environ | {"SHOT": str(shot), "SHOT_AFTER": str(chosen.after)}
        subprocess.run([str(word) for word in command], env=variables, check=False, timeout=chosen.after + 120)
        if not (shot.exists() and places.exists()):
            print("Blender was not ready in time: try a longer --after.", file=sys.stderr)
            return 1
        window = Image.open(shot).convert("RGB")
        window.save(chosen.out / "blender.png", optimize=True)
        for name, (x, y, width, height) in json.loads(places.read_text()).items():
            top = window.height - y - height  # Blender counts pixels from the bottom
            window.crop((x, top, x + width, top + height)).save(chosen.out / f"panel_{name}.png", optimize=True)
    print(f"saved {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
