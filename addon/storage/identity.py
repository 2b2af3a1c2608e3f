"""Which take a folder on the disk holds: told by what is written in it, not by where it lies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import BadInputError
from ...core.files import is_file
from ...core.inputs import InputKind, read_json
from ...core.wire.take_file import TAKE_FILE, TakeFacts

_JOB_FILE = "job.json"
_JOB = InputKind(noun="job", code="job", most_bytes=20_000_000)
_MOTION = "motion.npz"
_HASH = re.compile(r"-([0-9a-f]{12})(?: \d+)?$")
"""The identifier at the end of a job's folder name."""
_DEEPEST, _MOST = 10, 50_000
"""Levels below the chosen folder, and folders in all, that a search looks at."""


@dataclass(frozen=True)
class Found:
    """A take's folder on the disk, with the identifier of its job (may be empty), number in it, seed and length.

    An imported performance has no number; it is known by its folder's name, which holds a hash of its content.
    """

    folder: Path
    job: str = ""
    index: int = 0
    seed: int = 0
    frame_count: int = 0


def job_of(folder: Path) -> str:
    """Identifier of the job in ``folder``: as its ``job.json`` says, else from the folder's name; else empty."""
    try:
        facts = read_json(folder / _JOB_FILE, _JOB)
    except BadInputError:
        facts = None
    if isinstance(facts, dict) and isinstance(facts.get("id"), str) and facts["id"]:
        return str(facts["id"])
    named = _HASH.search(folder.name)
    return named[1] if named else ""


def take_in(folder: Path) -> Found | None:
    """The take in a folder; None if there is none."""
    if is_file(folder / TAKE_FILE):
        try:
            facts = TakeFacts.read(folder)
        except BadInputError:
            return None
        return Found(folder, job_of(folder.parent) or facts.job, facts.index, facts.seed, facts.frame_count)
    return Found(folder) if is_file(folder / _MOTION) else None


def search(folder: Path) -> Iterator[Found | None]:
    """All takes in a folder and below, in the order of their paths; None for each folder without one.

    Links to folders are not followed.
    """
    top = len(folder.parts)
    for seen, (place, below, _) in enumerate(os.walk(folder), 1):
        here = Path(place)
        found = take_in(here)
        below[:] = sorted(below) if found is None and len(here.parts) - top < _DEEPEST and seen < _MOST else []
        yield found
