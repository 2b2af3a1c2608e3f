"""Weights on disk: loading returns the saved tensors, and an unusable file is an error with a sentence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.compute.weight_files import WeightFile, open_weights, write_weights
from core.errors import SoliloquyError
from core.places import SUMS


def saved(path: Path, value: float = 1.5, **facts: str) -> Path:
    """A file with a float16 tensor, an integer tensor and the given metadata."""
    save_file({"a": torch.full((2,), value).half(), "n": torch.tensor([3])}, str(path), facts)
    return path


def test_tensors_facts_and_config(tmp_path: Path) -> None:
    config = {"widths": [1, 2], "inner": {"blocks": [[3, 4], [5]]}, "name": "x"}
    with open_weights(saved(tmp_path / "w.safetensors", config=json.dumps(config), kind="k"), "lip model") as file:
        assert file.tensors["a"].dtype == torch.float32
        assert file.tensors["a"].tolist() == [1.5, 1.5]
        assert file.tensors["n"].dtype == torch.int64
        assert file.facts["kind"] == "k"
        assert file.config == {"widths": (1, 2), "inner": {"blocks": ((3, 4), (5,))}, "name": "x"}


def test_shards_are_merged(tmp_path: Path) -> None:
    save_file({"b": torch.zeros(1)}, str(tmp_path / "2.safetensors"), {"second": "yes"})
    with open_weights([saved(tmp_path / "1.safetensors", first="yes"), tmp_path / "2.safetensors"], "prior") as file:
        assert set(file.tensors) == {"a", "n", "b"}
        assert file.facts == {"first": "yes", "second": "yes"}


def failure(path: Path, body: Callable[[WeightFile], Any]) -> SoliloquyError:
    """The error of ``body`` inside ``open_weights``."""
    with pytest.raises(SoliloquyError) as caught, open_weights(path, "lip model", "Do this.") as file:
        body(file)
    return caught.value


def test_missing(tmp_path: Path) -> None:
    error = failure(tmp_path / "none.safetensors", lambda _: None)
    assert (error.code, error.hint) == ("weights_missing", "Do this.")
    assert "lip model" in error.message
    assert "none.safetensors" in error.message


@pytest.mark.parametrize(
    "body",
    [
        lambda file: file.config,  # no configuration
        lambda file: torch.nn.Linear(2, 2).load_state_dict(file.tensors),  # another network's tensors
        lambda file: torch.nn.Linear(**{"nothing of the kind": 1}),  # another version's configuration
    ],
)
def test_of_another_version(tmp_path: Path, body: Callable[[WeightFile], Any]) -> None:
    error = failure(saved(tmp_path / "w.safetensors"), body)
    assert error.code == "weights_damaged"
    assert "\n" not in error.message


def test_broken(tmp_path: Path) -> None:
    (tmp_path / "noise.safetensors").write_bytes(bytes(range(200)))
    assert failure(tmp_path / "noise.safetensors", lambda _: None).code == "weights_damaged"
    (tmp_path / "empty.safetensors").touch()
    assert failure(tmp_path / "empty.safetensors", lambda _: None).code == "weights_damaged"


def test_other_weights_than_the_packed_ones_are_refused(tmp_path: Path) -> None:
    """Even where they have the right names and shapes. A file that isn't in the list is read."""
    path = saved(tmp_path / "w.safetensors")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / SUMS).write_text(f"{digest}  w.safetensors\n{digest}  others.safetensors\n", encoding="ascii")
    with open_weights(path, "lip model") as file:
        assert file.tensors["a"].tolist() == [1.5, 1.5]
    saved(path, value=2.5)
    error = failure(path, lambda _: None)
    assert error.code == "weights_damaged" and "not the file that was packed" in error.message
    with open_weights(saved(tmp_path / "mine.safetensors", value=2.5), "lip model") as file:
        assert file.tensors["a"].tolist() == [2.5, 2.5]


def test_written_files_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "w.safetensors"
    tensors = {"a": torch.tensor([[1.0, 2.5], [0.1, 3.0]]).T, "n": torch.tensor([7], dtype=torch.int16)}
    write_weights(path, tensors, {"widths": [1, 2]}, {"kind": "k"})
    with open_weights(path, "lip model") as file:
        assert torch.equal(file.tensors["a"], tensors["a"])
        assert file.tensors["n"].dtype == torch.int16
        assert (file.config, file.facts["kind"]) == ({"widths": (1, 2)}, "k")
    assert path.stat().st_mode & 0o777 == 0o644
    assert [file.name for file in path.parent.iterdir()] == ["w.safetensors"]


def test_half_precision_rounds_only_floating_point(tmp_path: Path) -> None:
    write_weights(tmp_path / "w.safetensors", {"a": torch.tensor([0.1]), "n": torch.tensor([100_001])}, half=True)
    with open_weights(tmp_path / "w.safetensors", "lip model") as file:
        assert file.tensors["a"].item() == torch.tensor(0.1).half().item()
        assert file.tensors["n"].item() == 100_001


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_weights(path, {"a": torch.zeros(1)})
    with pytest.raises(TypeError):
        write_weights(path, {"a": torch.ones(1)}, facts={"steps": 3})  # type: ignore[dict-item]
    with open_weights(path, "lip model") as file:
        assert file.tensors["a"].item() == 0.0
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]
