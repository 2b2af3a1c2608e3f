"""Examines whether another Python can run the worker. Standard library only; :func:`examine` waits, so use a thread."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .environment import WORKER_REQUIREMENTS
from .processes import clean_environment, end_group, own_group

OLDEST = (3, 11)
"""The oldest Python whose language the worker's code is written in."""
LONGEST = 180.0
"""Seconds after which a Python counts as hanging. A first import of torch from a slow disk takes more than a minute."""
_QUESTION = """
import importlib, importlib.metadata, json, struct, sys
names, modules = json.loads(sys.argv[1])
found, failed = {}, {}
for name in names:
    try:
        found[name] = importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, KeyError, ValueError, OSError):
        pass  # not there, or its description is damaged: whether it works is seen below
facts = {"python": list(sys.version_info[:3]), "kind": sys.implementation.name, "bits": 8 * struct.calcsize("P")}
if sys.version_info >= (3, 8):
    for module in modules:
        try:
            importlib.import_module(module)
        except BaseException as error:  # a package that doesn't work may raise anything, or exit
            failed[module.partition(".")[0]] = "%s: %s" % (type(error).__name__, error)
print("\\n" + json.dumps(["soliloquy", facts, found, failed]))
"""


@dataclass(frozen=True)
class Examination:
    """What a Python is and has.

    Attributes
    ----------
    python
        Its version, for example ``3.11.7``; empty if it didn't answer.
    torch
        The version of its torch; empty without one.
    reason
        Why it didn't answer; empty if it did.
    unfit
        Whether it is another kind of Python than a 64-bit CPython of a fitting version.
    failed
        Modules that can't be imported, and why.
    other
        Packages of another version than the tested one, as ``numpy 2.1.0 (1.26.4)``.
    """

    python: str = ""
    torch: str = ""
    reason: str = ""
    unfit: bool = False
    failed: dict[str, str] = field(default_factory=dict)
    other: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether the worker can run in it, as far as can be seen."""
        return not (self.reason or self.unfit or self.failed)


def examine(python: str | Path, longest: float = LONGEST) -> Examination:
    """Ask a Python for its version, its packages, and whether those that the worker needs can be imported.

    It is started in the environment that the worker would have. A Python that gives no answer within ``longest``
    seconds is ended.
    """
    from .installing import WORKER_MODULES, pins_of  # Blender starts without it

    wanted = dict(pin.split("==") for pin in pins_of([WORKER_REQUIREMENTS]))
    command = [str(python), "-s", "-c", _QUESTION, json.dumps([list(wanted), WORKER_MODULES])]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            **own_group(),
        )
    except OSError as error:
        return Examination(reason=str(error.strerror or error))
    try:
        out, log = process.communicate(timeout=longest)
    except subprocess.TimeoutExpired:
        end_group(process, force=True)
        process.communicate()
        return Examination(reason=f"no answer within {longest:.0f} s")
    return _judged(out.decode("utf-8", "replace"), log.decode("utf-8", "replace"), wanted)


def _judged(out: str, log: str, wanted: dict[str, str]) -> Examination:
    answer = next((line for line in reversed(out.splitlines()) if line.startswith('["soliloquy"')), None)
    if answer is None:
        words = [line.strip() for line in (log or out).splitlines() if line.strip()]
        return Examination(reason=words[-1][:200] if words else "it says nothing")
    _, facts, found, failed = json.loads(answer)
    version = tuple(facts["python"])
    other = tuple(
        f"{name} {found[name]} ({pinned})"
        for name, pinned in wanted.items()
        if name in found and found[name].partition("+")[0] != pinned
    )
    return Examination(
        python=".".join(map(str, version)),
        torch=found.get("torch", ""),
        unfit=version[:2] < OLDEST or facts["kind"] != "cpython" or facts["bits"] != 64,
        failed={module: " ".join(reason.split())[:300] for module, reason in failed.items()},
        other=other,
    )
