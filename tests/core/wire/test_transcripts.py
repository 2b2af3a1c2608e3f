"""Transcripts: words or a file, whatever a user gives; what is written into a list is read again as the same words."""

import pytest

from core.errors import BadInputError
from core.schema import plain
from core.wire import lines, protocol
from core.wire.transcripts import MOST_LETTERS, quoted, read_words, words_in, words_of


def test_lines_and_spaces_become_one_line():
    assert words_in("\ufeff  Bin blue\tat\r\nf two \n\n now. ") == "Bin blue at f two now."
    assert words_in(" \n ") == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_in_the_encodings_of_editors(tmp_path, encoding):
    (tmp_path / "Line 1.TXT").write_bytes("Grüße,\r\nAnna.\n".encode(encoding))
    assert words_of("Line 1.TXT", tmp_path) == words_of(str(tmp_path / "Line 1.TXT"), tmp_path / "x") == "Grüße, Anna."


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
        ("long.txt", b"word " * 20_001, "transcript_too_large"),
        ("lines.srt", b"1\n00:00:01 --> 00:00:02\nHello\n", "transcript_unreadable"),
    ],
)
def test_a_bad_file_is_one_sentence_that_says_what_to_do(tmp_path, name, content, code):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError) as raised:
        words_of(name, tmp_path)
    assert raised.value.code == code and raised.value.hint and "\n" not in str(raised.value)
    if code == "transcript_missing":
        assert "quotation marks" in raised.value.hint


def test_a_folder_is_no_transcript(tmp_path):
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(BadInputError, match="folder"):
        read_words(tmp_path / "folder.txt")


@pytest.mark.parametrize(
    "words",
    ["", "now", "Open notes.txt", '"notes.txt"', '"Yes," he said, "now"', '"', '""', "one.doc two", "e.g.", "x" * 5000],
)
def test_what_a_list_holds_is_read_as_the_same_words(tmp_path, words):
    assert words_of(quoted(words), tmp_path) == words


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", '"a\0b"'])
def test_what_is_no_text_is_refused(tmp_path, text):
    with pytest.raises(BadInputError, match="not plain text"):
        words_of(text, tmp_path)


@pytest.mark.parametrize("letters", ["€", "😀", '"'])
def test_the_longest_transcript_fits_into_a_line_of_the_protocol(letters):
    longest = words_in(letters * (MOST_LETTERS // (2 if letters == "😀" else 1)))
    request = protocol.Generate(audio="a" * 4000, portrait="p" * 4000, out="o" * 4000, transcript=longest)
    assert lines.decode_request(lines.encode_request("1", request))[1] == request
    assert plain(request)["transcript"] == longest
    with pytest.raises(BadInputError) as raised:
        words_in(longest + letters)
    assert raised.value.code == "transcript_too_large"
