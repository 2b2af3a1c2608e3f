"""Where takes are kept: the scene's output folder, and a folder of the user while the .blend isn't saved yet.

Takes are an artist's work, so the place must outlast everything else. The extension's own folder doesn't: Blender
deletes it with the extension. Nor does Blender's temporary folder: it goes when Blender ends. The documents folder is
often copied to the internet by the system, and a take is large. So takes of an unsaved file are kept in the user's home
folder, in ``Soliloquy/Unsaved``, each file in a folder of its own, and move beside the .blend when it is saved
(`scene.saving`).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...core.files import is_file, is_folder
from ..session import session
from ..storage import carrying, paths
from . import preferences

FOLDER = "soliloquy"
"""Name of the output folder next to the .blend."""


@dataclass
class Unsaved:
    """Name of the folder for takes of the file that is open now, if it isn't saved; empty before it is asked for."""

    name: str = ""


def home() -> Path:
    """The user's folder for takes of files that are not saved yet."""
    return Path.home() / "Soliloquy" / "Unsaved"


def unsaved_folder() -> Path:
    """The folder for takes of the open file while it isn't saved. It is this file's own, so its takes can move."""
    unsaved = session().part(Unsaved)
    if not unsaved.name:
        unsaved.name = f"{time.strftime('%Y-%m-%d %H.%M')} {secrets.token_hex(2)}"
    return home() / unsaved.name


def forget_unsaved() -> None:
    """Another file was opened: if it isn't saved, it gets a folder of its own."""
    session().part(Unsaved).name = ""


def output_folder(chosen: str, blend: str | None = None) -> Path:
    """Absolute folder for takes: the chosen one, else ``soliloquy`` next to the .blend, else `unsaved_folder`.

    ``blend`` is the path of the .blend, by default that of the open one; empty if it isn't saved.
    """
    blend = bpy.data.filepath if blend is None else blend
    start = str(Path(blend).parent) if blend else ""
    if chosen.strip() and (blend or not chosen.startswith("//")):
        path = bpy.path.abspath(chosen, start=start)
        return Path(path) if paths.is_network(path) else Path(path).absolute()
    return Path(blend).parent.absolute() / FOLDER if blend else unsaved_folder()


def passing_roots() -> tuple[Path, ...]:
    """Places where the open file's takes don't stay: `home`, and what Blender deletes with an extension.

    Version 0.1 kept takes of unsaved files in the extension's folder. A .blend that was saved in such a place keeps its
    takes there. The disk isn't touched.
    """
    blend = bpy.data.filepath
    roots = home(), preferences.user_folder(), Path(bpy.utils.user_resource("EXTENSIONS")) / ".user"
    return tuple(root for root in roots if not blend or not paths.is_written_below(blend, root))


def passing_root(path: Path, roots: tuple[Path, ...] | None = None) -> Path | None:
    """The one of `passing_roots` in which a take's folder lies; None for a take that may stay where it is.

    ``roots`` are the `passing_roots`, if the caller has them already. The disk isn't touched.
    """
    roots = passing_roots() if roots is None else roots
    return next((root for root in roots if paths.is_written_below(path, root)), None)


def now_at(path: Path) -> Path:
    """Where a folder of takes is now, if it was moved from a place where takes don't stay; else the path itself."""
    root = passing_root(path)
    return path if root is None or is_file(path) or is_folder(path) else carrying.forwarded(path, root)
