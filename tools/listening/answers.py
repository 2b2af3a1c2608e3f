"""Answers of a blind test: read, checked, and put into a table with intervals (the paper's Table 3)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import BadInputError

from .page import CHOICES, QUESTIONS, Key

RESAMPLES = 2000
"""Bootstrap resamples of an interval."""
LEVEL = 0.95


@dataclass(frozen=True)
class Ratings:
    """All answers of one question: row i is what listener ``listener[i]`` said of clip ``clip[i]``.

    Attributes
    ----------
    listener, clip
        (N,) numbers of the listener and of the clip.
    value
        (N,) the answer.
    """

    listener: np.ndarray
    clip: np.ndarray
    value: np.ndarray

    def mean(self) -> tuple[float, float, float]:
        """Mean, and the lower and upper end of its 95 % interval; NaN without answers.

        Answers of one listener resemble each other, as do answers about one clip. So the bootstrap draws listeners and
        clips, not single answers (Owen 2007, "The pigeonhole bootstrap").
        """
        if not len(self.value):
            return (float("nan"),) * 3
        rng = np.random.default_rng(0)
        weights = _drawn(self.listener, rng) * _drawn(self.clip, rng)
        weights = weights[weights.any(1)]
        means = (weights @ self.value) / weights.sum(1)
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(self.value.mean()), float(low), float(high)


def _drawn(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(RESAMPLES, N) how often the group of each row was drawn, when as many groups are drawn as there are."""
    names, rows = np.unique(groups, return_inverse=True)
    counts: np.ndarray = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)[:, rows]
    return counts


def read_answers(key: Key, files: Sequence[Path]) -> list[dict[str, Any]]:
    """The answers of each listener, checked against the key of the test.

    Raises BadInputError ``answers_unreadable`` for a file that is no set of answers to this test, and
    ``answers_twice`` if two files come from one listener.
    """
    sheets: dict[str, dict[str, Any]] = {}
    for path in files:
        try:
            sheet = json.loads(path.read_text(encoding="utf-8"))
            if sheet["test"] != key.test:
                raise ValueError("they belong to another test")
            _check(sheet, key)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInputError(
                "answers_unreadable",
                f"The answers in {path.name} can't be used: {error}.",
                "Give the files that listeners saved on the page of this test.",
            ) from error
        if sheet["listener"] in sheets:
            raise BadInputError(
                "answers_twice", f"{path.name} is from a listener whose answers are there already.", "Leave one out."
            )
        sheets[sheet["listener"]] = sheet
    return list(sheets.values())


def _check(sheet: dict[str, Any], key: Key) -> None:
    """Raise ValueError for answers that the page can't have written."""
    if not isinstance(sheet["listener"], str):
        raise ValueError("they have no listener")
    for rating in sheet["ratings"]:
        if rating["film"] not in key.films or any(rating[name] not in (1, 2, 3, 4, 5) for name in QUESTIONS):
            raise ValueError(f"no such rating: {rating}")
    for choice in sheet["choices"]:
        if not {choice["left"], choice["right"]} <= set(key.films) or choice["chosen"] not in CHOICES:
            raise ValueError(f"no such choice: {choice}")


def ratings_of(key: Key, sheets: Sequence[dict[str, Any]], system: str, question: str) -> Ratings:
    """What was said of a system's films for one question."""
    rows = [
        (number, key.films[rating["film"]].clip, rating[question])
        for number, sheet in enumerate(sheets)
        for rating in sheet["ratings"]
        if key.films[rating["film"]].system == system
    ]
    return _ratings(rows)


def preference(key: Key, sheets: Sequence[dict[str, Any]], system: str, other: str) -> Ratings:
    """1 where a system was chosen over another one, 0 where it was not, ½ where both were said to be equal."""
    rows = []
    for number, sheet in enumerate(sheets):
        for choice in sheet["choices"]:
            shown = [key.films[choice[side]] for side in ("left", "right")]
            if {film.system for film in shown} != {system, other}:
                continue
            first = shown[0].system == system
            value = 0.5 if choice["chosen"] == "equal" else float((choice["chosen"] == "left") == first)
            rows.append((number, shown[0].clip, value))
    return _ratings(rows)


def _ratings(rows: Sequence[tuple[int, str, float]]) -> Ratings:
    listeners, clips, values = zip(*rows, strict=True) if rows else ((), (), ())
    return Ratings(np.array(listeners), np.array(clips), np.array(values, float))


def _shown(values: tuple[float, float, float], digits: int, scale: float = 1.0) -> str:
    mean, low, high = (value * scale for value in values)
    return "–" if mean != mean else f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def tables(key: Key, sheets: Sequence[dict[str, Any]]) -> str:
    """Two tables in Markdown: opinion scores of each system, and how often one was chosen over another."""
    systems = sorted({film.system for film in key.films.values()})
    count = sum(len(sheet["ratings"]) for sheet in sheets)
    lines = [
        f"{len(sheets)} listeners gave {count} ratings from 1 (bad) to 5 (excellent). Brackets: 95 % intervals.",
        "",
        f"| system | {' | '.join(QUESTIONS)} |",
        f"| --- |{' --- |' * len(QUESTIONS)}",
    ]
    for system in systems:
        cells = [_shown(ratings_of(key, sheets, system, question).mean(), 2) for question in QUESTIONS]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    lines += ["", "How often the first was chosen over the second, in percent; equal ones count half.", ""]
    lines += ["| first | second | chosen | answers |", "| --- | --- | --- | --- |"]
    for system, other in combinations(systems, 2):
        answers = preference(key, sheets, system, other)
        lines.append(f"| {system} | {other} | {_shown(answers.mean(), 0, 100)} | {len(answers.value)} |")
    return "\n".join(lines) + "\n"
