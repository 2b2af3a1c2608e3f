"""Words for how a worker's process ended, from its exit status and its log."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

_DUMP = re.compile(
    r"\s*$|\s+(File \"|[\^~]+\s*$|at 0x|\.\.\.)|<no Python frame>|(Current )?[Tt]hread 0x|Extension modules:|"
    r"Fatal Python error:|Python runtime state:|Traceback \(|During handling|The above exception|Aborted|\[end of"
)
"""Lines of a traceback or of a dump of threads that say nothing about the cause."""
_ERROR = re.compile(
    r"(\w+\.)*\w*(Error|Exception|Exit|Interrupt|Fault)\b\S*:? |.*\b([Ee]rror|[Ff]ailed|[Cc]annot|No module)\b"
)


def last_words(lines: Sequence[str]) -> str:
    """The line of a worker's log that tells best why it ended: its last error, else its last line with words."""
    telling = [line.strip() for line in lines if not _DUMP.match(line)]
    errors = [line for line in telling if _ERROR.match(line)]
    fatal = [line.strip() for line in lines if line.startswith("Fatal Python error:")]
    return next(iter(errors[-1:] or fatal[-1:] or telling[-1:]), "")


def why_it_ended(status: int) -> str:
    """Words for a process's exit status."""
    if status < 0:
        name = signal.Signals(-status).name if -status in signal.valid_signals() else str(-status)
        return f"killed by {name}; the system may be out of memory" if name == "SIGKILL" else f"killed by {name}"
    return f"exit status {status}"
