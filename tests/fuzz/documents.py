"""JSON documents with values that do harm; damaged ``job.json`` and ``take.json`` into their readers."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.schema import MORE, plain
from core.takes.job import Job
from core.takes.job_file import JobFacts
from core.wire.take_file import TakeFacts, finished_take

from .damage import Case, Kind, damaged

HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**64, 10**400, 1e308, -0.0, float("nan"), float("inf"), "", "x", "1.5", "nan", "\0"),
    *("\ud800", "x" * 5000, "../../../../etc/passwd", "/etc/passwd", "C:\\a", '"]', "a\"]['b", [], [[]], [None], {}),
    *({"a": 1}, [1] * 2000),
)
"""Values that programs stumble over when they expect another one."""
OTHER_DOCUMENTS = (
    *(b"null", b"[]", b"0", b'"x"', b"{}", b"\xff\xfe", b"\xef\xbb\xbf{}", bytes(100), b"[" * 100_000, b"nan"),
    *(
        b'{"a":' * 50_000,
        b'{"a": 1, "a": 2}',
        b"1" * 5000,
        b'{"format": 2}',
        b'{"format": 99, "takes": []}',
        b"{'a': 1}",
    ),
)
"""Contents that are no document of ours."""
DATA = Path(__file__).parents[1] / "core" / "takes" / "data"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in list(items):
        yield value, key
        yield from _places(inside)


def tampered(value: Any, r: random.Random) -> Any:
    """A copy of a JSON value with one value replaced or taken out, or with one too many."""
    value = json.loads(json.dumps(value))
    container, key = r.choice(list(_places(value)))
    how = r.random()
    if how < 0.7:
        container[key] = r.choice(HOSTILE)
    elif how < 0.9:
        del container[key]
    elif isinstance(container, dict):
        container[r.choice(["more", "", "\0", "extra"])] = r.choice(HOSTILE)
    else:
        container.append(r.choice(HOSTILE))
    return value


def document(r: random.Random, name: str, content: bytes) -> Case:
    """A JSON file with a value tampered with, with damaged bytes, or with quite another content."""
    how = r.random()
    if how < 0.65:
        text = json.dumps(tampered(json.loads(content), r))
        return Case(f"{name}: a value tampered with", name, text.encode("utf-8", "surrogatepass"))
    if how < 0.9:
        return damaged(r, name, content)
    return Case(f"{name}: another content", name, r.choice(OTHER_DOCUMENTS))


def bases() -> dict[str, bytes]:
    """Files of an earlier format, and the same as today's."""
    now = {}
    for name, kind in (("job.json", JobFacts), ("take.json", TakeFacts)):
        now[f"now-{name}"] = json.dumps({"format": 2, **plain(kind.read(DATA))}).encode()  # type: ignore[attr-defined]
    return {**{name: (DATA / name).read_bytes() for name in ("job.json", "take.json")}, **now}


def case(r: random.Random, made: dict[str, bytes]) -> Case:
    """A damaged file of a job or of a take."""
    name = r.choice(list(made))
    return document(r, name, made[name])


def read(path: Path, found: Case) -> str:
    """Read the file as the product does; what is read must be finite, and the same after it was written again."""
    name = found.name.removeprefix("now-")
    folder = path.with_name(f"{path.name}-folder")
    folder.mkdir()
    try:
        shutil.copyfile(path, folder / name)
        facts: JobFacts | TakeFacts
        if name == "job.json":
            job = Job.open(folder)
            job.facts.settings.identity()
            for entry in job.facts.takes:
                if job.take(entry.index).folder.parent != folder:
                    return "a take outside the job's folder"
            facts = job.facts
        else:
            facts = TakeFacts.read(folder)
            finished_take(folder)
        if not _finite(facts):
            return "numbers that are not finite"
        facts.write(folder)
        return "" if type(facts).read(folder) == facts else "it is another after it was written"
    finally:
        shutil.rmtree(folder)


def _finite(value: Any) -> bool:
    """Whether all numbers in a dataclass are finite; unknown keys, which are only kept, don't count."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return all(_finite(getattr(value, spec.name)) for spec in fields if spec.name != MORE)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    return math.isfinite(value) if isinstance(value, float) else True


KIND = Kind(bases, case, read, most_memory=200_000_000)
