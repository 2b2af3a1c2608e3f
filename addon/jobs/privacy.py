"""Takes the user's name and home folder out of a text that is going to be sent to others."""

from __future__ import annotations

import getpass
import os
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

HIDDEN = "[user]"
"""Stands in a text for the name of a user."""
_SEPARATOR = r"[\\/]"
_END = rf"(?={_SEPARATOR}|$|[\s\"'“”,;:)\]]|\.(?:\s|$))"
"""What follows the name of a folder that ends here: ``/home/ann`` is not the start of ``/home/ann-marie``."""
_FOLDERS_OF_USERS = r"(?:home|homes|media|Users|Documents and Settings)"
_LONG_NAME = r"[^\\/:*?\"<>|\r\n,;]{1,64}(?=[\\/])"
"""A folder's name that may hold spaces, inside a path of Windows."""
_SHORT_NAME = r"[^\s\\/:*?\"'“”<>|,;)\]]+"
_HOMES = re.compile(
    rf"(?P<place>(?:\b[a-z]:|\\\\[^\\/\s]+){_SEPARATOR}+{_FOLDERS_OF_USERS}{_SEPARATOR}+)(?:{_LONG_NAME}|{_SHORT_NAME})"
    rf"|(?P<other>{_SEPARATOR}{_FOLDERS_OF_USERS}{_SEPARATOR}+)(?!\[user\]){_SHORT_NAME}",
    re.IGNORECASE,
)
"""Any user's home folder, also on other computers and disks."""
_FEWEST_LETTERS = 3
"""Shorter names are taken only where they touch a path: they are also words."""


def hidden(text: str, homes: Iterable[str] | None = None, names: Iterable[str] | None = None) -> str:
    """``text`` with `~` for the user's home folder, and with ``[user]`` for the names of users in paths.

    ``homes`` and ``names`` are those of this computer's user unless they are given. A home folder is known in either
    spelling of its separators. Home folders of other users lose their name too. The user's name is hidden in the rest
    of each path, and in the rest of a line that holds a path, because names of folders may have spaces.
    """
    homes = _homes() if homes is None else list(homes)
    names = _names() if names is None else list(names)
    for home in sorted(_forms(homes), key=len, reverse=True):
        parts = [re.escape(part) for part in re.split(_SEPARATOR, home) if part]
        if not parts:
            continue
        start = rf"(?<![\w.~-])(?:{_SEPARATOR}+)?" if home[0] not in "/\\" else rf"(?<![\w.~-]){_SEPARATOR}+"
        whole = start + rf"{_SEPARATOR}+".join(parts) + _END
        text = re.sub(whole, "~", text, flags=re.IGNORECASE | re.MULTILINE)
    text = _HOMES.sub(lambda found: (found["place"] or found["other"]) + HIDDEN, text)
    lines = text.split("\n")
    for name in sorted(_forms(names), key=len, reverse=True):
        word = re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.IGNORECASE)
        lines = [word.sub(lambda found: HIDDEN if _in_path(found) else found[0], line) for line in lines]
    return "\n".join(lines)


def _in_path(found: re.Match[str]) -> bool:
    """Whether a name in a line belongs to a path."""
    before, after = found.string[: found.start()], found.string[found.end() :]
    if before.endswith("[") and after.startswith("]"):  # somebody whose name is “user”
        return False
    touching = re.split(r"\s", before)[-1] + re.split(r"\s", after)[0]
    if re.search(_SEPARATOR, touching):
        return True
    return len(found[0]) >= _FEWEST_LETTERS and re.search(_SEPARATOR, before) is not None


def _forms(texts: Iterable[str]) -> set[str]:
    """The texts in both forms that Unicode has for letters with accents; file systems differ in this."""
    return {unicodedata.normalize(form, text.strip()) for text in texts if text.strip() for form in ("NFC", "NFD")}


def _homes() -> list[str]:
    """This user's home folder, as the system and its variables name it."""
    found = [os.environ.get("HOME", ""), os.environ.get("USERPROFILE", "")]
    with suppress(RuntimeError, OSError):
        found += [str(Path.home()), str(Path.home().resolve())]
    return found


def _names() -> list[str]:
    """This user's names: that of the account, and that of the home folder."""
    found = [os.environ.get(variable, "") for variable in ("USER", "LOGNAME", "USERNAME")]
    found += [re.split(_SEPARATOR, home.rstrip("/\\"))[-1] for home in _homes()]
    with suppress(Exception):  # without an account: KeyError, ImportError or OSError, depending on Python's version
        found.append(getpass.getuser())
    return found
