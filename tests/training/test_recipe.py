"""The whole recipe in its tiny size, on a few of the real recordings: the product runs with its weights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.prior.model import NonlipPrior
from training.common.splits import portrait_split, split
from training.recipe import PARTS, Command, main

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SOLILOQUY_DATA", ROOT.parent / "shared" / "data"))
MADE_ELSEWHERE = ("head_model", "speech_detector", "speech_encoder")
"""Weights that the recipe starts from: they are converted from files that aren't among the data."""


def test_commands_name_size_and_data():
    command = Command("training.x train --data {data}", "--size tiny")
    assert command.line("tiny", Path("d"))[1:] == ["-m", "training.x", "train", "--data", "d", "--size", "tiny"]
    assert command.line("base", Path("d"))[1:] == ["-m", "training.x", "train", "--data", "d"]


def test_the_list_starts_at_the_given_step(capsys):
    assert main(["--list", "--from", "prior"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PARTS["prior"]) and all(line.startswith("== prior: python -m training.") for line in lines)


def _few(source: Path, target: Path, pattern: str, kind, wanted: dict[str, int]) -> None:
    """Link the first files of each kind."""
    target.mkdir(parents=True, exist_ok=True)
    left = Counter(wanted)
    for path in sorted(source.glob(pattern)):
        if left[kind(path)] > 0:
            left[kind(path)] -= 1
            for one in (path, path.with_suffix(".align")):
                if one.exists():
                    (target / one.name).symlink_to(one)


@pytest.fixture
def small_data(tmp_path) -> Path:
    """A few clips, portraits and sentences of the real data."""
    if not DATA.is_dir():
        pytest.skip(f"no recordings at {DATA}")
    data = tmp_path / "data"
    for talker, wanted in (("s1", {"train": 4, "test": 2}), ("s4", {"unseen": 2})):
        _few(
            DATA / "grid" / talker,
            data / "grid" / talker,
            "*.mp4",
            lambda p: split(f"{p.parent.name}_{p.stem}"),
            wanted,
        )
    for talker, ending in (("s2", "mpg"), ("s33", "mkv")):
        _few(DATA / "grid_more" / talker, data / "grid_more" / talker, f"*.{ending}", lambda _: "any", {"any": 1})
    _few(DATA / "addresses", data / "addresses", "*.mp4", lambda _: "any", {"any": 2})
    _few(DATA / "portraits", data / "portraits", "*.jpg", lambda p: portrait_split(p.stem), {"train": 3, "test": 3})
    for folder in ("speech", "speech_lj"):
        _few(DATA / folder, data / folder, "*.flac", lambda _: "any", {"any": 3})
    with np.load(DATA / "obama_landmarks68.npz") as addresses:
        np.savez(data / "obama_landmarks68.npz", **{name: addresses[name][:300] for name in addresses.files})
    return data


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(not (shutil.which("flite") and shutil.which("espeak-ng")), reason="flite and espeak-ng speak")
def test_tiny_weights_of_the_whole_recipe_run_in_the_product(tmp_path, small_data):
    place = tmp_path / "project"
    forgotten = shutil.ignore_patterns("__pycache__", "weights")
    for folder in ("core", "training"):
        shutil.copytree(ROOT / folder, place / folder, ignore=forgotten)
        (place / folder / "weights").mkdir()
    for name in MADE_ELSEWHERE:
        shutil.copy(ROOT / "core" / "weights" / f"{name}.safetensors", place / "core" / "weights")
    shutil.copy(ROOT / "blender_manifest.toml", place)
    environment = {**os.environ, "SOLILOQUY_DATA": str(small_data), "SOLILOQUY_CACHE": str(tmp_path / "cache")}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=place, env=environment, capture_output=True, text=True, timeout=1200
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    run("training.recipe", "--size", "tiny")
    made = {path.stem.split("-0")[0] for path in (place / "core" / "weights").glob("*.safetensors")}
    networks = {"lips", "prior", "representation", "generator", "neural_head"}
    others = {"sadtalker", "autoregressive", "learned_prior", "keypoints", "paper_generator", "facetalk"}
    assert made == {*MADE_ELSEWHERE, "teeth", "visible"} | networks | others
    ours = {path.stem for path in (place / "training" / "weights").glob("*.safetensors")}
    assert "reconstruction" in ours
    teacher, pupil = (NonlipPrior.load(folder=place / folder) for folder in ("core/weights", "runs/pupil/weights"))
    assert (teacher.num_inference_steps, teacher.guidance_scale, teacher.sampler) == (10, 1.5, "dpm_solver_pp")
    assert teacher.calibration is not None, "the shipped weights were calibrated"
    assert (pupil.num_inference_steps, pupil.guidance_scale, pupil.sampler) == (6, 1.0, "ddim")
    sound = next((small_data / "speech").glob("*.flac"))
    portrait = next((small_data / "portraits").glob("*.jpg"))
    for system, (source, renderer) in {"ours": ("diffusion", "gan"), "other": ("sadtalker", "keypoints")}.items():
        run(
            *f"core generate --duration 1 --size 256 --source {source} --renderer {renderer}".split(),
            *("--out", str(tmp_path / system), "--audio", str(sound), "--portrait", str(portrait)),
        )
        (take,) = (tmp_path / system).glob("*/take-001")
        assert len(list((take / "frames").glob("*.png"))) == 25
        assert f'"{renderer}"' in (take / "take.json").read_text()
