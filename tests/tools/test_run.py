"""tools.run: honest totals and exit codes, with a stand-in for the environments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import run

ROOT = Path(__file__).resolve().parents[2]


def junit(path: Path, tests: int, failures: int = 0, errors: int = 0, skipped: int = 0) -> Path:
    counts = f'tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"'
    path.write_text(f"<testsuites><testsuite {counts}/></testsuites>", encoding="utf-8")
    return path


def test_totals_add_up(tmp_path) -> None:
    totals = run.Totals()
    totals.add_junit(junit(tmp_path / "a.xml", tests=10, failures=1, errors=1, skipped=3))
    totals.add_junit(junit(tmp_path / "b.xml", tests=5))
    assert (totals.passed, totals.failed, totals.skipped) == (10, 2, 3)


def test_a_runner_that_left_no_report_is_a_failure(tmp_path) -> None:
    totals = run.Totals()
    totals.add_junit(tmp_path / "none.xml")
    assert totals.failed == 1


@pytest.mark.parametrize(
    ("body", "code", "last"),
    [
        ("def test_a(): pass\ndef test_b(): pass\n", 0, "2 passed, 0 failed, 0 skipped"),
        ("def test_a(): pass\ndef test_b(): assert 0\n", 1, "1 passed, 1 failed, 0 skipped"),
        ("import pytest\n@pytest.mark.skip\ndef test_a(): pass\n", 1, "0 passed, 0 failed, 1 skipped"),
        ("import no_such_module\n", 1, "0 passed, 1 failed, 0 skipped"),
        ("import os\ndef test_a(): os._exit(3)\n", 1, "0 passed, 1 failed, 0 skipped"),
    ],
)
def test_the_last_line_and_the_exit_code_are_honest(tmp_path, monkeypatch, capfd, body, code, last) -> None:
    monkeypatch.setattr(run, "development_environment", lambda: Path(sys.executable))
    chosen = tmp_path / "test_chosen.py"
    chosen.write_text(body, encoding="utf-8")
    assert run.main(["test", str(chosen), "-p", "no:cacheprovider"]) == code
    assert capfd.readouterr().out.strip().splitlines()[-1] == last


def test_fast_leaves_out_what_is_slow(tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.setattr(run, "development_environment", lambda: Path(sys.executable))
    chosen = tmp_path / "test_chosen.py"
    body = "import pytest\ndef test_a(): pass\n@pytest.mark.slow\ndef test_b(): assert 0\n"
    chosen.write_text(body, encoding="utf-8")
    rest = [str(chosen), "-p", "no:cacheprovider", "-o", "markers=slow: takes long"]
    for arguments, code, last in (
        (["test", "--fast", *rest], 0, "1 passed, 0 failed, 0 skipped"),
        (["test", *rest], 1, "1 passed, 1 failed, 0 skipped"),
    ):
        assert run.main(arguments) == code
        assert capfd.readouterr().out.strip().splitlines()[-1] == last


@pytest.mark.parametrize(
    ("addon", "code", "last"),
    [
        ("def test_c(): pass\n", 0, "2 passed, 0 failed, 0 skipped"),
        ("def test_c(): assert 0\n", 1, "1 passed, 1 failed, 0 skipped"),
        ("import os\ndef test_c(): os._exit(3)\n", 1, "1 passed, 1 failed, 0 skipped"),
        (None, 0, "1 passed, 0 failed, 1 skipped"),
    ],
)
def test_fast_runs_unit_tests_and_the_add_on_at_the_same_time(tmp_path, monkeypatch, capfd, addon, code, last) -> None:
    """``None``: there is no Python for the wheel."""
    (tmp_path / "tests" / "addon").mkdir(parents=True)
    (tmp_path / "tests" / "test_unit.py").write_text("def test_a(): pass\n", encoding="utf-8")
    (tmp_path / "tests" / "addon" / "test_addon.py").write_text(addon or "", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow: takes long\naddopts = -p no:cacheprovider\n")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "UNIT_TESTS", ["tests/test_unit.py"])
    monkeypatch.setattr(run, "development_environment", lambda: Path(sys.executable))
    monkeypatch.setattr(run, "bpy_environment", lambda _version: None if addon is None else Path(sys.executable))
    assert run.main(["test", "--fast"]) == code
    told = capfd.readouterr().out.strip().splitlines()
    assert told[-1] == last
    assert [line for line in told if line.startswith("== ")][1:] == ["== unit tests"] + (
        [f"== add-on under bpy {run.FAST_BPY}"] if addon else []
    )


@pytest.mark.parametrize("arguments", [["demo", "--colour", "red"], ["lint", "colour"]])
def test_what_is_unknown_is_refused(capsys, arguments) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 2
    assert "colour" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "codes", "code"), [(["ruff"], [0], 0), (["ruff", "mypy"], [1, 0], 1), ([], [0, 0, 0, 2], 2)]
)
def test_linters_that_are_named_run_and_any_failure_counts(monkeypatch, names, codes, code) -> None:
    started, results = [], iter(codes)

    def stand_in(command, **_options):
        started.append(command[1:])
        return subprocess.CompletedProcess(command, next(results))

    monkeypatch.setattr(run, "development_environment", lambda: Path(sys.executable))
    monkeypatch.setattr(run.subprocess, "run", stand_in)
    assert run.main(["lint", *names]) == code
    assert started == [run.LINTERS[name] for name in names or run.LINTERS]


def test_it_needs_the_standard_library_only() -> None:
    """It runs before anything is installed."""
    code = (
        "import sys; sys.path.insert(0, 'tools'); before = set(sys.modules); import run\n"
        "new = {m.split('.')[0] for m in set(sys.modules) - before} - {'core', 'run'}\n"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_demo_says_its_own_words_and_no_others(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = tmp_path / "words.txt"
    words.write_text("not today", encoding="utf-8")
    own = Path(run.demo_words(None, None))
    assert own.read_text(encoding="utf-8").startswith("Hello.") and own.parent == run.DEMO_SPEECH.parent
    assert run.demo_words("speech.flac", None) == ""
    assert run.demo_words("speech.flac", "not today") == run.demo_words(None, "not today") == "not today"
    assert run.demo_words("speech.flac", "words.txt") == str(words), "Blender starts in another folder"


def test_a_transcript_that_is_not_there_is_told_before_anything_is_made(monkeypatch, capsys) -> None:
    monkeypatch.setattr(run, "worker_environment", lambda: pytest.fail("too late"))
    assert run.main(["demo", "--transcript", "none.txt"]) == 2
    assert "transcript" in capsys.readouterr().err
