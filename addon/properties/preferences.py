"""The add-on's preferences: the worker's Python, the restorer, and the extension's own folder.

The variables ``SOLILOQUY_PYTHON`` (an interpreter) and ``SOLILOQUY_RUNTIME`` (a folder for the environment) override
the preferences, for scripts, tests and render farms.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import bpy

from ...core.errors import BadInputError, SoliloquyError
from ...core.files import is_file
from ...core.runtime import environment
from ...core.wire.restorer import restorer_command
from ..places import ROOT_PACKAGE
from ..typed import preferences_of
from ..words import say
from . import own_python as own_examined


def _preferences() -> bpy.types.AddonPreferences | None:
    """The stored preferences; None if a script registered the add-on without enabling it in Blender."""
    addon = preferences_of(bpy.context).addons.get(ROOT_PACKAGE)
    return addon.preferences if addon else None


def _chosen(name: str) -> str:
    stored = _preferences()
    return str(getattr(stored, name)).strip() if stored else ""


def device() -> str:
    """The chosen device, ``auto`` by default."""
    return _chosen("device") or "auto"


def has_restorer() -> bool:
    """Whether a restorer is named."""
    return bool(_chosen("restorer_program"))


def restorer() -> tuple[str, ...]:
    """The command of the restorer that the user has chosen, none if it is empty.

    Raises BadInputError ``bad_setting`` for a program that can't be run. A path relative to the .blend is refused: it
    would start whatever lies next to a file that came from somebody else.
    """
    if not has_restorer():
        return ()
    try:
        arguments = shlex.split(_chosen("restorer_arguments"))
    except ValueError as error:
        raise BadInputError(
            "bad_setting",
            say("The restorer's arguments can't be read ({error}).", error=error),
            say("Correct them in the add-on's preferences."),
        ) from error
    return restorer_command([_chosen("restorer_program"), *arguments])


def why_no_restorer() -> str:
    """What is wrong with the restorer that is chosen; empty if it can be used, and without one."""
    try:
        restorer()
    except BadInputError as error:
        return str(error)
    return ""


def user_folder() -> Path:
    """The extension's folder for files that survive upgrades; a folder in the user's home if it isn't installed.

    Blender deletes it with the extension, so nothing that an artist made may be kept there.
    """
    try:
        return Path(bpy.utils.extension_path_user(ROOT_PACKAGE))
    except ValueError:
        return Path.home() / ".soliloquy"


def runtime_folder() -> Path:
    """Folder in which the worker's environment is or will be installed."""
    chosen = os.environ.get("SOLILOQUY_RUNTIME") or bpy.path.abspath(_chosen("runtime_folder"))
    return Path(chosen) if chosen else user_folder() / "runtime"


def wheels_folder() -> Path | None:
    """Folder of wheels to install from instead of the network, or None."""
    chosen = bpy.path.abspath(_chosen("wheels_folder"))
    return Path(chosen) if chosen else None


def own_python() -> Path | None:
    """The Python that the user chose instead of an installed runtime, even if it doesn't exist; None without one."""
    chosen = os.environ.get("SOLILOQUY_PYTHON") or bpy.path.abspath(_chosen("worker_python"))
    return Path(chosen) if chosen else None


def chosen_python() -> Path | None:
    """`own_python` if it is there and the preferences name it: the one that `own_python.look` examines."""
    own = None if os.environ.get("SOLILOQUY_PYTHON") else own_python()
    return own if own is not None and is_file(own) else None


def worker_python() -> Path | None:
    """The worker's interpreter, or None if no runtime is installed. Fast enough for a panel's ``poll``."""
    own = own_python()
    if own is not None:
        return own if is_file(own) else None
    return environment.installed_python(runtime_folder())


def require_worker_python() -> Path:
    """`worker_python`.

    Raises SoliloquyError ``runtime_missing`` if there is none, ``own_python`` if the own one is known to be unusable.
    """
    python = worker_python()
    if python is None:
        raise SoliloquyError(
            "runtime_missing",
            say("Soliloquy's runtime is not installed."),
            say("Install it in the add-on's preferences, or set SOLILOQUY_PYTHON."),
        )
    if reason := why_unusable():
        raise SoliloquyError("own_python", *reason)
    return python


def why_no_python() -> str:
    """Why no worker can start, for tooltips; empty when one can, as far as is known."""
    if worker_python() is None:
        return say("The runtime is not installed: install it in the add-on's preferences")
    reason = why_unusable()
    return "" if reason is None else reason[0]


def why_unusable() -> tuple[str, str] | None:
    """Why the user's own Python can't be used and what to do, if it was examined and can't; None otherwise."""
    chosen = chosen_python()
    found = own_examined.known(chosen) if chosen is not None else None
    return None if found is None or found.usable else own_examined.problem(found)
