"""``--help`` of the project's commands: every option has a sentence."""

import argparse
import ast
import subprocess
import sys
from pathlib import Path

import pytest

from core.__main__ import COMMANDS, parser
from core.wire.options import sentence

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for folder in ("addon", "core", "tools") for path in (ROOT / folder).rglob("*.py"))


def faults(source: str) -> list[str]:
    """Calls of ``add_argument`` whose help isn't a sentence, as far as the source alone shows it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith(".add_argument"):
            continue
        told = next((keyword.value for keyword in node.keywords if keyword.arg == "help"), None)
        parts = told.values if isinstance(told, ast.JoinedStr) else [told]
        first, last = parts[0], parts[-1]
        if isinstance(told, ast.Name):
            continue
        whole = isinstance(last, ast.Constant) and str(last.value).endswith(".") and "`" not in str(last.value)
        if not whole or (isinstance(first, ast.Constant) and str(first.value)[:1].islower()):
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize(
    "call",
    ['p.add_argument("--a")', 'p.add_argument("--a", help="the size.")', 'p.add_argument("--a", help="The size")',
     'p.add_argument("--a", help="The ``size``.")', 'p.add_argument("--a", help=f"The {size}")'],
)  # fmt: skip
def test_a_help_that_is_no_sentence_is_seen(call):
    assert faults(call)


def test_every_option_in_the_source_has_a_sentence():
    wrong = [
        f"{path.relative_to(ROOT)}: {call}" for path in SOURCES for call in faults(path.read_text(encoding="utf-8"))
    ]
    assert not wrong, "\n".join(wrong)


def subcommands() -> dict[str, argparse.ArgumentParser]:
    """The parsers of ``python -m core`` by name; the main one has none."""
    main = parser()
    inner = next(action for action in main._actions if isinstance(action, argparse._SubParsersAction))
    return {"": main, **inner.choices}


@pytest.mark.parametrize("name", ["", *(cls.request.replace("_", "-") for cls in COMMANDS)])
def test_the_workers_command_line(name):
    command = subcommands()[name]
    for action in command._actions:
        if not isinstance(action, argparse._SubParsersAction):
            text = command._get_formatter()._expand_help(action)
            assert text[:1].isupper() or text.startswith("“"), action
            assert text.endswith(".") and "`" not in text, action
    assert "`" not in command.format_help() and "done.result" not in command.format_help()


def test_defaults_limits_and_choices_are_told():
    text = " ".join(subcommands()["generate"].format_help().split())
    assert "take k uses seed + k − 1. From 1 to 1000. Default: 1." in text
    assert "From 0 to 20. Default: 1.5." in text and "Default: no." in text
    assert "Choices: portrait, crop. Default: portrait." in text


def test_sentence():
    assert sentence("pixels of the square") == "Pixels of the square."
    assert sentence("Reads ``a.csv``.") == "Reads “a.csv”."


@pytest.mark.parametrize("arguments", [[], ["demo"], ["lint"]])
def test_the_projects_commands(arguments):
    command = [sys.executable, str(ROOT / "tools" / "run.py"), *arguments, "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "`" not in told and len(told.splitlines()) > 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", ["blind_test.py", *(f"sheets/{path.name}" for path in (ROOT / "tools/sheets").glob("*.py"))]
)
def test_tools_start_as_scripts_from_any_folder(script, tmp_path):
    command = [sys.executable, str(ROOT / "tools" / script), "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert "usage" in told
