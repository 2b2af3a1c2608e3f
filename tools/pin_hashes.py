"""Writes the checksums of the packages that users install: ``python3 tools/pin_hashes.py``.

Asks PyPI for the files of every pinned version of ``core/requirements`` and writes those that fit the worker into
``*.hashed.txt`` next to each list. pip then refuses any other file. Run it whenever a pin changes; a test compares the
versions. torch is left out: its builds for GPUs are not on PyPI.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.runtime.environment import UV_REQUIREMENTS, WORKER_REQUIREMENTS  # noqa: E402
from core.runtime.installing import hashed_file, is_torch, pins_of  # noqa: E402
from core.runtime.pythons import WORKER_PYTHONS  # noqa: E402

INDEX = "https://pypi.org/simple/{name}/"
_SYSTEMS = re.compile(r"any|win_amd64|manylinux.*_(x86_64|aarch64)|macosx_\d+_\d+_(arm64|universal2)")
"""Systems of which torch 2.13 has builds; a wheel may name several."""


def fits(wheel: str) -> bool:
    """Whether a wheel's name says that it fits CPython 3.11 or 3.12 on a system that has torch."""
    if not wheel.endswith(".whl"):
        return False
    pythons, abi, systems = (part.split(".") for part in wheel.removesuffix(".whl").split("-")[-3:])
    if not any(_SYSTEMS.fullmatch(system) for system in systems):
        return False
    ours = {f"cp{major}{minor}" for major, minor in WORKER_PYTHONS}
    if "abi3" in abi:  # fits the version that it names and all later ones
        return any(int(match[1]) <= WORKER_PYTHONS[0][1] for tag in pythons if (match := re.match(r"cp3(\d+)$", tag)))
    if "none" in abi:
        return any(tag.startswith("py3") or tag in ours for tag in pythons)
    return bool(ours & set(pythons) & set(abi))


def files_of(name: str, version: str) -> dict[str, str]:
    """SHA-256 of every wheel of a release that fits, by file name. Raises OSError without a network."""
    request = urllib.request.Request(
        INDEX.format(name=name.lower().replace("_", "-")), headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        listed = json.load(answer)["files"]
    found = {}
    for file in listed:
        wheel = file["filename"]
        if fits(wheel) and wheel.split("-")[1] == version:
            found[wheel] = file["hashes"]["sha256"]
    return found


def text_of(requirements: Path) -> str:
    """The contents of the file with checksums for ``requirements``."""
    lines = [f"# Checksums for {requirements.name}, written by tools/pin_hashes.py. Don't edit."]
    for pin in pins_of([requirements]):
        if is_torch(pin):
            continue
        found = files_of(*pin.split("=="))
        if not found:
            raise SystemExit(f"{pin} has no wheel that fits.")
        sums = sorted(set(found.values()))
        lines.append(" \\\n".join([pin, *(f"    --hash=sha256:{digest}" for digest in sums)]))
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the checksums of the packages that users install.")
    parser.parse_args()
    for requirements in (WORKER_REQUIREMENTS, UV_REQUIREMENTS):
        hashed_file(requirements).write_text(text_of(requirements), encoding="utf-8")
        print(f"{hashed_file(requirements).relative_to(ROOT)} written.")


if __name__ == "__main__":
    main()
