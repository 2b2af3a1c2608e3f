"""Makes Python environments: the worker's for users, and those of the project's own tools. Standard library only.

:func:`prepare` finds a fitting CPython (or fetches one with uv), makes a virtual environment and fills it from pinned
requirement files. A stamp written last makes the next start instant and a half-built environment visible.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CancelledError, SoliloquyError
from ..files import try_lock
from ..own_folders import delete_own, is_own, make_own, mark, may_fill
from ..places import REQUIREMENTS
from . import pythons
from .pythons import WORKER_PYTHONS, environment_python, find_python
from .runner import Cancelled, Progress, Runner
from .swap import put_in_place, restore

if TYPE_CHECKING:
    from .installing import Installer

WORKER_REQUIREMENTS = REQUIREMENTS / "worker.txt"
UV_REQUIREMENTS = REQUIREMENTS / "uv.txt"
STAMP = "soliloquy-environment.json"
RECIPE = 1
"""Raised when the way environments are built changes; part of the stamp."""

FETCHED = "3.12"
"""The CPython that is downloaded where the machine has none for the worker."""

_PYTHON, _DOWNLOADS, _NEW, _OLD = "-python", "-downloads", "-new", "-old"
"""Endings of the folders next to an environment: a Python downloaded for it, packages that aren't installed yet, the
environment that is being built, and the previous one while the new one takes its place."""
_BESIDE = (_PYTHON, _DOWNLOADS, _NEW, _OLD)

__all__ = ["WORKER_REQUIREMENTS", "find_python", "installed_facts", "installed_python", "is_there", "prepare", "remove"]


def requirements_hash(requirements: Sequence[Path]) -> str:
    """SHA-256 over the contents of the requirement files and the way they are installed.

    The files with the packages' checksums don't count: the versions say what is installed.
    """
    digest = hashlib.sha256(f"recipe {RECIPE}\n".encode())
    for path in requirements:
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def installed_python(folder: str | Path, requirements: Sequence[Path] = (WORKER_REQUIREMENTS,)) -> Path | None:
    """The finished environment's interpreter. None where it is missing, half-built or made for other requirements.

    Reads one small file and starts no process, so panels may call it while they are drawn.
    """
    python = environment_python(Path(folder))
    fits = installed_facts(folder).get("requirements") == requirements_hash(requirements)
    return python if fits and python.exists() else None


def installed_facts(folder: str | Path) -> dict[str, Any]:
    """Contents of the stamp of the environment in ``folder``; empty where there is none.

    Keys: ``requirements`` (hash) and ``base`` (the Python it was built on). Where torch is installed, also ``torch``
    (the build: cuda, rocm, mps, cpu), ``device`` (the device it could use) and ``note`` (why a GPU is not used).
    """
    try:
        facts = json.loads((Path(folder) / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def prepare(
    folder: str | Path,
    requirements: Sequence[Path] = (WORKER_REQUIREMENTS,),
    *,
    python: str | Path | None = None,
    wheels: str | Path | None = None,
    keep_downloads: bool = False,
    again: bool = False,
    progress: Progress = lambda text: None,
    cancelled: Cancelled = lambda: False,
) -> Path:
    """The interpreter of the environment in ``folder``. The environment is made, or made again, where needed.

    Parameters
    ----------
    folder
        Where the environment is or will be. The new one is built next to it, so one that is there stays usable until
        the new one is finished. A folder with files that aren't ours is refused.
    requirements
        Files that pin every package (dependencies are not followed).
    python
        Interpreter to build on. By default a CPython 3.11 or 3.12 of this machine, else one downloaded with uv.
    wheels
        Folder that holds every package as a wheel; nothing is downloaded then. It may also hold a Python, which is
        unpacked where this machine has none: an ``install_only`` archive of python-build-standalone.
    keep_downloads
        Keep downloads in a folder next to ``folder`` until the environment is finished, so that the next attempt
        after a cancelled or failed one uses them. Otherwise only pip's own cache keeps them.
    again
        Make it again although it is finished, because something in it doesn't work.
    progress
        Called in this thread with one sentence at every step.
    cancelled
        Called several times a second. True stops the work, removes the unfinished environment and raises
        CancelledError.

    Raises SoliloquyError ``environment_failed``, ``environment_folder``, ``python_missing``, ``torch_missing`` or
    ``disk_full``.
    """
    folder = Path(folder).absolute()
    found = None if again else installed_python(folder, requirements)
    if found is not None:
        return found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(_beside(folder, ".lock"), progress, cancelled):
            if not again:  # another process may have finished it while we waited
                found = installed_python(folder, requirements)
            if found is None:
                from .installing import Installer  # panels only look whether there is an environment

                installer = Installer(
                    Runner(cancelled),
                    progress,
                    Path(wheels) if wheels is not None else None,
                    _downloads(folder) if keep_downloads else None,
                )
                found = _build(folder, requirements, python, installer)
            return found
    except OSError as error:
        raise SoliloquyError(
            "environment_folder",
            f"The environment can't be made in {folder}: {error}.",
            "Choose a folder that you may write to, on a disk with 3 GB free.",
        ) from error


def is_there(folder: str | Path) -> bool:
    """Whether `remove` has anything to delete: an environment of any state, or downloads for one."""
    folder = Path(folder).absolute()
    return _is_environment(folder) or any(is_own(_beside(folder, ending)) for ending in _BESIDE)


def remove(folder: str | Path) -> None:
    """Delete the environment in ``folder`` and what belongs to it: a downloaded Python, downloads, the lock.

    Only folders that carry our mark are deleted; a folder of another program with such a name stays. Raises
    SoliloquyError ``environment_folder`` where the folder holds anything else or can't be deleted.
    """
    folder = Path(folder).absolute()
    try:
        _refuse_others(folder)
        if folder.exists():
            mark(folder)
            delete_own(folder)
        for ending in _BESIDE:
            delete_own(_beside(folder, ending))
        _beside(folder, ".lock").unlink(missing_ok=True)
    except OSError as error:
        raise SoliloquyError(
            "environment_folder", f"{folder} can't be deleted: {error}.", "Close what uses it and try again."
        ) from error


def _beside(folder: Path, ending: str) -> Path:
    return folder.with_name(folder.name + ending)


def _downloads(folder: Path) -> Path | None:
    """Where downloads for an environment are kept; None if another program's folder has that name."""
    beside = _beside(folder, _DOWNLOADS)
    return beside if may_fill(beside) else None


def _is_environment(folder: Path) -> bool:
    """Whether we made this folder. Environments that are older than the mark have only the stamp."""
    return is_own(folder) or (folder / STAMP).is_file()


def _build(folder: Path, requirements: Sequence[Path], python: str | Path | None, installer: Installer) -> Path:
    wheels, progress = installer.wheels, installer.progress
    if wheels is not None and not any(wheels.glob("*.whl")):
        raise SoliloquyError("environment_failed", f"There are no wheels in {wheels}.", "Choose the folder with them.")
    new, old = _beside(folder, _NEW), _beside(folder, _OLD)
    restore(folder, old)
    for place in (folder, new, old):
        _refuse_others(place)
    delete_own(new)
    try:
        base = Path(python) if python else _base_python(_beside(folder, _PYTHON), installer)
        progress(f"Making an environment with {base}")
        make_own(new)
        if installer.downloads is not None:
            make_own(installer.downloads)
        links = "--copies" if sys.platform == "win32" else "--symlinks"  # on Windows, links need rights that users lack
        installer.run([str(base), "-I", "-m", "venv", "--without-pip", links, "--prompt", folder.name, str(new)])
        facts = installer.install(environment_python(new), requirements)
        stamp = {"requirements": requirements_hash(requirements), "base": str(base), "recipe": RECIPE, **facts}
        (new / STAMP).write_text(json.dumps(stamp, indent=1), encoding="utf-8")
        put_in_place(new, folder, old)
    finally:
        with contextlib.suppress(OSError):
            delete_own(new)  # an unfinished one; a finished one isn't there any more
    if installer.downloads is not None:
        with contextlib.suppress(OSError):
            delete_own(installer.downloads)
    progress("The environment is ready")
    return environment_python(folder)


def _base_python(fetched: Path, installer: Installer) -> Path:
    """A CPython for the worker: this machine's, an earlier download, one next to the wheels, or a new download."""
    import tarfile

    found = find_python(_fitting(installer.wheels)) or _usable(fetched)
    if found is not None:
        return found
    if installer.wheels is None:
        return _fetch_python(fetched, installer.run, installer.progress)
    archives = sorted(installer.wheels.glob("cpython-3.1[12].*install_only*.tar.gz"))
    if archives:
        installer.progress(f"Unpacking {archives[-1].name}")
        make_own(fetched)
        try:
            with tarfile.open(archives[-1]) as archive:
                archive.extractall(fetched, filter="tar")
        except tarfile.TarError as error:
            delete_own(fetched)
            raise SoliloquyError("python_missing", f"{archives[-1]} is damaged ({error}).", "Copy it again.") from error
        found = _usable(fetched)
    if found is None:
        raise SoliloquyError(
            "python_missing",
            "There is no Python 3.11 or 3.12 on this computer.",
            "Install one from python.org, or put a python-build-standalone archive (install_only) next to the wheels.",
        )
    return found


def _fitting(wheels: Path | None) -> Sequence[tuple[int, int]]:
    """The Python versions that a folder of wheels was made for, read from the wheels' names."""
    names = [path.name for path in wheels.glob("*.whl")] if wheels is not None else []
    tagged = {int(minor) for name in names for minor in re.findall(r"-cp3(\d+)-cp3", name)}
    return [version for version in WORKER_PYTHONS if version[1] in tagged] or WORKER_PYTHONS


def _usable(folder: Path) -> Path | None:
    """A Python for the worker somewhere in ``folder``, where uv or an archive put it."""
    return next((path for path in pythons.inside(folder) if pythons.version_of(path) in WORKER_PYTHONS), None)


def _fetch_python(folder: Path, run: Runner, progress: Progress) -> Path:
    """Download CPython with uv into ``folder``, where it stays because the environment builds on it. Nothing is left
    anywhere else.

    uv's own variables (``UV_PYTHON_INSTALL_MIRROR``, ``UV_PYTHON_DOWNLOADS_JSON_URL``) say where to download it from.
    """
    from .installing import hashed_file  # panels only look whether there is an environment

    helper = pythons.any_python()
    if helper is None:
        raise SoliloquyError(
            "python_missing", "There is no Python 3.11 or 3.12 on this computer.", "Install one from python.org."
        )
    make_own(folder)
    tool = folder / "uv"
    try:
        progress("No Python 3.11 or 3.12 here: fetching one (about 30 MB)")
        run([str(helper), "-I", "-m", "venv", str(tool)])
        inside = environment_python(tool)
        pip = [str(inside), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
        run([*pip, "--require-hashes", "-r", str(hashed_file(UV_REQUIREMENTS))])
        uv = [str(inside), "-I", "-m", "uv", "--no-cache"]
        # Without the last two, uv would put links on the PATH and register the Python with Windows.
        run([*uv, "python", "install", FETCHED, "--install-dir", str(folder), "--no-bin", "--no-registry"])
    except SoliloquyError as error:
        delete_own(folder)
        if isinstance(error, CancelledError):
            raise
        raise SoliloquyError(
            "python_missing",
            f"There is no Python 3.11 or 3.12 here, and fetching one failed: {error.message}",
            "Install Python 3.12 from python.org and try again.",
        ) from error
    finally:
        shutil.rmtree(tool, ignore_errors=True)
    found = _usable(folder)
    if found is None:
        raise SoliloquyError(
            "python_missing", f"uv left no usable Python {FETCHED}.", "Install Python 3.12 from python.org."
        )
    return found


def _refuse_others(folder: Path) -> None:
    """Raise SoliloquyError ``environment_folder`` if the folder holds files that aren't ours."""
    if not _is_environment(folder) and not may_fill(folder):
        raise SoliloquyError(
            "environment_folder",
            f"{folder} holds other files, which Soliloquy did not make and won't replace.",
            "Choose an empty folder.",
        )


@contextlib.contextmanager
def _locked(path: Path, progress: Progress, cancelled: Cancelled) -> Iterator[None]:
    """Hold the lock file ``path`` for this process; the system releases it when the process dies."""
    with path.open("a+b") as stream:
        waiting = False
        while not try_lock(stream.fileno()):
            if not waiting:
                progress("Another program is making this environment: waiting for it")
                waiting = True
            if cancelled():
                raise CancelledError
            time.sleep(0.2)
        yield
