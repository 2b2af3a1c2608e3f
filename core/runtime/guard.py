"""Runs a program for the worker, and ends it with all its children when the worker ends, however that happens.

    python -m core.runtime.guard FOLDER PROGRAM [ARGUMENT …]

The program runs in FOLDER, without a shell. The guard's standard input is a pipe that the worker holds: when it closes,
because the worker wants it or was killed, the program is killed. The exit status is that of the program. Standard
library only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from .processes import end_group, own_group

_NOT_STARTED = 127
"""Exit status where the program couldn't be started, as shells have it."""


def main(arguments: list[str]) -> int:
    """Run ``arguments[1:]`` in the folder ``arguments[0]``; returns its exit status, or 128 plus a signal."""
    folder, *command = arguments
    # What is set for the worker's Python isn't meant for a Python of the user's own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, **own_group())
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return _NOT_STARTED

    def end_with_worker() -> None:
        sys.stdin.buffer.read()
        end_group(process, force=True)

    threading.Thread(target=end_with_worker, daemon=True).start()
    status = process.wait()
    end_group(process, force=True)  # what it left behind
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # the thread waits for its input
