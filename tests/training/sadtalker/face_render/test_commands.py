"""The commands of the face render, on made-up pairs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import SoliloquyError
from core.keypoints.weights import load_networks
from tests.training.corpus.pairs.made_up_pairs import made_up
from training.corpus.pairs.store import write_pairs
from training.sadtalker.__main__ import main

TINY = ["--size", "tiny", "--side", "64"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with pairs of all parts."""
    monkeypatch.chdir(tmp_path)
    for kind, part in (("portraits", "train"), ("portraits", "validation"), ("portraits", "test")):
        landmarks = np.random.default_rng(0).uniform(10, 54, (478, 2)).astype(np.float32)
        pairs = [replace(made_up(kind, number), source_landmarks=landmarks) for number in range(2)]
        write_pairs(tmp_path / "pairs" / kind / part / "0000.safetensors", pairs, {})
    return tmp_path


@pytest.mark.slow
def test_train_measure_and_export(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = ["--pairs", str(folder / "pairs"), *TINY]
    main(["keypoints", *pairs, "--steps", "2", "--run", "runs/keypoints"])
    main(["mapping", *pairs, "--steps", "2", "--run", "runs/mapping"])
    assert (folder / "runs/keypoints/samples/000002.png").is_file()
    assert (folder / "runs/mapping/samples/000002.png").is_file()
    main(["direct", *pairs, "--steps", "2", "--run", "runs/direct"])
    assert (folder / "runs/direct/samples/000002.png").is_file()
    capsys.readouterr()
    main(["keypoints-evaluate", *pairs, "--direct", "runs/direct"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| portraits held out (2)")]
    names = ["still", "warp", "paper's own G", "G", "stage 1", "keypoints", "direct"]
    assert [row.split(" | ")[1] for row in rows[: len(names)]] == names
    main(["keypoints-export", *TINY, "--to", "made/keypoints.safetensors"])
    assert load_networks(folder / "made/keypoints.safetensors").config.side == 64


def test_a_run_that_is_missing_is_said(folder: Path) -> None:
    with pytest.raises(SoliloquyError, match="no trained network in runs/keypoints"):
        main(["keypoints-evaluate", "--pairs", str(folder / "pairs"), *TINY])
