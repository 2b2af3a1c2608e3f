"""Folders of takes copied from one place to another: the copy is whole or not there, and nothing is torn.

A copy grows under a hidden name next to its place and is renamed into it. The original is deleted only when the copy
holds every one of its files. Then a note stays behind, which leads whoever still has the old path to the new one.
Nothing here calls Blender.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...core.errors import BadInputError, SoliloquyError
from ...core.files import is_file, is_folder, make_folder, output_error, try_lock, write_json
from ...core.inputs import InputKind, read_json
from ..words import say
from . import paths

NOTE = "moved-takes.json"
"""Name of the file that says where folders next to it were moved to: the name of each, and its new path."""
_NOTE = InputKind(noun="note", code="note", most_bytes=5_000_000)
_LOCK = ".lock"
"""Name of the file that the worker locks while it works in a job's folder. It is not copied."""
_TURNS = 8
"""Notes that are followed one after another. More would be a circle."""

Files = dict[str, tuple[int, int]]
"""Files of a folder by their path in it: size, and time of the last change."""


def files_of(folder: Path) -> Files:
    """All files of a folder and its subfolders, without the worker's lock. Raises OSError."""
    found: Files = {}
    for place, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            path = Path(place, name)
            if name != _LOCK:
                about = path.stat()
                found[path.relative_to(folder).as_posix()] = about.st_size, about.st_mtime_ns
    return found


def _raise(error: OSError) -> None:
    raise error


def copy(source: Path, target: Path, *, link: bool = False) -> Generator[float, None, None]:
    """Copy a folder to ``target``, which must not exist, file by file; yields the share that is done.

    With ``link`` both folders share the files' content, which needs neither time nor space. That is for moves, where
    the original goes. Closing the generator early leaves nothing behind.

    Raises
    ------
    SoliloquyError
        ``disk_full`` and the others of `core.files.output_error`, ``take_changed`` if the folder changes meanwhile.
    """
    beside = target.with_name(f".{target.name[:80]}-{secrets.token_hex(4)}.part")
    try:
        files = files_of(source)
        total = sum(size for size, _ in files.values()) or 1
        if not link:
            _require_space(target, total)
        make_folder(beside)
        done = 0
        for name, (size, _) in files.items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            if link:
                os.link(source / name, beside / name)
            else:
                shutil.copy2(source / name, beside / name)
            done += size
            yield done / total
        written = files_of(beside)
        if files_of(source) != files or {name: about[0] for name, about in written.items()} != {
            name: about[0] for name, about in files.items()
        }:
            raise SoliloquyError(
                "take_changed",
                say("{folder} was changed while it was copied.", folder=source),
                say("Try again when no program works on it."),
            )
        beside.rename(target)
    except OSError as error:
        raise output_error(error, target) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _require_space(target: Path, size: int) -> None:
    """Raise SoliloquyError ``disk_full`` if the target's disk has less free space than ``size`` bytes."""
    there = paths.existing_folder(target)
    if there is None:
        return  # what is written there fails, and says why
    free = shutil.disk_usage(there).free
    if size > free:
        raise SoliloquyError(
            "disk_full",
            say("{size} MB are needed in {folder}, and {free} MB are free.", size=size >> 20, free=free >> 20,
                folder=target.parent),
            say("Free some space and try again."),
        )  # fmt: skip


def can_link(source: Path, folder: Path) -> bool:
    """Whether files of ``source`` can have a second name in ``folder``: both are on one disk, which has such names."""
    first = next((Path(place, name) for place, _, names in os.walk(source) for name in names), None)
    there = paths.existing_folder(folder)
    if first is None or there is None:
        return False
    probe = there / f".soliloquy-{secrets.token_hex(4)}"
    try:
        os.link(first, probe)
    except OSError:
        return False
    with suppress(OSError):
        probe.unlink()
    return True


def free_target(source: Path, target: Path) -> tuple[Path, bool]:
    """Where a copy of ``source`` goes, ``target`` or that name with a number, and whether such a copy is there already.

    A folder of other content is never written into.
    """
    for number in range(1, 1000):
        place = target if number == 1 else target.with_name(f"{target.name} {number}")
        if not place.exists():
            return place, False
        if is_folder(place) and _is_copy(source, place):
            return place, True
    raise BadInputError("folder_taken", say("{folder} is taken.", folder=target), say("Choose another output folder."))


def _is_copy(source: Path, other: Path) -> bool:
    """Whether ``other`` holds the same files, by their sizes and times, as `copy` leaves them."""
    try:
        return files_of(source) == files_of(other)
    except OSError:
        return False


def release(source: Path, target: Path) -> bool:
    """Delete a folder that was copied to ``target``, and leave a note where it is now.

    Returns False, and deletes nothing, if the copy lacks any of its files or another program works on it.
    """
    try:
        ours, copied = files_of(source), files_of(target)
        if any(copied.get(name, (-1,))[0] != size for name, (size, _) in ours.items()):
            return False
        with locked(source) as free:
            if not free:
                return False
            write_json(source.parent / NOTE, _note_of(source.parent) | {source.name: str(target)})
        gone = source.with_name(f".{source.name[:80]}-{secrets.token_hex(4)}.moved")
        source.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    except (OSError, SoliloquyError):
        return False
    return True


def take_back(target: Path) -> None:
    """Delete a copy that `copy` has just made and that nobody uses."""
    shutil.rmtree(target, ignore_errors=True)


def forwarded(path: Path, root: Path) -> Path:
    """Where a path below ``root`` leads when the notes that were left there are followed; the path itself if none is.

    Only folders below ``root`` are searched for notes, and no note is followed to another computer.
    """
    for _ in range(_TURNS):
        onward = _onward(path, root)
        if onward is None:
            break
        path = onward
    return path


def _onward(path: Path, root: Path) -> Path | None:
    if not paths.is_written_below(path, root):
        return None
    for part in (path, *path.parents):
        if part == root or not paths.is_written_below(part, root):
            return None
        new = _note_of(part.parent).get(part.name)
        if new is not None and not part.exists():
            return Path(new) / path.relative_to(part)
    return None


def _note_of(folder: Path) -> dict[str, str]:
    """Names and new paths in a folder's note; nothing where there is none or it is damaged."""
    try:
        stored = read_json(folder / NOTE, _NOTE) if is_file(folder / NOTE) else {}
    except BadInputError:
        return {}
    if not isinstance(stored, dict):
        return {}
    return {
        name: new for name, new in stored.items()
        if isinstance(new, str) and Path(new).is_absolute() and not paths.is_network(new)
    }  # fmt: skip


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Keep workers from the job in ``folder`` meanwhile; yields False if one works on it now."""
    if not is_file(folder / _LOCK):
        yield True
        return
    try:
        stream = (folder / _LOCK).open("a+b")
    except OSError:
        yield False
        return
    with stream:
        yield try_lock(stream.fileno())
