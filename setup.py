"""Builds the Python package ``soliloquy``, which is the folder ``core`` under that name: ``pip install .``

Its version is the extension's, and its dependencies are the worker's pinned packages.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
MANIFEST = ROOT / "blender_manifest.toml"


class BuildWithManifest(build_py):
    """Puts the manifest, which says the version, into the package."""

    def run(self) -> None:
        """Copy it after the modules and the weights."""
        super().run()
        shutil.copy(MANIFEST, Path(self.build_lib) / "soliloquy")


def requirements() -> list[str]:
    """The worker's packages."""
    lines = (ROOT / "core" / "requirements" / "worker.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


setup(
    name="soliloquy",
    version=tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["version"],
    description="A talking head from a sound and a portrait",
    license="GPL-3.0-or-later",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.11,<3.13",
    packages=["soliloquy" + name.removeprefix("core") for name in find_namespace_packages(include=["core", "core.*"])],
    package_dir={"soliloquy": "core"},
    package_data={"": ["*"]},
    entry_points={"console_scripts": ["soliloquy = soliloquy.__main__:run"]},
    install_requires=requirements(),
    cmdclass={"build_py": BuildWithManifest},
)
