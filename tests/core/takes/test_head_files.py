"""The files of a head request: those of its detail, and none of an earlier head in the same folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.detailed_head import rig as detailed
from core.portrait import rig as plain
from core.takes import studio
from core.takes.studio import Studio
from core.wire.names import HEAD_FILES
from core.wire.progress import JobContext
from core.wire.protocol import Head


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Function that asks for a head in one folder, with writers that write small pictures; its answer."""

    def write(folder: Path, contents) -> dict[str, Path]:
        files = {content: folder / HEAD_FILES[content] for content in contents}
        for path in files.values():
            plain.write_texture(path.with_suffix(".png"), np.zeros((2, 2, 3), np.uint8))
            path.with_suffix(".png").rename(path)
        return files

    def write_detailed(_model, _portrait, folder, _size, *, game):
        return write(folder, ("mesh", "texture", "hair", *(["normals"] if game else ["wrinkles_upper"])))

    monkeypatch.setattr(detailed, "write_detailed_head", write_detailed)
    monkeypatch.setattr(
        plain, "write_head", lambda _model, _portrait, mesh, _texture, _size: write(mesh.parent, ("mesh", "texture"))
    )
    monkeypatch.setattr(studio, "_portrait_of", lambda *_: None)

    def ask(detail: str) -> dict[str, str]:
        return Studio().handle(Head(portrait="a.png", out=str(tmp_path), detail=detail, device="cpu"), JobContext("1"))

    return ask


@pytest.mark.parametrize(("before", "after"), [("neural", "model"), ("neural", "game"), ("game", "neural")])
def test_files_of_an_earlier_head_go(made, tmp_path, before, after):
    earlier, answer = made(before), made(after)
    assert set(earlier) != set(answer)
    assert {str(path) for path in tmp_path.iterdir()} == set(answer.values())


def test_other_files_in_the_folder_stay(made, tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "normals.png").touch()
    Image.new("RGB", (2, 2)).save(tmp_path / "hair.png")  # a picture of the user's own
    made("model")
    assert {path.name for path in tmp_path.iterdir()} == {
        *("notes.txt", "normals.png", "hair.png"),
        *("head.npz", "head.png"),
    }
