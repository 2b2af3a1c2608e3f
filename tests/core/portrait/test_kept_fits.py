"""Fits of portraits describe faces, so other users of the computer can't read those that are kept."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.portrait import load
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait
from core.takes.models import cache_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture whose fit is known at once, and an umask that lets everybody read."""
    image = np.full((64, 64, 3), 128, np.uint8)
    Image.fromarray(image).save(tmp_path / "face.png")
    zeros = np.zeros(3, np.float32)
    known = Portrait(
        image=image,
        landmarks=np.zeros((478, 3), np.float32),
        identity=np.zeros(50, np.float32),
        expression=np.zeros(53, np.float32),
        rotation=zeros,
        translation=zeros,
        focal=100.0,
        centre=zeros[:2],
        crop=(0.0, 0.0, 64.0),
        digest="",
        residual=0.0,
    )
    monkeypatch.setattr(load, "fit_portrait", lambda *_: known)
    return tmp_path / "face.png"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of a user without settings; it isn't made yet."""
    monkeypatch.delenv("SOLILOQUY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path / ("Library/Caches/soliloquy" if sys.platform == "darwin" else "soliloquy")


@pytest.mark.parametrize("before", [None, 0o755, 0o777])
def test_folder_and_files_are_the_users_own(before: int | None, picture: Path, folder: Path) -> None:
    if before is not None:
        folder.mkdir(parents=True)
        folder.chmod(before)
    mask = os.umask(0o022)
    try:
        assert cache_folder() == folder
        load_portrait(picture, folder)
    finally:
        os.umask(mask)
    (kept,) = folder.glob("*.npz")
    assert mode(folder) == 0o700 and mode(kept) == 0o600


def test_a_folder_that_the_user_names_keeps_its_mode(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of the lab").mkdir()
    (tmp_path / "of the lab").chmod(0o775)
    monkeypatch.setenv("SOLILOQUY_CACHE", str(tmp_path / "of the lab"))
    folder = cache_folder()
    assert folder is not None and mode(folder) == 0o775
    load_portrait(picture, folder)
    (kept,) = folder.glob("*.npz")
    assert mode(kept) == 0o600
