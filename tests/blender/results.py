"""Results of cases, and their JUnit XML for ``tools/run.py`` and CI."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Result:
    """The result of one case."""

    name: str
    outcome: str
    text: str = ""
    seconds: float = 0.0


def write_junit(results: list[Result], path: Path) -> None:
    """Write all results as one suite."""
    suite = ElementTree.Element("testsuite", name="blender", tests=str(len(results)), errors="0")
    for result in results:
        case = ElementTree.SubElement(suite, "testcase", name=result.name, time=f"{result.seconds:.2f}")
        if result.outcome != "passed":
            kind = "failure" if result.outcome == "failed" else "skipped"
            ElementTree.SubElement(case, kind, message=result.text[:200]).text = result.text
    for outcome, attribute in (("failed", "failures"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(result.outcome == outcome for result in results)))
    ElementTree.ElementTree(suite).write(path, encoding="unicode")
