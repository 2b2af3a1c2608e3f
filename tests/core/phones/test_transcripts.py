"""Transcripts: words or a file, whatever a user gives; what is written into a list is read again as the same words."""

import pytest

from core.errors import BadInputError
from core.phones.transcripts import MOST_LETTERS, checked_transcript, given_transcript, quoted, read_transcript
from core.schema import plain
from core.wire import lines, protocol


def test_lines_and_spaces_become_one_line():
    assert checked_transcript("\ufeff  Bin blue\tat\r\nf two \n\n now. ") == "Bin blue at f two now."
    assert checked_transcript(" \n ") == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_in_the_encodings_of_editors(tmp_path, encoding):
    (tmp_path / "Line 1.TXT").write_bytes("Grüße,\r\nAnna.\n".encode(encoding))
    assert (
        given_transcript("Line 1.TXT", tmp_path)
        == given_transcript(str(tmp_path / "Line 1.TXT"), tmp_path / "x")
        == "Grüße, Anna."
    )


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("none.txt", None, "transcript_missing"),
        ("I said notes.txt", None, "transcript_missing"),
        ("empty.txt", b"", "transcript_empty"),
        ("blank.txt", b" \n ", "transcript_unreadable"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\0\0", "transcript_unreadable"),
        ("odd.txt", b"\x81\x8d", "transcript_unreadable"),
        ("large.txt", b"word " * 200_001, "transcript_too_large"),
        ("long.txt", b"word " * 20_001, "transcript_too_long"),
        ("times.srt", b"1\n00:00:01,000 --> 00:00:02,000\n\n", "transcript_unreadable"),
        ("letter.docx", b"PK\3\4", "transcript_unreadable"),
    ],
)
def test_a_bad_file_is_one_sentence_that_says_what_to_do(tmp_path, name, content, code):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError) as raised:
        given_transcript(name, tmp_path)
    assert raised.value.code == code and raised.value.hint and "\n" not in str(raised.value)
    if code == "transcript_missing":
        assert "quotation marks" in raised.value.hint


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "lines.srt",
            "1\r\n00:00:01,000 --> 00:00:02,500\r\nBin blue\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nat F two\r\n",
        ),
        (
            "lines.vtt",
            "WEBVTT - film\n\n00:01.000 --> 00:02.500 align:start\nBin blue\n\n00:03.000 --> 00:04.000\nat F two\n",
        ),
    ],
)
def test_subtitles_are_read_without_their_timings(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert given_transcript(name, tmp_path) == checked_transcript(content) == "Bin blue at F two"


@pytest.mark.parametrize(
    "text",
    ["WEBVTT is a format", "at 5:30", "WEBVTT\nWEBVTT\n--> a", "5:30\n--> b", "1\n1:00 --> 2:00\n5:30\n---->> c"],
)
def test_a_transcript_that_was_read_is_not_changed_again(text):
    once = checked_transcript(text)
    assert once and checked_transcript(once) == once


def test_a_folder_is_no_transcript(tmp_path):
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(BadInputError, match="folder"):
        read_transcript(tmp_path / "folder.txt")


@pytest.mark.parametrize(
    "words",
    ["", "now", "Open notes.txt", '"notes.txt"', '"Yes," he said, "now"', '"', '""', "one.doc two", "e.g.", "x" * 5000],
)
def test_what_a_list_holds_is_read_as_the_same_words(tmp_path, words):
    assert given_transcript(quoted(words), tmp_path) == words


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", '"a\0b"'])
def test_what_is_no_text_is_refused(tmp_path, text):
    with pytest.raises(BadInputError, match="not plain text"):
        given_transcript(text, tmp_path)


@pytest.mark.parametrize("letters", ["€", "😀", '"'])
def test_the_longest_transcript_fits_into_a_line_of_the_protocol(letters):
    longest = checked_transcript(letters * (MOST_LETTERS // (2 if letters == "😀" else 1)))
    request = protocol.Generate(audio="a" * 4000, portrait="p" * 4000, out="o" * 4000, transcript=longest)
    assert lines.decode_request(lines.encode_request("1", request))[1] == request
    assert plain(request)["transcript"] == longest
    with pytest.raises(BadInputError) as raised:
        checked_transcript(longest + letters)
    assert raised.value.code == "transcript_too_long"
