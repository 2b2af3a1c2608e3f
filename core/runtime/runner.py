"""Runs installers: passes on their output, ends them on request, explains failures. Standard library only."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections import deque
from collections.abc import Callable

from ..errors import CancelledError, SoliloquyError
from .processes import clean_environment, end_group, own_group

Progress = Callable[[str], None]
Cancelled = Callable[[], bool]


class Runner:
    """Runs one command at a time, reads its output, and ends it with its children on request."""

    def __init__(self, cancelled: Cancelled) -> None:
        self._cancelled = cancelled

    def __call__(self, command: list[str], tell: Progress = lambda line: None) -> None:
        """Run ``command`` to its end and pass each line of its output to ``tell``.

        Raises CancelledError, or SoliloquyError ``disk_full`` or ``environment_failed`` with the reason it printed.
        """
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
            # Also on KeyboardInterrupt: no installer may go on writing into a folder that is being removed.
            if process.poll() is None:
                end_group(process, force=True)
                process.wait(timeout=60)
        if status:
            raise failure(command, list(last))


def failure(command: list[str], lines: list[str]) -> SoliloquyError:
    """The error for a command that failed, with a reason from the last lines of its output."""
    text = "\n".join(lines)
    if "No space left on device" in text or "Errno 28" in text or "not enough space" in text:
        return SoliloquyError(
            "disk_full", "The disk is full: the environment could not be installed.", "Free 3 GB and try again."
        )
    errors = [line for line in lines if line.lower().startswith(("error", "fatal"))] or [line for line in lines if line]
    reason = errors[-1] if errors else "it said nothing"
    # pip reports a refused connection as retries and then as a package without versions.
    if "Retrying (" in text or "ConnectionError" in text or "Name or service not known" in text:
        hint = "Check the internet connection (and the proxy) and try again."
    elif "ensurepip" in text:
        hint = "This Python can't make environments; on Debian and Ubuntu install python3-venv."
    elif "DLL load failed" in text or "WinError 126" in text:
        hint = "Install Microsoft's Visual C++ Redistributable (x64) and try again."
    else:
        hint = "Try again; if it fails again, report the whole message."
    reason = reason.partition(": ")[2] if reason.lower().startswith(("error: ", "fatal: ")) else reason
    what = " ".join(word for word in command if word in ("venv", "pip", "install", "uv", "python"))
    return SoliloquyError(
        "environment_failed",
        f"Setting up Python failed ({what or 'a look at the result'}): {reason[:400].rstrip('. ')}.",
        hint,
    )
