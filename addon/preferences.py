"""The add-on's preferences: where the worker's Python is, and where takes go.

``SOLILOQUY_PYTHON`` (an interpreter) and ``SOLILOQUY_RUNTIME`` (a folder for the environment) come before the
preferences; scripts, tests and render farms set those.
"""

from __future__ import annotations

import os
from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from ..core import environment
from ..core.errors import SoliloquyError
from .words import say

ROOT_PACKAGE = __package__.rpartition(".")[0]
"""The extension's package, ``bl_ext.<repository>.soliloquy``; Blender files the preferences under it."""


class SoliloquyPreferences(bpy.types.AddonPreferences):
    """Shown under Preferences > Add-ons > Soliloquy."""

    bl_idname = ROOT_PACKAGE

    runtime_folder: StringProperty(
        name="Runtime Folder",
        subtype="DIR_PATH",
        description="Folder for the Python packages (about 2 GB); on Windows choose a short path. "
        "Blender's folder for extension data when left empty",
    )
    worker_python: StringProperty(
        name="Own Python",
        subtype="FILE_PATH",
        description="A Python that has the packages of core/requirements/worker.txt, instead of an installed runtime",
    )
    wheels_folder: StringProperty(
        name="Wheels",
        subtype="DIR_PATH",
        description="Folder that holds the packages of core/requirements/worker.txt as wheels, to install them "
        "without network",
    )
    device: EnumProperty(
        name="Device",
        description="Where the networks run",
        items=(
            ("auto", "Automatic", "CUDA if there, else Metal, else the processor"),
            ("cpu", "Processor", "The processor only"),
            ("cuda", "CUDA", "An NVIDIA GPU"),
            ("mps", "Metal", "An Apple GPU"),
        ),
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """The runtime's state first, then where things are."""
        from .panels import draw_runtime

        layout = self.layout
        layout.use_property_split = True
        draw_runtime(layout.column())
        column = layout.column()
        column.prop(self, "device")
        column.prop(self, "runtime_folder")
        column.prop(self, "wheels_folder")
        column.prop(self, "worker_python")
        column.operator("soliloquy.remove_runtime", icon="TRASH")


def _preferences() -> SoliloquyPreferences | None:
    """The stored preferences; None when the add-on was registered by a script and not enabled in Blender."""
    addon = bpy.context.preferences.addons.get(ROOT_PACKAGE)
    return addon.preferences if addon else None


def _chosen(name: str) -> str:
    stored = _preferences()
    return str(getattr(stored, name)).strip() if stored else ""


def device() -> str:
    """The chosen device, ``auto`` by default."""
    return _chosen("device") or "auto"


def user_folder() -> Path:
    """The extension's folder for files that outlive an upgrade; without an installation one in the user's home."""
    try:
        return Path(bpy.utils.extension_path_user(ROOT_PACKAGE))
    except ValueError:
        return Path.home() / ".soliloquy"


def runtime_folder() -> Path:
    """Where the worker's environment is or will be installed."""
    chosen = os.environ.get("SOLILOQUY_RUNTIME") or bpy.path.abspath(_chosen("runtime_folder"))
    return Path(chosen) if chosen else user_folder() / "runtime"


def wheels_folder() -> Path | None:
    """Folder of wheels to install from instead of the network, or None."""
    chosen = bpy.path.abspath(_chosen("wheels_folder"))
    return Path(chosen) if chosen else None


def own_python() -> Path | None:
    """The Python that the user chose instead of an installed runtime, whether it is there or not; None without."""
    chosen = os.environ.get("SOLILOQUY_PYTHON") or bpy.path.abspath(_chosen("worker_python"))
    return Path(chosen) if chosen else None


def worker_python() -> Path | None:
    """The worker's interpreter, or None while no runtime is installed. Quick enough for a panel's ``poll``."""
    own = own_python()
    if own is not None:
        return own if own.is_file() else None
    return environment.installed_python(runtime_folder())


def require_worker_python() -> Path:
    """`worker_python`, or a `SoliloquyError` that says what to do."""
    python = worker_python()
    if python is None:
        raise SoliloquyError(
            "runtime_missing",
            say("Soliloquy's runtime is not installed."),
            say("Install it in the add-on's preferences, or set SOLILOQUY_PYTHON."),
        )
    return python


def output_folder(chosen: str) -> Path:
    """Absolute folder for takes: the chosen one, else ``soliloquy`` beside the .blend, else the user's folder."""
    if chosen.strip() and (bpy.data.filepath or not chosen.startswith("//")):
        return Path(bpy.path.abspath(chosen)).absolute()
    if bpy.data.filepath:
        return Path(bpy.path.abspath("//soliloquy")).absolute()
    return user_folder() / "takes"


CLASSES = (SoliloquyPreferences,)
