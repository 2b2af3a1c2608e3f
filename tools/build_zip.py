"""Builds the extension's zip: ``python tools/build_zip.py [--out build]``.

It does the same as ``blender --command extension build``, without a Blender. Each run makes the same bytes (sorted
names, fixed times), so that a zip can be compared by its hash.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import places  # noqa: E402  (the repository's root must be on the path first)
from core.files import written_beside  # noqa: E402

CONTENTS = ("blender_manifest.toml", "__init__.py", "addon", "core", "LICENSE", "NOTICE")
"""The parts of the extension. The manifest's exclusions make Blender's own build contain the same parts."""
_SKIPPED_FOLDERS = {"__pycache__"}
_SKIPPED_ENDINGS = {".pyc", ".part"}
SUMS = places.WEIGHTS.relative_to(places.ROOT) / places.SUMS
"""Written only into the zip. The worker and the doctor compare the weights with it."""
_FIXED_TIME = (2020, 1, 1, 0, 0, 0)


def extension_files(root: Path = ROOT) -> list[Path]:
    """Files of the extension, relative to ``root``."""
    found: set[Path] = set()
    for name in CONTENTS:
        path = root / name
        inside = path.rglob("*") if path.is_dir() else [path]
        found |= {file.relative_to(root) for file in inside if file.is_file()}
    return sorted(
        file for file in found if not _SKIPPED_FOLDERS & set(file.parts) and not _SKIPPED_ENDINGS & set(file.suffixes)
    )


def weight_sums(root: Path = ROOT) -> bytes:
    """A line for every file of weights: its SHA-256, two spaces, its name."""
    files = [file for file in extension_files(root) if file.parent == SUMS.parent and file.suffix == ".safetensors"]
    lines = [f"{hashlib.sha256((root / file).read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    return "".join(lines).encode("ascii")


def build(out: Path, root: Path = ROOT) -> Path:
    """Write ``soliloquy-<version>.zip`` into the folder ``out`` and return its path."""
    manifest = tomllib.loads((root / "blender_manifest.toml").read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{manifest['id']}-{manifest['version']}.zip"
    with written_beside(target) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted({*extension_files(root), SUMS}):
            entry = zipfile.ZipInfo(file.as_posix(), _FIXED_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, weight_sums(root) if file == SUMS else (root / file).read_bytes())
    return target


def untracked(files: list[Path], root: Path = ROOT) -> list[Path]:
    """Those of ``files`` that git does not track: a zip for users should contain none of them."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    return [file for file in files if file.as_posix() not in set(tracked.split("\0"))]


def main(arguments: list[str] | None = None) -> int:
    """Builds the zip and prints its path and size. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="Folder for the zip. Default: build.")
    options = parser.parse_args(arguments)
    if (ROOT / ".git").exists():
        for file in untracked(extension_files()):
            print(f"warning: {file} is not in git but goes into the zip", file=sys.stderr)
    target = build(options.out)
    print(f"{target} ({target.stat().st_size / 2**20:.1f} MiB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
