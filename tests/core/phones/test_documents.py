"""Phones in files: read and written without a change, cue lists of other programs, and refusals in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import BadInputError
from core.phones.documents import EDITED, HEARD, TRANSCRIPT, PhoneDocument, read_phones
from core.phones.phone_set import PHONES, SILENCE, Segment

HELLO = PhoneDocument.of(
    TRANSCRIPT,
    1.2,
    [
        *(Segment("HH", 0.1, 0.15), Segment("AH", 0.15, 0.2), Segment("L", 0.2, 0.28), Segment("OW", 0.28, 0.5)),
        Segment("M", 0.7, 0.8),
    ],
)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_json_is_read_as_it_was_written(tmp_path) -> None:
    HELLO.write(tmp_path / "phones.json")
    assert read_phones(tmp_path / "phones.json") == HELLO
    fields = json.loads((tmp_path / "phones.json").read_text(encoding="utf-8"))
    assert fields["format"] == 1 and fields["phones"][0] == ["HH", 0.1, 0.15]
    PhoneDocument.of(HEARD, 3.0, []).write(tmp_path / "none.json")
    assert read_phones(tmp_path / "none.json") == PhoneDocument(HEARD, 3.0, ())


def test_a_cue_list_holds_the_same_phones(tmp_path) -> None:
    HELLO.write_cues(tmp_path / "cues.tsv")
    lines = (tmp_path / "cues.tsv").read_text(encoding="ascii").splitlines()
    assert lines[0] == "0.0000\tSIL" and lines[5] == "0.5000\tSIL" and lines[-1] == "0.8000\tSIL"
    again = read_phones(tmp_path / "cues.tsv")
    assert again.segments == HELLO.segments and again.source == EDITED and again.digest() == HELLO.digest()


def test_every_phone_is_kept_through_both_forms(tmp_path) -> None:
    """Also the phones B, D, F and G, which are shapes of Rhubarb too."""
    names = [phone for phone in PHONES if phone != SILENCE]
    document = PhoneDocument.of(EDITED, 60.0, [Segment(p, 0.1 * k, 0.1 * k + 0.05) for k, p in enumerate(names)])
    document.write(tmp_path / "a.json")
    document.write_cues(tmp_path / "a.tsv")
    assert [s.phone for s in read_phones(tmp_path / "a.json").segments] == names
    assert read_phones(tmp_path / "a.tsv").segments == document.segments


def test_shapes_of_rhubarb_become_phones_that_have_them(tmp_path) -> None:
    """The example of its manual, with all of its shapes."""
    text = "0.00\tX\n0.05\tD\n0.27\tC\n0.31\tB\n0.43\tX\n0.47\tA\n0.55\tE\n0.61\tF\n0.70\tG\n0.80\tH\n0.90\tX\n"
    document = read_phones(written(tmp_path / "r.tsv", text))
    assert [s.phone for s in document.segments] == ["AA", "EH", "S", "M", "ER", "UW", "F", "L"]
    assert (document.segments[0].start, document.segments[2].end, document.seconds) == (0.05, 0.43, 0.9)


def test_overlaps_end_early_and_silences_and_stress_are_taken_out(tmp_path) -> None:
    rows = [["ah1", 0.2, 0.4], ["SIL", 0.4, 0.5], ["b", 0.1, 0.3], ["sp", 0.6, 0.7], ["T", 0.5, 0.6]]
    document = read_phones(written(tmp_path / "o.json", json.dumps({"phones": rows})))
    assert document.segments == (Segment("B", 0.1, 0.2), Segment("AH", 0.2, 0.4), Segment("T", 0.5, 0.6))
    assert (document.source, document.seconds) == (EDITED, 0.7), "the silence at the end counts"


def test_a_last_phone_without_an_end_is_short(tmp_path) -> None:
    document = read_phones(written(tmp_path / "l.tsv", "\ufeff0.5 M\r\n1\tAA\r\n\r\n"))
    assert document.segments == (Segment("M", 0.5, 1.0), Segment("AA", 1.0, 1.1))


def test_a_part_is_cut_and_keeps_its_times() -> None:
    part = HELLO.part(0.18, 0.75)
    assert part.segments[0] == Segment("AH", 0.18, 0.2) and part.segments[-1] == Segment("M", 0.7, 0.75)
    assert part.seconds == HELLO.seconds


def test_the_digest_is_of_the_phones_alone() -> None:
    other = PhoneDocument.of(EDITED, 9.0, HELLO.segments)
    assert other.digest() == HELLO.digest() != HELLO.part(0.0, 0.6).digest()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{", "can't be read"),
        ("a.json", "[]", "no list"),
        ("a.json", '{"phones": 3}', "no list"),
        ("a.json", '{"format": 9, "phones": []}', "another version"),
        ("a.json", '{"phones": [["QQ", 0, 1]]}', "phone 1: “QQ” is no phone"),
        ("a.json", '{"phones": [["AA", 0, 1], ["AA", 1]]}', "phone 2 is not"),
        ("a.json", '{"phones": [["AA", 2, 1]]}', "ends before it begins"),
        ("a.json", '{"phones": [["AA", -1, 1]]}', "not within"),
        ("a.json", '{"phones": [["AA", 0, 1e999]]}', "not within"),
        ("a.json", '{"phones": [["AA", 0, NaN]]}', "NaN"),
        ("a.json", '{"phones": [["AA", 0, true]]}', "no number"),
        ("a.json", '{"phones": [[7, 0, 1]]}', "no phone"),
        ("a.json", '{"phones": [], "seconds": "long"}', "no number"),
        ("a.json", '{"phones": ' + "[" * 100_000, "nested too deeply"),
        ("a.tsv", "hello", "line 1: “hello” is no time"),
        ("a.tsv", "0\tAA\n1\tMOUTH\n", "cue 2: “MOUTH” is no phone"),
        ("a.tsv", "1\tAA\n0.5\tSIL\n", "line 2: it begins before"),
        ("a.tsv", "nan\tAA\n", "not within"),
        ("a.tsv", " \n\n", "no lines"),
    ],
)
def test_what_holds_no_phones_is_one_sentence(tmp_path, name, text, words) -> None:
    with pytest.raises(BadInputError) as caught:
        read_phones(written(tmp_path / name, text))
    assert caught.value.code == "phones_unreadable" and words in caught.value.message
    assert caught.value.message.count("\n") == 0


def test_no_file_and_an_empty_file_are_sentences(tmp_path) -> None:
    for path, code in ((tmp_path / "no.json", "phones_missing"), (written(tmp_path / "e", ""), "phones_empty")):
        with pytest.raises(BadInputError) as caught:
            read_phones(path)
        assert caught.value.code == code
