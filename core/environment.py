"""Makes Python environments: the worker's for users, and those of the project's own tools. Standard library only.

:func:`prepare` finds a fitting CPython (or fetches one with uv), makes a virtual environment and fills it from pinned
requirement files. A stamp written last makes the next start instant and a half-built environment visible.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import pythons
from .errors import CancelledError, SoliloquyError
from .files import try_lock
from .processes import clean_environment, end_group, own_group
from .pythons import WORKER_PYTHONS, environment_python, find_python

WORKER_REQUIREMENTS = Path(__file__).resolve().parent / "requirements" / "worker.txt"
STAMP = "soliloquy-environment.json"
RECIPE = 1
"""Counts changes of the way environments are built; part of the stamp."""

CPU_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
"""Where torch without CUDA is, a tenth of the size; asked only on Linux machines without an NVIDIA GPU."""

Progress = Callable[[str], None]
Cancelled = Callable[[], bool]

__all__ = ["WORKER_REQUIREMENTS", "find_python", "has_nvidia_gpu", "installed_python", "prepare"]


def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver is installed and lists a GPU."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return False
    try:
        listed = subprocess.run([command, "-L"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and b"GPU" in listed.stdout


def requirements_hash(requirements: Sequence[Path]) -> str:
    """SHA-256 over the contents of the requirement files and the way they are installed."""
    digest = hashlib.sha256(f"recipe {RECIPE}\n".encode())
    for path in requirements:
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def installed_python(folder: str | Path, requirements: Sequence[Path] = (WORKER_REQUIREMENTS,)) -> Path | None:
    """The finished environment's interpreter, or None where it is missing, half-built or of other requirements.

    Reads one small file and starts nothing, so it may be asked while a panel is drawn.
    """
    python = environment_python(Path(folder))
    try:
        stamp = json.loads((Path(folder) / STAMP).read_text(encoding="utf-8"))
        fits = stamp["requirements"] == requirements_hash(requirements)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return python if fits and python.exists() else None


def prepare(
    folder: str | Path,
    requirements: Sequence[Path] = (WORKER_REQUIREMENTS,),
    *,
    python: str | Path | None = None,
    wheels: str | Path | None = None,
    progress: Progress = lambda text: None,
    cancelled: Cancelled = lambda: False,
) -> Path:
    """The interpreter of the environment in ``folder``; the environment is made or remade where needed.

    Parameters
    ----------
    folder
        Where the environment is or will be. Emptied first unless it is finished; a folder with other things in it
        is refused.
    requirements
        Files that pin every package (dependencies are not followed).
    python
        Interpreter to build on; by default a CPython 3.11 or 3.12 of this machine, else one fetched with uv.
    wheels
        Folder that holds every package as a wheel; then nothing is downloaded.
    progress
        Called with one plain sentence at every step, from this thread.
    cancelled
        Asked several times a second; True stops the work, removes what was half-built and raises CancelledError.

    Raises SoliloquyError ``environment_failed``, ``environment_folder``, ``python_missing`` or ``disk_full``.
    """
    folder = Path(folder).absolute()
    found = installed_python(folder, requirements)
    if found is not None:
        return found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(folder.name + ".lock"), progress, cancelled):
            found = installed_python(folder, requirements)  # another process may have finished it while we waited
            return found or _build(folder, requirements, python, wheels, progress, cancelled)
    except OSError as error:
        raise SoliloquyError(
            "environment_folder",
            f"The environment can't be made in {folder}: {error}.",
            "Choose a folder that you may write to, on a disk with 3 GB free.",
        ) from error


def remove(folder: str | Path) -> None:
    """Delete the environment in ``folder``, the Python that was fetched for it, and the lock beside it.

    Raises SoliloquyError ``environment_folder`` where the folder holds anything else or can't be deleted.
    """
    folder = Path(folder).absolute()
    try:
        _clear(folder)
        fetched = folder.with_name(folder.name + "-python")
        if fetched.is_dir():
            shutil.rmtree(fetched)
        folder.with_name(folder.name + ".lock").unlink(missing_ok=True)
    except OSError as error:
        raise SoliloquyError(
            "environment_folder", f"{folder} can't be deleted: {error}.", "Close what uses it and try again."
        ) from error


def _build(
    folder: Path,
    requirements: Sequence[Path],
    python: str | Path | None,
    wheels: str | Path | None,
    progress: Progress,
    cancelled: Cancelled,
) -> Path:
    if wheels is not None and not any(Path(wheels).glob("*.whl")):
        raise SoliloquyError("environment_failed", f"There are no wheels in {wheels}.", "Choose the folder with them.")
    _clear(folder)
    run = _Runner(cancelled)
    try:
        base = Path(python) if python else find_python(WORKER_PYTHONS)
        if base is None and wheels is not None:
            raise SoliloquyError(
                "python_missing", "There is no Python 3.11 or 3.12 on this computer.", "Install one from python.org."
            )
        if base is None:
            base = _fetch_python(folder.with_name(folder.name + "-python"), run, progress)
        progress(f"Making an environment with {base}")
        links = "--copies" if sys.platform == "win32" else "--symlinks"
        run([str(base), "-I", "-m", "venv", "--without-pip", links, str(folder)])
        own = environment_python(folder)
        _install(own, requirements, wheels, run, progress)
        stamp = {"requirements": requirements_hash(requirements), "base": str(base), "recipe": RECIPE}
        (folder / STAMP).write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    progress("The environment is ready")
    return own


def _install(
    python: Path, requirements: Sequence[Path], wheels: str | Path | None, run: _Runner, progress: Progress
) -> None:
    files = [argument for path in requirements for argument in ("-r", str(path))]
    pins = [line.strip() for path in requirements for line in path.read_text(encoding="utf-8").splitlines()]
    pins = [line for line in pins if line and not line.startswith("#")]
    if not pins:
        return
    run([str(python), "-I", "-m", "ensurepip", "--default-pip"])
    pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar=off"]
    if wheels is not None:
        pip += ["--no-index", "--find-links", str(wheels)]
    count = 0

    def tell(line: str) -> None:
        nonlocal count
        words = line.split()
        if words[:1] in (["Collecting"], ["Processing"]) and len(words) > 1:
            count += 1
            wheel = re.search(r"([^/\\]+?)-[^/\\]*\.whl", line)  # a wheel of a folder is named by its whole path
            name = wheel[1] if wheel else words[1].partition("==")[0]
            progress(f"Fetching {name} ({min(count, len(pins))} of about {len(pins)})")
        elif words[:1] == ["Downloading"] and line.endswith(")"):
            progress(f"Downloading {words[1].split('-')[0]} {' '.join(words[-2:])}")
        elif line.startswith("Installing collected packages"):
            progress(f"Installing {line.count(',') + 1} packages")

    torch = next((pin for pin in pins if pin.startswith("torch==")), None)
    if torch is not None:
        # With its dependencies, because the CUDA build brings NVIDIA's libraries; everything it may bring is pinned.
        command = [*pip, torch, *(word if word != "-r" else "-c" for word in files)]
        if wheels is None and sys.platform == "linux" and not has_nvidia_gpu():
            # One quick try: where this index can't be reached, PyPI or the machine's own wheels still serve torch.
            command += ["--extra-index-url", CPU_TORCH_INDEX, "--retries", "1", "--timeout", "20"]
        run(command, tell)
    run([*pip, "--no-deps", *files], tell)


def _fetch_python(folder: Path, run: _Runner, progress: Progress) -> Path:
    """Fetch CPython 3.12 with uv into ``folder`` (kept: the environment builds on it)."""
    helper = pythons.any_python()
    if helper is None:
        raise SoliloquyError(
            "python_missing", "There is no Python 3.11 or 3.12 on this computer.", "Install one from python.org."
        )
    tool = folder / "uv"
    try:
        progress("No Python 3.11 or 3.12 here: fetching one (about 30 MB)")
        run([str(helper), "-I", "-m", "venv", str(tool)])
        inside = environment_python(tool)
        run([str(inside), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "uv"])
        run([str(inside), "-I", "-m", "uv", "python", "install", "3.12", "--install-dir", str(folder)])
    except SoliloquyError as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, CancelledError):
            raise
        raise SoliloquyError(
            "python_missing",
            f"There is no Python 3.11 or 3.12 here, and fetching one failed: {error.message}",
            "Install Python 3.12 from python.org and try again.",
        ) from error
    finally:
        shutil.rmtree(tool, ignore_errors=True)
    found = next((path for path in pythons.inside(folder) if pythons.version_of(path) == (3, 12)), None)
    if found is None:
        raise SoliloquyError("python_missing", "uv left no usable Python 3.12.", "Install Python 3.12 from python.org.")
    return found


def _clear(folder: Path) -> None:
    """Remove an unfinished or outdated environment; refuse a folder that holds anything else."""
    if not folder.exists():
        return
    contents = {path.name for path in folder.iterdir()}
    if contents and not contents & {"pyvenv.cfg", STAMP}:
        raise SoliloquyError(
            "environment_folder",
            f"{folder} holds other files and won't be replaced by an environment.",
            "Choose an empty folder.",
        )
    shutil.rmtree(folder)


@contextlib.contextmanager
def _locked(path: Path, progress: Progress, cancelled: Cancelled) -> Iterator[None]:
    """Hold the lock file ``path`` for this process; the system lets go of it when the process dies."""
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


class _Runner:
    """Runs one command at a time, reads its lines, and ends it whole when asked to."""

    def __init__(self, cancelled: Cancelled) -> None:
        self._cancelled = cancelled

    def __call__(self, command: list[str], tell: Progress = lambda line: None) -> None:
        if self._cancelled():
            raise CancelledError
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
            **own_group(),
        )
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def read() -> None:
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    lines.put(line.decode("utf-8", "replace").strip())
            lines.put(None)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        last: deque[str] = deque(maxlen=40)
        try:
            while True:
                if self._cancelled():
                    raise CancelledError
                try:
                    line = lines.get(timeout=0.1)
                except queue.Empty:
                    continue
                if line is None:
                    break
                last.append(line)
                tell(line)
            status = process.wait(timeout=60)
        finally:
            # Also on KeyboardInterrupt: no installer goes on writing into a folder that is being removed.
            if process.poll() is None:
                end_group(process, force=True)
                process.wait(timeout=60)
        if status:
            raise _failure(command, list(last))


def _failure(command: list[str], lines: list[str]) -> SoliloquyError:
    """A sentence about a command that failed, from the last lines it wrote."""
    text = "\n".join(lines)
    if "No space left on device" in text or "Errno 28" in text or "not enough space" in text:
        return SoliloquyError(
            "disk_full", "The disk is full: the environment could not be installed.", "Free 3 GB and try again."
        )
    errors = [line for line in lines if line.lower().startswith(("error", "fatal"))] or [line for line in lines if line]
    reason = errors[-1] if errors else "it said nothing"
    # A refused connection shows as retries and then as a package without versions.
    if "Retrying (" in text or "ConnectionError" in text or "Name or service not known" in text:
        hint = "Check the internet connection (and the proxy) and try again."
    elif "ensurepip" in text:
        hint = "This Python can't make environments; on Debian and Ubuntu install python3-venv."
    else:
        hint = "Try again; if it fails again, report the whole message."
    reason = reason.partition(": ")[2] if reason.lower().startswith(("error: ", "fatal: ")) else reason
    what = " ".join(word for word in command if word in ("venv", "pip", "install", "uv", "python"))
    return SoliloquyError(
        "environment_failed", f"Setting up Python failed ({what}): {reason[:400].rstrip('. ')}.", hint
    )
