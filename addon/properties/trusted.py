"""Folders that a .blend may use without asking: its own, the user's, and those that the user has chosen or allowed.

Anybody may have made the .blend. So an output folder or a queue that it names elsewhere is not used, and a folder on
another computer is not looked at, before the user says so. What the user has said is remembered for later sessions, in
a file of the extension.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...core.errors import BadInputError, SoliloquyError
from ...core.files import make_folder, write_json
from ...core.inputs import InputKind, read_json
from ..session import session
from ..storage import paths
from ..words import say
from . import output, preferences

_FILE = "allowed-folders.json"
_LIST = InputKind(noun="list of folders", code="folders", most_bytes=1_000_000)
_MOST = 200
"""Folders that are remembered; the oldest go first."""


@dataclass
class Allowed:
    """Folders that the user has chosen or allowed, as `paths.canonical` writes them; None before they were read."""

    folders: list[str] | None = None


def _allowed() -> list[str]:
    state = session().part(Allowed)
    if state.folders is None:
        try:
            stored = read_json(preferences.user_folder() / _FILE, _LIST)
        except BadInputError:
            stored = []
        listed = stored if isinstance(stored, list) else []
        state.folders = [folder for folder in listed if isinstance(folder, str)][-_MOST:]
    return state.folders


def allow(folder: Path) -> None:
    """Trust a folder from now on, because the user has chosen it, and remember it for later sessions if possible."""
    if is_trusted(folder):
        return
    known = _allowed()
    known.append(paths.canonical(folder))
    with suppress(SoliloquyError):  # where it can't be written, the user is asked again in the next session
        make_folder(preferences.user_folder())
        write_json(preferences.user_folder() / _FILE, known[-_MOST:])


def is_trusted(path: Path) -> bool:
    """Whether a file or folder lies in a trusted place. A path on a network is only compared, never looked at.

    Trusted are the .blend's folder, the folder of takes that wait for the first save, the extension's folder, and what
    the user has chosen. A .blend on a network is in a trusted place itself.
    """
    places = [Path(bpy.data.filepath).parent] if bpy.data.filepath else []
    places += [output.home(), preferences.user_folder()]
    inner = paths.canonical(path)
    return any(paths.starts_with(inner, paths.canonical(place)) for place in places) or any(
        paths.starts_with(inner, known) for known in _allowed()
    )


def may_look(path: Path) -> bool:
    """Whether the disk may be asked about a path that a .blend names: a look at another computer tells it who asks."""
    return not paths.is_network(path) or is_trusted(path)


def unasked_output(chosen: str) -> Path | None:
    """The output folder if the user must allow it first; None if there is nothing to ask."""
    folder = output.output_folder(chosen)
    return None if is_trusted(folder) else folder


def output_folder(chosen: str) -> Path:
    """The scene's output folder, to write into. Raises BadInputError ``output_elsewhere`` if it isn't allowed yet."""
    asked = unasked_output(chosen)
    if asked is not None:
        raise BadInputError(
            "output_elsewhere",
            say("This .blend keeps its takes outside its own folders: {path}", path=asked),
            say("Allow the folder in the Soliloquy panel, or choose another one under Options."),
        )
    return output.output_folder(chosen)
