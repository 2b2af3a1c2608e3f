"""Training of the generators: losses computed by hand, windows, D, and runs that learn and can be interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import BadInputError
from core.renderer.generator.weights import load_generator
from training.common.engine import RunConfig, Step
from training.generator.data import MARGIN, WindowConfig, Windows, cut_windows, recolour, whole_squares
from training.generator.discriminator import Discriminator, DiscriminatorConfig
from training.generator.export import export
from training.generator.gaze import GazeConfig, GazeDistance, GazeEncoder
from training.generator.losses import (
    LossWeights,
    feature_matching,
    gaze_difference,
    hinge_discriminator,
    hinge_generator,
    importance,
    share_of_gan,
    unevenness,
    unsteadiness,
    weighted_l1,
)
from training.generator.perceptual import PerceptualDistance
from training.generator.recipe import Recipe
from training.generator.sheet import strip
from training.generator.style import ProjectedStyle
from training.generator.train import GeneratorTrainer

from .made_pairs import SIZE, MadePairs

ROOT = Path(__file__).resolve().parents[3]


def trainer(
    folder: Path,
    steps: int,
    model: str = "flow",
    start: Path | None = None,
    decay_from: float = 1.0,
    **losses: float,
) -> GeneratorTrainer:
    recipe = replace(Recipe.of(model, "tiny"), decay_from=decay_from)
    recipe = replace(recipe, losses=replace(recipe.losses, **losses))
    config = RunConfig(steps=steps, log_every=10, bfloat16=False)
    return GeneratorTrainer(recipe, MadePairs(), ProjectedStyle(), PerceptualDistance(), folder, config, start=start)


def squares(count: int, rng: np.random.Generator) -> Windows:
    """Whole squares of made-up pairs, with the number of each pair as its style."""
    return whole_squares(MadePairs().batch(count, 0, rng), torch.arange(float(count))[:, None].expand(-1, 224))


def sums(run: GeneratorTrainer) -> list[float]:
    """A number for each tensor of both networks."""
    return [p.double().sum().item() for name in ("G", "D") for p in run.run.modules[name].parameters()]


def test_hinge_losses_by_hand():
    real = [[torch.zeros(1), torch.tensor([2.0, 0.5])]]
    made = [[torch.zeros(1), torch.tensor([-2.0, 1.0])]]
    assert hinge_discriminator(real, made) == pytest.approx(0.25 + 1.0)  # (0 + 0.5)/2 + (0 + 2)/2
    assert hinge_generator(made) == pytest.approx(0.5)


def test_feature_matching_leaves_out_verdicts_and_the_real_side():
    ours = torch.ones(2, 3, requires_grad=True)
    real = torch.zeros(2, 3, requires_grad=True)
    loss = feature_matching([[real, torch.tensor([5.0])]], [[ours, torch.tensor([-5.0])]])
    assert loss.item() == pytest.approx(1.0)
    loss.backward()
    assert real.grad is None and ours.grad is not None


def test_weights_count_mouth_and_eyes_more():
    weights = LossWeights(mouth=3.0, eyes=2.0, edge=1.0)
    interest = torch.zeros(1, 3, 1, 2)
    interest[0, 0, 0, 1] = 1
    level = importance(interest, weights)
    assert level.flatten().tolist() == [1.0, 4.0]
    made, truth = torch.zeros(1, 3, 1, 2), torch.full((1, 3, 1, 2), 0.5)
    assert weighted_l1(made, truth, level) == pytest.approx((0.5 + 2.0) / 2)
    assert share_of_gan(weights.gan_from, weights.gan_from, weights.gan_over) == 0
    assert share_of_gan(weights.gan_from + weights.gan_over, weights.gan_from, weights.gan_over) == 1


def test_a_uniform_shift_costs_nothing():
    assert unevenness(torch.full((1, 2, 8, 8), 3.0)) == 0
    ramp = torch.arange(8.0).expand(1, 2, 8, 8)
    assert unevenness(ramp).item() == pytest.approx(0.5)


def test_unsteadiness_is_the_error_of_the_second_difference_in_time():
    rng = np.random.default_rng(0)
    made, truth = rng.random((2, 3, 4, 3, 5, 6))  # three frames of four windows
    weight = rng.random((3, 4, 1, 5, 6))
    wanted = (weight.min(0) * np.abs(np.diff(made, 2, axis=0)[0] - np.diff(truth, 2, axis=0)[0])).mean()
    flat = [torch.from_numpy(v).flatten(0, 1) for v in (made, truth, weight)]
    assert unsteadiness(*flat).item() == pytest.approx(wanted)
    # An error that stays, or that grows evenly, is none of flicker.
    steady = torch.from_numpy(truth + np.arange(3)[:, None, None, None, None] * 0.1 + 0.2).flatten(0, 1)
    assert unsteadiness(steady, *flat[1:]).item() == pytest.approx(0, abs=1e-9)


def test_gaze_counts_only_if_both_eyes_are_visible():
    torch.manual_seed(0)
    gaze = GazeDistance(GazeEncoder(GazeConfig.tiny()))
    made, truth = torch.rand(2, 3, 64, 64, requires_grad=True), torch.rand(2, 3, 64, 64)
    landmarks = torch.rand(2, 478, 2) * 20 + 22
    both = gaze_difference(gaze, made, truth, landmarks, 8)
    torch.testing.assert_close(both, gaze(made, truth, landmarks))
    landmarks[1, 33] = 60.0
    one = gaze_difference(gaze, made, truth, landmarks, 8)
    torch.testing.assert_close(one, gaze(made[:1], truth[:1], landmarks[:1]))
    landmarks[0, 362, 0] = -3.0
    none = gaze_difference(gaze, made, truth, landmarks, 8)
    none.backward()
    assert none == 0 and made.grad is not None and not made.grad.any()


def test_discriminator_judges_patches_at_two_scales():
    torch.manual_seed(0)
    judge = Discriminator(DiscriminatorConfig(width=8, layers=3)).eval()
    picture = torch.rand(2, 3, 64, 64)
    results = judge(picture)
    assert len(results) == 2 and all(len(scale) == 4 and scale[-1].shape[1] == 1 for scale in results)
    assert results[0][-1].shape[-1] > results[1][-1].shape[-1] > 1
    changed = picture.clone()
    changed[..., :8, :8] = 0
    difference = (judge(changed)[0][-1] - results[0][-1]).abs()[0, 0]
    assert (
        difference[0, 0] > 10 * difference[-1, -1]
    )  # each verdict judges a patch; of the rest it only sees the contrast


def test_windows_hold_what_belongs_together():
    rng = np.random.default_rng(0)
    marks = torch.arange(SIZE * SIZE).reshape(SIZE, SIZE).float()
    marked = replace(
        squares(2, rng),
        warped=marks.expand(2, 3, SIZE, SIZE),
        landmarks=torch.stack([marks % SIZE, marks // SIZE], -1).reshape(1, -1, 2)[:, :478].expand(2, -1, -1),
        conditions=marks[::2, ::2].expand(2, 1, -1, -1),
    )
    cut = cut_windows(marked, WindowConfig(pairs=2, windows=3, side=32), rng)
    assert cut.warped.shape == (6, 3, 32, 32) and cut.positions.shape == (6, 2, 16, 16)
    assert cut.source.shape == (2, 3, SIZE, SIZE) and cut.style[:, 0].tolist() == [0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(cut.warped[:, :1, ::2, ::2], cut.conditions)
    assert (cut.counts[..., :MARGIN] == 0).all() and (cut.counts[..., MARGIN:-MARGIN, MARGIN:-MARGIN] > 0).any()
    first = cut.landmarks[:, 0]  # of the square's first pixel, whose mark is 0
    corner = cut.warped[:, 0, 0, 0]
    torch.testing.assert_close(-first[:, 1] * SIZE - first[:, 0], corner)
    aimed = cut_windows(marked, WindowConfig(side=32, aim=(1.0, 0.0, 0.0, 0.0)), rng)
    assert (aimed.interest[:, 0].sum((1, 2)) > 0).all()


def test_frames_of_a_film_show_the_same_windows_of_one_source():
    rng = np.random.default_rng(0)
    film = replace(squares(3, rng), frames=3)
    marks = torch.arange(SIZE * SIZE).reshape(1, 1, SIZE, SIZE).float()
    film = replace(film, warped=marks + torch.arange(3)[:, None, None, None] * 1e4)
    cut = cut_windows(film, WindowConfig(side=32, run_windows=2), rng)
    assert cut.frames == 3 and cut.warped.shape[0] == 6 and cut.source.shape[0] == 1
    first, second, third = cut.warped.chunk(3)
    torch.testing.assert_close(second - first, torch.full_like(first, 1e4))
    torch.testing.assert_close(third - second, torch.full_like(first, 1e4))
    assert cut.style[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    light = recolour(MadePairs().run(0, rng), rng, alike=True)
    assert torch.equal(light.source[0], light.source[2]) and torch.equal(light.warped[0], light.warped[1])


def test_steps_with_films_are_steadied(tmp_path):
    always = replace(Recipe.of("flow", "tiny"), windows=replace(WindowConfig.tiny(), runs=1.0))
    config = RunConfig(steps=60, log_every=10, bfloat16=False)
    run = GeneratorTrainer(always, MadePairs(), ProjectedStyle(), PerceptualDistance(), tmp_path, config)
    lines = run.fit()
    assert "time" in lines[0] and lines[-1]["pixels"] < 0.8 * lines[0]["pixels"]
    never = replace(always, windows=replace(always.windows, runs=0.0))
    other = GeneratorTrainer(never, MadePairs(), ProjectedStyle(), PerceptualDistance(), tmp_path / "never", config)
    assert "time" not in other.step(Step(other.run, 0))


def test_without_flow_every_block_is_read_at_its_own_place():
    positions = squares(1, np.random.default_rng(0)).positions
    assert positions[0, :, 0, 0].tolist() == [1.0, 1.0]
    assert positions[0, :, 3, 5].tolist() == [11.0, 7.0]


def test_recolouring_keeps_equal_pictures_equal():
    before = MadePairs().batch(2, 0, np.random.default_rng(0))
    after = recolour(before, np.random.default_rng(1))
    assert torch.equal(after.source, after.warped)
    assert not torch.allclose(after.source, before.source)
    pictures = (after.source, after.warped, after.truth)
    assert all(picture.min() >= 0 and picture.max() <= 1 for picture in pictures)


@pytest.mark.parametrize("model", ["flow", "paper"])
def test_a_tiny_run_learns(tmp_path, model):
    run = trainer(tmp_path, 60, model, gan=0.01)
    lines = run.fit()
    first, last = lines[0], lines[-1]
    assert last["pixels"] < 0.7 * first["pixels"]
    if model == "flow":
        assert last["l1"] < 0.8 * last["l1_warp"]


def test_an_interrupted_run_ends_where_an_unbroken_one_does(tmp_path):
    whole = trainer(tmp_path / "whole", 8)
    whole.fit()
    trainer(tmp_path / "parts", 5).fit()
    parts = trainer(tmp_path / "parts", 8)
    assert parts.run.step == 5
    parts.fit()
    for name, module in whole.run.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, parts.run.modules[name].state_dict()[key]), f"{name}/{key}"


def test_d_learns_and_then_influences_g(tmp_path):
    run = trainer(tmp_path, 8, gan_from=2, gan_over=1)
    before = [p.clone() for p in run.run.modules["D"].parameters()]
    lines = run.fit()
    assert {"d", "gan", "features"} <= set(lines[-1])
    assert any(not torch.equal(a, b) for a, b in zip(before, run.run.modules["D"].parameters(), strict=True))


def test_a_run_begins_with_exported_weights(tmp_path):
    """G and its average begin with them; weights of another kind or size are refused."""
    before = trainer(tmp_path / "before", 3)
    before.fit()
    path = export(tmp_path / "before", before.recipe, tmp_path / "g.safetensors")
    run = trainer(tmp_path / "on", 1, start=path)
    for networks in (run.run.modules, run.run.averages):
        for name, value in before.run.averages["G"].state_dict().items():
            torch.testing.assert_close(networks["G"].state_dict()[name], value, rtol=1e-3, atol=1e-3)
    with pytest.raises(BadInputError) as caught:
        trainer(tmp_path / "other", 1, "paper", start=path)
    assert caught.value.code == "start_other_config"
    # A stopped run goes on from its own checkpoint, not from the exported weights again.
    run.fit()
    assert sums(trainer(tmp_path / "on", 1, start=path)) == sums(run)


def test_rates_fall_from_the_given_step(tmp_path):
    run = trainer(tmp_path, 10, decay_from=0.5)
    rates: list[float] = []
    step = run.step

    def watched(now: Step) -> dict[str, float | torch.Tensor]:
        result = step(now)
        rates.append(run.run.optimisers["G"].param_groups[0]["lr"])
        return result

    run.step = watched
    run.fit()
    peak = run.recipe.rates[0]
    assert rates[4] == rates[5] == peak and rates[0] < peak
    assert rates[6] > rates[7] > rates[8] > rates[9] > 0 and rates[9] < 0.2 * peak


def test_exported_weights_may_be_mixed_with_others(tmp_path):
    runs = [trainer(tmp_path / str(steps), steps) for steps in (2, 6)]
    for run in runs:
        run.fit()
    first, last = (run.run.averages["G"].state_dict() for run in runs)
    path = export(tmp_path / "2", runs[0].recipe, tmp_path / "first.safetensors")
    mixed = export(tmp_path / "6", runs[1].recipe, tmp_path / "mixed.safetensors", blend=path, share=0.25)
    for name, value in load_generator(mixed).state_dict().items():
        torch.testing.assert_close(value, 0.25 * first[name] + 0.75 * last[name], rtol=2e-3, atol=2e-3)
    with pytest.raises(BadInputError, match="another kind or size"):
        export(tmp_path / "2", runs[0].recipe, blend=ROOT / "core" / "weights" / "generator.safetensors")


def test_averaged_weights_are_exported(tmp_path):
    run = trainer(tmp_path, 3)
    run.fit()
    path = export(tmp_path, run.recipe, tmp_path / "g.safetensors")
    network = load_generator(path)
    for name, value in run.run.averages["G"].state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, rtol=1e-3, atol=1e-3)


def test_a_strip_shows_source_warp_result_truth(tmp_path):
    run = trainer(tmp_path, 0)
    pairs = MadePairs().batch(1, 0, np.random.default_rng(0))
    batch = whole_squares(pairs, run.style(pairs))
    made, share = run.picture(batch)
    row = strip(batch, made, share, 0)
    assert row.shape == (SIZE, 5 * SIZE, 3)
    warped = (batch.warped[0] * 255 + 0.5).byte().permute(1, 2, 0).numpy()
    assert (row[:, SIZE : 2 * SIZE] == warped).all()
    assert np.abs(row[:, 2 * SIZE : 3 * SIZE].astype(int) - warped).max() <= 1  # an untrained G returns the warp


TWO_PROCESSES = """
import sys
from pathlib import Path
from tests.training.generator.test_generator import sums, trainer

run = trainer(Path(sys.argv[1]), 4, gan_from=1, gan_over=1)
run.fit()
Path(sys.argv[1], f"rank{run.run.rank}.txt").write_text(" ".join(map(repr, sums(run))))
"""


@pytest.mark.slow
def test_two_processes_train_one_generator(tmp_path):
    """Each process draws its own pairs; their networks stay equal."""
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(tmp_path)], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = ((tmp_path / f"rank{rank}.txt").read_text() for rank in (0, 1))
    assert first == second
    alone = trainer(tmp_path / "alone", 4, gan_from=1, gan_over=1)
    alone.fit()
    assert first != " ".join(map(repr, sums(alone)))
