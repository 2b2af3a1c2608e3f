"""Some damaged sounds, pictures, motions, jobs and texts; ``python -m tests.fuzz`` reads thousands in little memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fuzz.damage import Case, Kind, damaged, outcome
from tests.fuzz.runner import GOOD, KINDS, SECONDS, made, run


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *(("sounds", 120), ("pictures", 80), ("motions", 120), ("jobs", 200), ("portraits", 24)),
        *(("phones", 200), ("transcripts", 100)),
    ],
)
def test_damaged_files_are_read_or_refused_with_a_sentence(
    name: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    kind = KINDS[name]
    bases = kind.bases()
    for good, content in bases.items():
        result = outcome(kind, tmp_path / good, Case("nothing", good, content))
        assert result == ("read", "") or good.endswith((".dds", ".icns")), (good, result)
    results = set()
    for index in range(count):
        case = kind.case(made(11, index), bases)
        begun = time.process_time()
        result, details = outcome(kind, tmp_path / f"{index}-{case.name}", case)
        assert result in GOOD, f"case {index}, {case.what}: {result}: {details}"
        assert time.process_time() - begun < SECONDS, f"case {index}, {case.what}"
        results.add(result)
    assert results == set(GOOD)
    assert "Traceback" not in capfd.readouterr().err


def _kind(read: object) -> Kind:
    return Kind(lambda: {"a.x": bytes(500)}, lambda r, made: damaged(r, "a.x", made["a.x"]), read, 10**9)  # type: ignore[arg-type]


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    from core.errors import BadInputError

    def broken(error: Exception) -> object:
        def read(path: Path, case: Case) -> str:
            raise error

        return read

    case = Case("nothing", "a.x", b"x")
    path = tmp_path / "a.x"
    assert outcome(_kind(broken(ZeroDivisionError("oh"))), path, case) == ("raises ZeroDivisionError", "oh")
    assert outcome(_kind(broken(BadInputError("x", "No sentence"))), path, case)[0] == "no sentence"
    assert (
        outcome(_kind(broken(BadInputError("x", "Long " * 300 + ".", "Do."))), path, case)[0] == "an endless sentence"
    )
    assert outcome(_kind(broken(BadInputError("x", "It is bad.", "Do."))), path, case) == ("refused", "")
    assert outcome(_kind(lambda *_: "7 frames"), path, case) == ("accepted nonsense", "7 frames")
    assert outcome(_kind(lambda *_: ""), path, case) == ("read", "")
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["motions", "portraits"])
def test_the_long_search_counts_every_case(name: str, tmp_path: Path) -> None:
    tally = run(name, 12, seed=3, first=0, folder=tmp_path)
    assert tally.total() == 12 and {result for _, result in tally} <= set(GOOD)
