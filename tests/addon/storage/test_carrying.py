"""Folders that are copied and moved: whole or not there; notes; and which job a folder holds."""

import pytest
from soliloquy.addon.storage import carrying, identity, paths
from soliloquy.core.errors import SoliloquyError


def test_what_changes_during_the_copy_stays(tmp_path):
    source = tmp_path / "job"
    source.mkdir()
    for name in "abc":
        (source / name).write_text(name)
    copying = carrying.copy(source, tmp_path / "new")
    next(copying)
    (source / "d").write_text("made meanwhile")
    with pytest.raises(SoliloquyError, match="changed while"):
        list(copying)
    assert [path.name for path in tmp_path.iterdir()] == ["job"]
    list(carrying.copy(source, tmp_path / "new"))
    (source / "e").write_text("made after the copy")
    assert not carrying.release(source, tmp_path / "new") and (source / "e").is_file()
    (tmp_path / "new" / "e").write_text("made after the copy")
    assert carrying.release(source, tmp_path / "new") and not source.exists()
    assert carrying.forwarded(source / "a", tmp_path) == tmp_path / "new" / "a"


def test_a_drive_that_is_missing_is_found_out_by_writing(tmp_path, monkeypatch):
    (tmp_path / "job").mkdir()
    monkeypatch.setattr(paths, "is_folder", lambda path: False)  # as if not even the drive was there
    assert paths.existing_folder(tmp_path / "new") is None
    assert not carrying.can_link(tmp_path / "job", tmp_path / "new")
    assert not list(carrying.copy(tmp_path / "job", tmp_path / "new")) and (tmp_path / "new").is_dir()


def test_a_note_leads_to_no_other_computer_and_in_no_circle(tmp_path):
    for note in ('{"job": "//server/share"}', '{"job": "relative"}', '{"job": 5}', "[]", "no json", '{"job": "%s"}'):
        (tmp_path / carrying.NOTE).write_text(note % (tmp_path / "job") if "%" in note else note)
        assert carrying.forwarded(tmp_path / "job", tmp_path) == tmp_path / "job"


def test_a_jobs_identifier_is_in_its_file_else_in_its_name(tmp_path):
    folder = tmp_path / "line_1-anna-0123456789ab"
    folder.mkdir()
    assert identity.job_of(folder) == "0123456789ab"
    (folder / "job.json").write_text('{"id": "aaaaaaaaaaaa"}')
    assert identity.job_of(folder) == "aaaaaaaaaaaa"
    assert identity.job_of(tmp_path / "line_1-anna-0123456789ab 2") == "0123456789ab"
    assert identity.job_of(tmp_path / "holiday") == ""
