"""The project's own checks: ``python3 tools/check_house.py [sizes words versions documents]``.

========== ==========================================================================================
check      what it holds
========== ==========================================================================================
sizes      no source file over 350 lines, no folder with more than 20 files directly in it
words      every word of the add-on that the source shows has a translation, and catalogues are sorted
versions   every file that states the version states the one in ``blender_manifest.toml``
documents  files, folders, pages and commands that documents name exist
========== ==========================================================================================

``python3 tools/check_house.py commit-message FILE`` checks the subject of a commit message. Prints one line for each
fault and exits with 1 if there is one. ``tests/addon/test_translations.py`` checks the words again inside Blender,
where all of them can be seen. Standard library only.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import string
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 350
MAX_FILES = 20
MAX_SUBJECT = 72
SOURCES = {".py", ".sh"}
HISTORY = {"CHANGELOG.md", "docs/history.md"}
"""Documents that may name what no longer exists."""
_SPOKEN = {"text", "heading", "placeholder"}
"""Keyword arguments that Blender shows as text."""
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
_MODULE = re.compile(r"\s-m ((?:core|training|tools)\b[\w.]*)")
_DOTTED = re.compile(r"`((?:addon|core|tools|training)(?:\.\w+)+)")
_PATH = re.compile(r"`((?:addon|core|docs|tests|tools|training)/[\w./-]+)`")


def tracked(root: Path) -> list[Path]:
    """Paths relative to ``root`` of all files that git tracks or would add, sorted."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return sorted({Path(name) for name in listed.split("\0") if name and (root / name).is_file()})


def sizes(root: Path) -> Iterator[str]:
    """Source files and folders that are too large."""
    files = tracked(root)
    for path in files:
        if path.suffix in SOURCES or path.parts[0] == ".ci":
            lines = len((root / path).read_text(encoding="utf-8").splitlines())
            if lines > MAX_LINES:
                yield f"{path}: {lines} lines, at most {MAX_LINES} are allowed"
    for folder, count in sorted(Counter(path.parent for path in files).items()):
        if count > MAX_FILES:
            yield f"{folder}/: {count} files, at most {MAX_FILES} are allowed"


# -------------------------------------------------------------------------------------------------------------- words
def words(root: Path) -> Iterator[str]:
    """Words of the interface without a translation, and faults of the catalogues."""
    catalogues = {path: json.loads(path.read_text("utf-8")) for path in (root / "addon/translations").glob("*.json")}
    said = {
        text: f"{path.relative_to(root)}:{line}"
        for path in sorted((root / "addon").rglob("*.py"))
        if "commands" not in path.relative_to(root).parts  # the command line speaks English
        for text, line in spoken(ast.parse(path.read_text(encoding="utf-8")))
    }
    for path, catalogue in sorted(catalogues.items()):
        yield from (f"{where}: {text!r} is not in {path.name}" for text, where in said.items() if text not in catalogue)
        if list(catalogue) != sorted(catalogue):
            yield f"{path.relative_to(root)}: the entries are not sorted"
        for english, translated in catalogue.items():
            if _fields(english) != _fields(translated):
                yield f"{path.relative_to(root)}: {english!r} and its translation have different {{names}}"


def spoken(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """(text, line) of what a module of the add-on shows to people, as far as the source alone shows it."""
    for node in ast.walk(tree):
        found: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"say", "later"}:
                found += node.args[:1]
            elif name == "say_count":
                found += node.args[1:3]
            shown = _SPOKEN | ({"name", "description"} if name.endswith("Property") and not _hidden(node) else set())
            found += [keyword.value for keyword in node.keywords if keyword.arg in shown]
        elif isinstance(node, ast.ClassDef):
            texts = _assigned(node)
            found += [texts[name] for name in ("bl_label", "bl_description") if name in texts]
            identifier = texts.get("bl_idname")
            tooltip = ast.get_docstring(node, clean=False)
            is_operator = isinstance(identifier, ast.Constant) and "." in str(identifier.value)
            if is_operator and tooltip and "bl_description" not in texts:
                yield inspect.cleandoc(tooltip), node.lineno
        for text in (text for expression in found for text in _constants(expression)):
            yield str(text.value), text.lineno


def _hidden(node: ast.Call) -> bool:
    """Whether a property is kept out of the interface (``options={"HIDDEN"}``)."""
    return any(keyword.arg == "options" and "HIDDEN" in ast.unparse(keyword.value) for keyword in node.keywords)


def _assigned(node: ast.ClassDef) -> dict[str, ast.expr]:
    """What a class assigns to its own names."""
    assignments = [item for item in node.body if isinstance(item, ast.Assign)]
    return {target.id: item.value for item in assignments for target in item.targets if isinstance(target, ast.Name)}


def _constants(node: ast.AST) -> list[ast.Constant]:
    """Texts with letters in an expression; calls, sets, comparisons and subscripts in it are left out."""
    if isinstance(node, ast.Constant):
        return [node] if isinstance(node.value, str) and any(map(str.isalpha, node.value)) else []
    if isinstance(node, ast.Call | ast.Set | ast.Compare | ast.Subscript):
        return []
    return [text for child in ast.iter_child_nodes(node) for text in _constants(child)]


def _fields(text: str) -> list[str]:
    """``{names}`` in a sentence; braces around anything else are braces."""
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name and name.isidentifier())


# ----------------------------------------------------------------------------------------------- versions, documents
def versions(root: Path) -> Iterator[str]:
    """Files whose version differs from the manifest's."""
    manifest = tomllib.loads((root / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
    cited = re.search(r"^version: (\S+)$", (root / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    if cited is None or cited[1] != manifest:
        yield f"CITATION.cff: version {cited and cited[1]}, the manifest has {manifest}"
    if not re.search(rf"^## \[?{re.escape(manifest)}\b", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE):
        yield f"CHANGELOG.md: no section for version {manifest}"


def documents(root: Path) -> Iterator[str]:
    """Links, paths and commands in documents that lead nowhere."""
    for path in tracked(root):
        if path.suffix != ".md":
            continue
        text = (root / path).read_text(encoding="utf-8")
        for link in sorted(set(_LINK.findall(text))):
            if "://" not in link and not link.startswith("mailto:") and not (root / path.parent / link).exists():
                yield f"{path}: links to {link}, which doesn't exist"
        if path.as_posix() in HISTORY:
            continue
        for name in sorted(set(_PATH.findall(text))):
            if not (root / name).exists():
                yield f"{path}: names {name}, which doesn't exist"
        for name in sorted(set(_DOTTED.findall(text))):
            if not _is_defined(root, name.split(".")):
                yield f"{path}: names {name}, which doesn't exist"
        for module in sorted(set(_MODULE.findall(text))):
            place = root / module.rstrip(".").replace(".", "/")
            if not (place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()):
                yield f"{path}: names the command {module}, which doesn't exist"


def _is_defined(root: Path, parts: list[str]) -> bool:
    """Whether ``package.module`` is there, or a module that has the name which follows it."""
    place = root
    for part in parts:
        if (place / part).is_dir():
            place /= part
            continue
        module = place / f"{part}.py" if (place / f"{part}.py").is_file() else place / "__init__.py"
        rest = parts[parts.index(part) + (module.stem == part) :]
        text = module.read_text(encoding="utf-8") if module.is_file() else ""
        return not rest or re.search(rf"\b{re.escape(rest[0])}\b", text) is not None
    return True


def commit_message(text: str) -> Iterator[str]:
    """Faults of a commit message: its subject's length, and the empty line below it."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    subject, rest = (lines[0].strip(), lines[1:]) if lines else ("", [])
    if not subject:
        yield "the commit message has no subject"
    if len(subject) > MAX_SUBJECT:
        yield f"the subject has {len(subject)} characters, at most {MAX_SUBJECT} are allowed"
    if rest and rest[0].strip():
        yield "the line below the subject must be empty"


CHECKS: dict[str, Callable[[Path], Iterator[str]]] = {
    check.__name__: check for check in (sizes, words, versions, documents)
}


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "checks", nargs="*", metavar="check", help=f"Checks to run: {', '.join(CHECKS)}, or commit-message FILE."
    )
    chosen = parser.parse_args(arguments).checks or list(CHECKS)
    if chosen[0] == "commit-message" and len(chosen) == 2:
        faults = list(commit_message(Path(chosen[1]).read_text(encoding="utf-8")))
    elif unknown := set(chosen) - set(CHECKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    else:
        faults = [fault for name in chosen for fault in CHECKS[name](ROOT)]
    print("\n".join(faults) or "nothing found")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
