"""Numbers and their nouns agree, in the helper and in every sentence of the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.plurals import counted

ROOT = Path(__file__).resolve().parents[2]
NOUNS = (
    "attempts|bones|bytes|channels|characters|checks|columns|curves|data-blocks|faces|faults|files|frames|gaps|hours|"
    "items|jobs|keys|letters|lines|minutes|objects|parts|points|rows|seconds|shapes|strips|takes|targets|tests|threads|"
    "tries|workers"
)
_NUMBER_AND_NOUN = re.compile(rf"\{{(?P<spec>[^}}]*)\}} (?:{NOUNS})\b(?! (?:per|a) second)")
_DECIMALS = re.compile(r":[^}]*\.[1-9]\d*f")
"""1.0 seconds is right, whatever the number."""
ALLOWED = {
    "{count} of {wanted} workers: {why}.": "at least two were wanted",
    "A sum of channels has at most {most} characters, this one has {count}.": "the limit is a constant",
    "{name} shows {count} faces.": "at least two",
    "{lines} lines": "a file that is too long",
    "{count} files": "a folder that is too full",
    "{len(subject)} characters": "a subject that is too long",
    "{_MOST_ID_LETTERS} letters": "a constant",
    "{len(line)} bytes": "a line that is too long",
    "{landmarks.shape[-2]} points": "told to a programmer",
    "{MIN_SECONDS} seconds": "a constant",
}


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (counted(0, "take"), "0 takes"),
        (counted(1, "take"), "1 take"),
        (counted(2, "take"), "2 takes"),
        (counted(2, "entry", "entries"), "2 entries"),
        (counted(1.0, "second"), "1 second"),
        (counted(0.5, "second"), "0.5 seconds"),
        (counted(1.04, "hour", form=".1f"), "1.0 hours"),
        (counted(1.04, "hour", form=".0f"), "1 hour"),
        (counted(-1, "frame"), "-1 frames"),
    ],
)
def test_counted(told, wanted):
    assert told == wanted


def _shown(part: ast.expr) -> str:
    """A part of an f-string as it is written."""
    if not isinstance(part, ast.FormattedValue):
        return str(part.value) if isinstance(part, ast.Constant) else ""
    spec = part.format_spec.values if isinstance(part.format_spec, ast.JoinedStr) else []
    return "{" + ast.unparse(part.value) + "".join([":", *map(_shown, spec)] if spec else []) + "}"


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Sentences of a module that a number is put into: f-strings, and the texts of ``say`` with their ``{names}``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(map(_shown, node.values))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"say", "later"}:
            yield from (
                (part.lineno, part.value)
                for part in ast.walk(node.args[0])
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


def faults(source: str) -> list[str]:
    """Sentences in which a number stands before a noun that doesn't follow it."""
    found = []
    for _, text in texts(ast.parse(source)):
        for match in _NUMBER_AND_NOUN.finditer(text):
            if _DECIMALS.search(match[0]) or "counted(" in match[0] or text[: match.start()].endswith("× "):
                continue
            if text not in ALLOWED and match[0] not in ALLOWED:
                found.append(text)
    return found


@pytest.mark.parametrize(
    "source",
    ['print(f"{done} jobs done")', 'say("{count} takes brought in", count=3)', 'f"after {entry.attempts} attempts"',
     'f"{len(found)} takes in {x:.1f} s"', 'f"more than {seconds / 3600:g} hours"'],
)  # fmt: skip
def test_a_noun_that_does_not_follow_its_number_is_seen(source):
    assert faults(source)


@pytest.mark.parametrize(
    "source",
    ['f"{counted(done, \'job\')} done"', 'say_count(n, "1 take", "{count} takes")', 'f"{x:.1f} seconds"',
     'f"{rate:g} frames per second"', 'f"{w} × {h} points"'],
)  # fmt: skip
def test_what_is_right_is_no_fault(source):
    assert not faults(source)


def test_every_noun_follows_its_number():
    wrong = []
    for folder in ("addon", "core", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            wrong += [f"{path.relative_to(ROOT)}: {text}" for text in faults(path.read_text(encoding="utf-8"))]
    assert not wrong, "\n".join(wrong)
