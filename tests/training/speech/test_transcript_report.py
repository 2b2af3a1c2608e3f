"""The report on phones and transcripts counts errors rightly and reads the times of GRID's words."""

from __future__ import annotations

import pytest

from training.speech.transcript_report import phone_errors, word_times


@pytest.mark.parametrize(
    ("said", "true", "errors"),
    [("K AE T", "K AE T", 0), ("K AH T S", "K AE T", 2), ("", "K AE T", 3), ("T", "K AE T", 2)],
)
def test_errors_are_the_fewest_changes(said, true, errors) -> None:
    assert phone_errors(said.split(), true.split()) == errors == phone_errors(true.split(), said.split())


def test_times_of_words_are_seconds_without_pauses(tmp_path) -> None:
    path = tmp_path / "bbaf2n.align"
    path.write_text("0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 74500 sp\n", encoding="utf-8")
    assert word_times(path) == [(0.95, 1.18), (1.18, 1.36)]
