"""The doctor: is everything there that Soliloquy needs, and what mends what isn't?

`here` looks without starting anything; `of_worker` judges what the worker said of itself.
"""

from __future__ import annotations

import json
import platform
import shutil
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..core import protocol
from . import preferences

OK, WARN, BAD = "OK", "WARN", "BAD"
_OLDEST = (4, 2)
_NEEDED = {"runtime": 3.0, "takes": 1.0}
"""GB that should be free for the runtime and for takes."""
_LONG_PATH = 110
"""Windows' limit of 260 characters, less what torch's own files need below the runtime folder."""
WEIGHTS = protocol.EXTENSION_ROOT / "core" / "weights"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``fix`` is what to do, ``operator`` the button that does it."""

    level: str
    title: str
    text: str
    fix: str = ""
    operator: str = ""


def here() -> list[Finding]:
    """Everything that can be told without the worker."""
    return [_blender(), _runtime(), *_disks(), *_paths(), _weights()]


def _blender() -> Finding:
    text = f"{bpy.app.version_string}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if bpy.app.version[:2] < _OLDEST:
        return Finding(BAD, "Blender", text, "Use Blender 4.2 or newer.")
    return Finding(OK, "Blender", text)


def _runtime() -> Finding:
    python = preferences.worker_python()
    if python is None:
        fix = "Install the runtime in the add-on's preferences, or choose your own Python there."
        return Finding(BAD, "Runtime", "not installed", fix, "soliloquy.install_runtime")
    return Finding(OK, "Runtime", str(python))


def _disks() -> list[Finding]:
    places = {"takes": preferences.output_folder(bpy.context.scene.soliloquy.output_dir)}
    if preferences.worker_python() is None:
        places["runtime"] = preferences.runtime_folder()
    found = []
    for what, folder in places.items():
        there = next((path for path in (folder, *folder.parents) if path.is_dir()), None)
        if there is None:
            found.append(Finding(BAD, f"Folder for {what}", f"{folder} has no drive", "Choose another folder."))
            continue
        free = shutil.disk_usage(there).free / 1e9
        text = f"{free:.0f} GB free in {folder}"
        low = free < _NEEDED[what]
        fix = f"Free {_NEEDED[what]:.0f} GB, or choose a folder on another disk." if low else ""
        found.append(Finding(WARN if low else OK, f"Disk for {what}", text, fix))
    return found


def _paths() -> list[Finding]:
    folder = str(preferences.runtime_folder())
    if sys.platform == "win32" and len(folder) > _LONG_PATH:
        fix = "Choose a short Runtime Folder in the preferences, C:\\soliloquy say."
        return [Finding(WARN, "Path length", f"{len(folder)} characters: {folder}", fix)]
    return [Finding(OK, "Path length", f"{len(folder)} characters")]


def _weights() -> Finding:
    files = sorted(WEIGHTS.glob("*.safetensors"))
    cards = {path.stem for path in WEIGHTS.glob("*.md") if path.stem != "README"}
    lacking = [card for card in cards if not any(path.name.startswith(card) for path in files)]
    damaged = [path.name for path in files if not is_whole(path)]
    if lacking or damaged:
        text = ", ".join([*(f"{name} is missing" for name in lacking), *(f"{name} is damaged" for name in damaged)])
        return Finding(BAD, "Weights", text, "Install the extension again from its zip.")
    size = sum(path.stat().st_size for path in files) / 1e6
    return Finding(OK, "Weights", f"{len(files)} files, {size:.0f} MB, whole")


def is_whole(path: Path) -> bool:
    """Whether a safetensors file is as long as its own header says."""
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return path.stat().st_size == 8 + length + max(ends)
    except (OSError, ValueError, KeyError, TypeError, struct.error, MemoryError):
        return False


def of_worker(probed: dict[str, Any] | None, problem: str, seconds: float) -> list[Finding]:
    """What the worker's answer to ``probe`` says; ``problem`` is the sentence where there was none."""
    if probed is None:
        return [Finding(BAD, "Worker", problem, "Install the runtime again.", "soliloquy.install_runtime")]
    found = [Finding(OK, "Worker", f"answered in {seconds:.1f} s, Python {probed['python']}")]
    if probed["version"] != protocol.version():
        text = f"version {probed['version']}, the add-on is {protocol.version()}"
        found.append(Finding(BAD, "Version", text, "Restart Blender."))
    wanted = preferences.device()
    devices = ", ".join(probed["devices"])
    text = f"torch {probed['torch']} on {probed['device_name']}; usable: {devices}"
    if wanted != "auto" and wanted not in probed["devices"]:
        found.append(Finding(BAD, "Device", text, f"{wanted} can't be used: choose Automatic in the preferences."))
    elif probed["device"] == "cpu":
        found.append(Finding(OK, "Device", f"{text}. A GPU would be faster, none is needed"))
    else:
        found.append(Finding(OK, "Device", text))
    return found


def report(findings: list[Finding]) -> str:
    """The findings as text to send with a question."""
    lines = [f"Soliloquy {protocol.version()}"]
    for finding in findings:
        lines.append(
            f"[{finding.level:4}] {finding.title}: {finding.text}" + (f" -> {finding.fix}" if finding.fix else "")
        )
    return "\n".join(lines)
