"""Both stages learn on made-up faces, go on where they stopped, and end in a file that the product reads."""

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.keypoints.weights import load_networks
from tests.training.sadtalker.face_render.made_faces import MadeFaces
from training.common.engine import RunConfig, Step
from training.generator.perceptual import PerceptualDistance
from training.sadtalker.face_render.direct import DirectTrainer
from training.sadtalker.face_render.keypoints import KeypointsTrainer
from training.sadtalker.face_render.mapping import MappingTrainer, export
from training.sadtalker.face_render.recipe import RenderRecipe

RECIPE = RenderRecipe.of("tiny")
LATER = replace(RECIPE, losses=replace(RECIPE.losses, gan_from=1000))
"""Without the discriminator."""


def _first_stage(folder: Path, steps: int, recipe: RenderRecipe = LATER) -> KeypointsTrainer:
    return KeypointsTrainer(recipe, MadeFaces(), PerceptualDistance(), folder, RunConfig(steps, ema=0.9, log_every=10))


def _second_stage(first: Path, folder: Path, steps: int) -> MappingTrainer:
    config = RunConfig(steps, ema=0.9, log_every=10)
    return MappingTrainer(LATER, MadeFaces(), PerceptualDistance(), first, folder, config)


@pytest.mark.slow
def test_stages_learn_and_the_product_reads_them(tmp_path: Path) -> None:
    first = _first_stage(tmp_path / "one", 60)
    lines = first.fit()
    assert lines[-1]["l1"] < 0.8 * lines[0]["l1"]
    assert lines[-1]["l1"] < lines[-1]["l1_still"]  # nearer than the source itself
    second = _second_stage(tmp_path / "one", tmp_path / "two", 40)
    lines = second.fit()
    assert lines[-1]["keypoints"] < lines[0]["keypoints"]
    path = export(LATER, tmp_path / "one", tmp_path / "two", tmp_path / "keypoints.safetensors")
    networks = load_networks(path)
    assert networks.config == LATER.network
    faces = MadeFaces().draw(1, np.random.default_rng(5))
    mapped = networks.mapping(torch.cat([faces.window, faces.driven_window]))
    own, driven = mapped.offsets.chunk(2)
    pose = faces.pose.moved(mapped.rotation[1:], mapped.translation[1:])
    with torch.inference_mode():
        made = networks.render(faces.source, faces.pose, own, pose, driven)[0]
        trained = second.picture(faces)[0]
    assert (made - trained).abs().max() < 0.03  # the file is float16, the trainer may use bfloat16


@pytest.mark.slow
def test_the_render_without_keypoints_learns(tmp_path: Path) -> None:
    config = RunConfig(60, ema=0.9, log_every=10)
    lines = DirectTrainer(LATER, MadeFaces(), PerceptualDistance(), tmp_path, config).fit()
    assert lines[-1]["pixels"] < 0.8 * lines[0]["pixels"]


def test_the_discriminator_sets_in(tmp_path: Path) -> None:
    lines = _first_stage(tmp_path, 12, RECIPE).fit()
    assert "judge" in lines[-1] and "features" in lines[-1]


def test_a_run_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    whole = _first_stage(tmp_path / "whole", 4)
    whole.fit()
    stopped = _first_stage(tmp_path / "parts", 4)
    step = stopped.step

    def stopping(current: Step) -> dict[str, float | torch.Tensor]:
        if current.index == 1:
            signal.raise_signal(signal.SIGTERM)
        return step(current)

    stopped.step = stopping  # type: ignore[method-assign]
    stopped.fit()
    again = _first_stage(tmp_path / "parts", 4)
    assert again.run.step == 2
    again.fit()
    parts = (run.run.modules["render"].parameters() for run in (whole, again))
    for one, other in zip(*parts, strict=True):
        torch.testing.assert_close(one, other)
