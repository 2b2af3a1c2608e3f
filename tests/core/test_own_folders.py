"""core.own_folders: only what carries our mark is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadInputError
from core.own_folders import MARK, delete_own, is_own, make_own, may_fill


def test_a_folder_of_ours_is_deleted_with_everything_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_own(folder)
    make_own(folder)
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "file").write_text("x", encoding="utf-8")
    assert is_own(folder) and may_fill(folder)
    assert delete_own(folder) and not folder.exists() and folder.parent.exists()
    assert not delete_own(folder)


def test_folders_of_others_are_neither_taken_nor_deleted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for path in (tmp_path, tmp_path / "file"):
        assert not delete_own(path) and not may_fill(path)
        with pytest.raises(BadInputError, match="did not make"):
            make_own(path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_links_in_a_folder_of_ours_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "film").write_text("x", encoding="utf-8")
    make_own(tmp_path / "ours")
    try:
        (tmp_path / "ours" / "link").symlink_to(tmp_path / "others", target_is_directory=True)
    except OSError:
        pytest.skip("this system has no links for users")
    assert delete_own(tmp_path / "ours")
    assert (tmp_path / "others" / "film").exists()


def test_the_mark_goes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file is in use, the folder can still be deleted later."""
    make_own(tmp_path / "ours")
    (tmp_path / "ours" / "used").write_text("x", encoding="utf-8")

    def refuse(path: Path, *_: object, **__: object) -> None:
        if path.name == "used":
            raise PermissionError
        raise AssertionError(f"{path} was deleted first")

    with monkeypatch.context() as patch, pytest.raises(PermissionError):
        patch.setattr(Path, "unlink", refuse)
        patch.setattr(Path, "iterdir", lambda _: iter([tmp_path / "ours" / MARK, tmp_path / "ours" / "used"]))
        delete_own(tmp_path / "ours")
    assert delete_own(tmp_path / "ours")
