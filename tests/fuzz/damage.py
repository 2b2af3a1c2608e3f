"""Damage that happens to any kind of file, and what an attempt to read one may end in."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import SoliloquyError

SIZES = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\0\0\0\x80")
"""Four bytes that are most often wrong where a length is expected."""
_LONGEST_SENTENCE = 1000


@dataclass(frozen=True)
class Case:
    """A file to read: what was done to it, its name, its content, and further arguments of its reader."""

    what: str
    name: str
    content: bytes
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A kind of files to damage.

    Attributes
    ----------
    bases
        Makes good files of this kind: {name: content}.
    case
        Makes a case from a source of randomness and the good files.
    read
        Reads the case's file as the product does; returns what is wrong with a result that should have been refused, or
        "". Raises what the product raises.
    most_memory
        Bytes by which reading may raise the memory of the process.
    refusal
        Class of the errors with a sentence; the extension in Blender has one of its own.
    """

    bases: Callable[[], dict[str, bytes]]
    case: Callable[[random.Random, dict[str, bytes]], Case]
    read: Callable[[Path, Case], str]
    most_memory: int
    refusal: type[SoliloquyError] = SoliloquyError


def damaged(r: random.Random, name: str, content: bytes) -> Case:
    """A good file with bits flipped, an end cut off, a length spoiled, or bytes put in or taken out."""
    data, ending, how = bytearray(content), name.rpartition(".")[2], r.random()
    if how < 0.4:
        for _ in range(r.choice([1, 3, 30])):
            data[r.randrange(min(len(data), r.choice([40, 200, 1 << 30])))] ^= 1 << r.randrange(8)
        return Case(f"{ending}: bits flipped", name, bytes(data))
    if how < 0.6:
        return Case(f"{ending}: cut", name, bytes(data[: r.randrange(len(data))]))
    if how < 0.75:
        place = r.randrange(min(len(data) - 4, 200))
        data[place : place + 4] = r.choice(SIZES)
        return Case(f"{ending}: a length spoiled", name, bytes(data))
    if how < 0.88:
        place = r.randrange(len(data))
        data[place:place] = (
            r.randbytes(r.choice([1, 50, 5000])) if r.random() < 0.7 else bytes(data[: r.randrange(400)])
        )
        return Case(f"{ending}: bytes put in", name, bytes(data))
    first = r.randrange(len(data))
    del data[first : first + r.choice([1, 16, 2000])]
    return Case(f"{ending}: bytes taken out", name, bytes(data))


def outcome(kind: Kind, path: Path, case: Case) -> tuple[str, str]:
    """("read" or "refused", "") where a file was met as it should be; else (the fault, its details)."""
    path.write_bytes(case.content)
    try:
        wrong = kind.read(path, case)
    except kind.refusal as error:
        text = str(error)
        if error.code in ("out_of_memory", "internal"):
            return error.code, text
        if not (error.message.endswith(".") and error.hint.endswith((".", "?"))) or "\n" in text:
            return "no sentence", text
        if len(text) > _LONGEST_SENTENCE:
            return "an endless sentence", text[:200]
        return "refused", ""
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"raises {type(error).__name__}", str(error)[:200]
    finally:
        path.unlink()
    return ("accepted nonsense", wrong) if wrong else ("read", "")
