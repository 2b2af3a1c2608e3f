"""Paths of files and folders: whether two are the same, where one lies, and which lead to other computers."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from ...core.files import is_folder

_NETWORK = ("\\\\", "//")
"""Beginnings of absolute paths on other computers, and of Windows' device paths. Even a look at one of them sends this
user's name to the computer that it names."""


def is_network(path: str | Path) -> bool:
    """Whether an absolute path may lead to another computer."""
    return str(path).startswith(_NETWORK)


def canonical(path: str | Path) -> str:
    """An absolute path in the one form that it is compared in: without ``..`` and links, on Windows in small letters.

    A path on a network is only normalised, because following its links would look at the other computer.
    """
    text = os.path.normpath(path)
    try:
        return os.path.normcase(text if is_network(path) else os.path.realpath(text))
    except (OSError, ValueError):  # ValueError: no valid path
        return os.path.normcase(text)


def same(first: str | Path, second: str | Path) -> bool:
    """Whether two absolute paths lead to the same file or folder, which need not exist."""
    return canonical(first) == canonical(second)


def is_below(path: str | Path, folder: str | Path) -> bool:
    """Whether an absolute path is ``folder`` or lies in it, links and ``..`` included."""
    return starts_with(canonical(path), canonical(folder))


def starts_with(inner: str, outer: str) -> bool:
    """Whether a path is another one or lies in it, both in the form of `canonical`."""
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


def is_written_below(path: str | Path, folder: str | Path) -> bool:
    """`is_below` by the paths' letters only. The disk isn't touched, so this is fast enough for a panel."""
    return starts_with(_written(str(path)), _written(str(folder)))


@functools.lru_cache(maxsize=4096)
def _written(path: str) -> str:
    """A path without ``..``, on Windows in small letters. Cached, because panels ask for each take at every redraw."""
    return os.path.normcase(os.path.normpath(path))


def existing_folder(path: Path) -> Path | None:
    """The folder at an absolute path, else the nearest one above it that exists; None if the drive is missing too."""
    return next((folder for folder in (path, *path.parents) if is_folder(folder)), None)
