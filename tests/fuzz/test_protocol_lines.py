"""A few hundred broken lines to a worker; ``python -m tests.fuzz.protocol_lines`` sends thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.protocol_lines import attack


@pytest.mark.worker
def test_broken_lines_are_answered(tmp_path: Path) -> None:
    report = attack(400, 7, tmp_path)
    assert not report.faults, "\n".join(report.faults[:10])
    assert report.kinds.total() == 400 and report.slowest < 10
