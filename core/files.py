"""Files that are either whole or not there: written beside their place, then renamed.

Standard library only.
"""

from __future__ import annotations

import errno
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
"""Ending of files that are being written; a leftover one is from a killed job and may be deleted."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}
_FORBIDDEN = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR),
    *(errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL),
}


def output_error(error: OSError, path: str | Path) -> SoliloquyError:
    """Turn the system's refusal to write ``path`` into a sentence for the user."""
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


@contextmanager
def written_beside(path: str | Path, keep_ending: bool = True) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; on success it is renamed to ``path``, on failure it is removed.

    The yielded name is unique, so several processes may write ``path`` at the same time; the last one stays. It is
    hidden and ends as ``path`` does, because writers of pictures and sounds choose their format by the ending. Without
    ``keep_ending`` it ends in ``.part``: for folders whose files others find by their ending while this one is written.
    Raises SoliloquyError ``disk_full``, BadInputError ``output_unwritable`` or SoliloquyError ``output_failed``
    where the system refuses.
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
        # Where a folder of the path is a file, there is nothing to remove, and the system says so by an error of its
        # own.
        with suppress(NotADirectoryError):
            beside.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all; raises as ``written_beside``."""
    with written_beside(path) as beside:
        beside.write_bytes(data)


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as readable UTF-8 JSON, whole or not at all; raises as ``written_beside``."""
    write_bytes(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8"))


def make_folder(path: str | Path) -> Path:
    """Create ``path`` with its parents; raises as ``written_beside``."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, path) from error
    return path


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this process; False where another holds it. The system lets go when it is closed."""
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
