"""Files of arrays: read back unchanged, and complete or absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from core.errors import SoliloquyError
from training.common import arrays
from training.common.arrays import save_folder, save_npy, save_npz, save_tensors


def test_arrays_come_back(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    save_npz(tmp_path / "deep" / "a.npz", values=values)
    save_npy(tmp_path / "deep" / "b.npy", values)
    save_tensors(tmp_path / "deep" / "c.safetensors", {"turned": values.T}, {"part": "train"})
    with np.load(tmp_path / "deep" / "a.npz", allow_pickle=False) as kept:
        assert np.array_equal(kept["values"], values)
    assert np.array_equal(np.load(tmp_path / "deep" / "b.npy"), values)
    with safe_open(str(tmp_path / "deep" / "c.safetensors"), framework="np") as file:
        assert np.array_equal(file.get_tensor("turned"), values.T) and file.metadata() == {"part": "train"}
    assert len(list((tmp_path / "deep").iterdir())) == 3


@pytest.mark.parametrize(("writer", "name"), [(save_npz, "savez_compressed"), (save_npy, "save")], ids=["npz", "npy"])
def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer, name) -> None:
    target = tmp_path / "deep" / "values"

    def fails(file: object, *_: object, **__: object) -> None:
        file.write(b"half")
        raise OSError("disk full")

    def write() -> None:
        writer(target, values=np.zeros(3)) if writer is save_npz else writer(target, np.zeros(3))

    with monkeypatch.context() as patch:
        patch.setattr(arrays.np, name, fails)
        with pytest.raises(SoliloquyError):
            write()
    assert list((tmp_path / "deep").iterdir()) == []
    write()
    assert target.exists()


def test_a_folder_of_arrays_is_complete_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"a": np.zeros(3), "b": np.ones((2, 2))}
    save = np.save

    def fails_at_b(path: Path, array: np.ndarray) -> None:
        if path.name == "b.npy":
            raise OSError("disk full")
        save(path, array)

    with monkeypatch.context() as patch:
        patch.setattr(arrays.np, "save", fails_at_b)
        with pytest.raises(OSError):
            save_folder(tmp_path / "set", values)
    assert list(tmp_path.iterdir()) == []
    save_folder(tmp_path / "set", values)
    assert sorted(path.name for path in tmp_path.rglob("*.npy")) == ["a.npy", "b.npy"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert np.array_equal(np.load(tmp_path / "set" / "b.npy"), values["b"])
