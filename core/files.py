"""Files that are either complete or not there: written under another name, then renamed.

Standard library only.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import BadInputError, SoliloquyError

BESIDE_SUFFIX = ".part"
"""Ending of files that are being written. A leftover one comes from a killed job and may be deleted."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}
_FORBIDDEN = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR),
    *(errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL),
}


def output_error(error: OSError, path: str | Path) -> SoliloquyError:
    """Turn the system's error about writing ``path`` into a sentence for the user."""
    if error.errno in _FULL:
        return SoliloquyError(
            "disk_full", f"The disk is full: {path} could not be written.", "Free some space and generate again."
        )
    if error.errno in _FORBIDDEN:
        return BadInputError(
            "output_unwritable",
            f"The output folder can't be written to: {path} ({os.strerror(error.errno)}).",
            "Choose a folder that you may write to.",
        )
    return SoliloquyError("output_failed", f"{path} could not be written: {error}.", "Check the disk and try again.")


def is_file(path: str | Path) -> bool:
    """Whether there is a file of this name. False also for a name that no file can have.

    For names that a user or a file brings: `Path.is_file` raises OSError for a name that is too long.
    """
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder of this name. False also for a name that no folder can have."""
    return os.path.isdir(path)  # noqa: PTH112 - see `is_file`


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content, as hexadecimal digits. Raises OSError."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def written_beside(path: str | Path, keep_ending: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; it is renamed to ``path`` on success and removed on failure.

    The temporary name is unique, so several processes may write ``path`` at the same time; the last one stays. It is
    hidden and has the ending of ``path``, because writers of pictures and sounds choose their format by the ending.
    Without ``keep_ending`` it ends in ``.part``, for folders whose files are found by their ending.
    Raises SoliloquyError ``disk_full``, BadInputError ``output_unwritable`` or SoliloquyError ``output_failed``
    if the system refuses.
    """
    path = Path(path)
    ending = path.suffix if keep_ending else ""
    beside = path.with_name(f".{path.stem[:80]}-{secrets.token_hex(4)}{BESIDE_SUFFIX}{ending}")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        raise output_error(error, path) from error
    finally:
        # Where a folder of the path is a file, there is nothing to remove, and the system raises this error.
        with suppress(NotADirectoryError):
            beside.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes, private: bool = False) -> None:
    """Write ``data`` to ``path``, completely or not at all. Raises the errors of ``written_beside``.

    A ``private`` file can be read by its user only, from its first moment on. On Windows its folder decides.
    """
    with written_beside(path) as beside:
        if private:
            beside.touch(0o600, exist_ok=False)
        beside.write_bytes(data)


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as readable UTF-8 JSON, completely or not at all. Raises the errors of ``written_beside``."""
    try:
        text = json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8")
    except UnicodeEncodeError:  # a name that isn't UTF-8, or a damaged file that is written again
        text = json.dumps(value, indent=1).encode("ascii")
    write_bytes(path, text + b"\n")


def make_folder(path: str | Path) -> Path:
    """Create ``path`` with its parents. Raises the errors of ``written_beside``."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, path) from error
    return path


def make_private_folder(path: str | Path, ours: bool = True) -> Path:
    """Create ``path`` with its parents; only its user can look into it. Raises the errors of ``written_beside``.

    A folder that is there already is closed to others too if it is ``ours``. If the file system or the folder's owner
    doesn't allow that, it stays as it is. On Windows nothing is changed, because the user's folders are private there.
    """
    path = Path(path)
    if sys.platform == "win32":
        return make_folder(path)
    make_folder(path.parent)
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise output_error(error, path) from error
    if ours:
        with suppress(OSError):
            if path.stat().st_mode & 0o077:
                path.chmod(0o700)
    return path


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this process. False if another process holds it. Closing the file releases the lock."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
