"""Who may import whom: floors of folders, and no circle of files.

A *room* is a folder of ``core``, ``addon`` or ``training``, or a file that lies directly in one of the three. Every
room stands on a floor and may import only from rooms on floors below its own. Imports count wherever they stand: at the
top of a file, inside a function, and under ``TYPE_CHECKING``. ``docs/architecture.md`` says what the rooms are for.

``python3 tools/import_rules.py`` prints one line for each import that breaks a rule. Standard library only.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS: Mapping[str, Sequence[Sequence[str]]] = {
    "core": (
        ("errors", "places", "plurals", "provenance", "stopping", "words"),
        ("files", "inputs", "own_folders", "schema", "tables"),
        ("motion", "phones", "runtime"),
        ("compute", "media", "wire"),
        ("batch", "head", "sound"),
        ("face",),
        ("portrait", "representation"),
        ("prior", "readback", "renderer", "sadtalker"),
        ("facetalk", "keypoints", "neural_head"),
        ("detailed_head",),
        ("systems",),
        ("takes",),
        ("__main__", "worker"),
    ),
    "addon": (
        ("places", "session", "translations", "typed", "words"),
        ("compat", "redrawing", "storage", "unexpected"),
        ("rig", "sequencer", "steps"),
        ("animation", "properties"),
        ("drawing", "jobs"),
        ("scene",),
        ("queue",),
        ("commands", "operators"),
        ("panels",),
        ("__init__",),
    ),
    "training": (
        ("common",),
        ("head", "neural_head", "speech", "tracking"),
        ("lips",),
        ("corpus",),
        ("judge", "prior", "reconstruction", "teeth", "visible"),
        ("generator", "representation"),
        ("sadtalker",),
        ("facetalk",),
        ("checks",),
        ("evaluate", "recipe"),
    ),
}
"""Rooms of each side, the lowest floor first."""
SIDES: Mapping[str, Sequence[str]] = {"core": (), "addon": ("core",), "training": ("core",)}
"""What each side may import besides itself. ``tests/addon/test_layers.py`` says which part of core."""

Import = tuple[str, str]
"""Dotted names of the module that imports and of the module that is imported."""


def modules(root: Path, side: str) -> dict[str, Path]:
    """Dotted names and files of all modules of a side; a package has the name of its folder.

    Files in folders without ``__init__.py`` are no modules: Blender's presets look like Python too.
    """
    found = {}
    for path in sorted((root / side).rglob("*.py")):
        if path.parent != root / side and not (path.parent / "__init__.py").exists():
            continue
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(root: Path = ROOT) -> list[Import]:
    """All imports between modules of the three sides, sorted, each once.

    ``from package import name`` imports the module ``package.name`` where there is one, else ``package``.
    """
    files = {name: path for side in SIDES for name, path in modules(root, side).items()}
    found: set[Import] = set()
    for name, path in files.items():
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                named = [f"{module}.{alias.name}" for alias in node.names]
            else:
                continue
            for target in named:
                known = target if target in files else target.rpartition(".")[0]
                if known in files and known != name:
                    found.add((name, known))
    return sorted(found)


def room(module: str) -> str:
    """The room of a module: ``core.prior.walk`` is in ``prior``, the package ``addon`` itself is ``__init__``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def upward(found: Sequence[Import], floors: Mapping[str, Sequence[Sequence[str]]] = FLOORS) -> Iterator[str]:
    """Imports that don't lead to a lower floor, to the same room, or to another side that may be imported."""
    for importer, imported in found:
        side, other = importer.partition(".")[0], imported.partition(".")[0]
        if side != other:
            if other not in SIDES[side]:
                yield f"{importer} imports {imported}: {side} may not import {other}"
            continue
        level = {name: floor for floor, names in enumerate(floors[side]) for name in names}
        above, below = room(importer), room(imported)
        if above == below:
            continue
        if missing := {above, below} - set(level):
            yield f"{importer} imports {imported}: {', '.join(sorted(missing))} stands on no floor of {side}"
        elif level[below] >= level[above]:
            yield f"{importer} imports {imported}: {below} does not lie below {above}"


def circles(found: Sequence[Import]) -> list[list[str]]:
    """Groups of modules that import each other in a circle (Tarjan's strongly connected components)."""
    graph: dict[str, list[str]] = {}
    for importer, imported in found:
        graph.setdefault(importer, []).append(imported)
        graph.setdefault(imported, [])
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for neighbour in graph[node]:
            if neighbour not in number:
                visit(neighbour)
                low[node] = min(low[node], low[neighbour])
            elif neighbour in stack:
                low[node] = min(low[node], number[neighbour])
        if low[node] == number[node]:
            start = stack.index(node)
            group = stack[start:]
            del stack[start:]
            if len(group) > 1:
                groups.append(sorted(group))

    for node in graph:
        if node not in number:
            visit(node)
    return groups


def faults(root: Path = ROOT) -> Iterator[str]:
    """One line for each import that leads up, and for each circle."""
    found = imports(root)
    yield from upward(found)
    for group in circles(found):
        yield f"import circle: {', '.join(group)}"


if __name__ == "__main__":
    lines = list(faults())
    print("\n".join(lines) or "Every import leads down.")
    sys.exit(1 if lines else 0)
