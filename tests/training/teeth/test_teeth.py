"""Invented teeth are learned: people aligned, patterns found, and what is hidden predicted from what is seen."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from core.errors import SoliloquyError
from core.renderer.teeth.appearance import STRIP_DENSITY, Strip, TeethModel, read_teeth
from core.renderer.teeth.arch import MAP, TEXTURE, boundaries, texture_places
from training.common.folders import data_folder
from training.teeth import __main__ as command
from training.teeth.learn import components, first_guess, learn
from training.teeth.people import Person


def strip_of(rise: float, stretch: float, tone: float, seed: int) -> Strip:
    """A mouth whose upper teeth end at a height, are wider by a share, and get darker outward by ``tone``."""
    half, low, high = MAP
    rows, columns = round((high - low) * STRIP_DENSITY), round(2 * half * STRIP_DENSITY)
    along = ((torch.arange(columns) + 0.5) / STRIP_DENSITY - half).expand(rows, columns) / (1 + stretch)
    height = (high - (torch.arange(rows) + 0.5) / STRIP_DENSITY)[:, None].expand(rows, columns) - rise
    ends = torch.cat([torch.zeros(1), boundaries("upper")[:5]])
    gaps = torch.exp(-0.5 * ((along.abs() - ends[:, None, None]) / 0.06) ** 2).sum(0).clamp(max=1)
    teeth = torch.where(height < 0, 0.2, 0.8 * (1 - 0.4 * gaps) * torch.exp(-tone * along.abs()))
    noise = 0.01 * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    seen = ((along.abs() < 3) & (height > -0.15) & (height < 0.8 - 0.03 * along**2)).float()[None, None]
    return Strip((teeth + noise).clamp(0, 1).expand(1, 3, -1, -1).contiguous(), seen, seen.cumsum(2) / STRIP_DENSITY)


@pytest.fixture(scope="module")
def people() -> list[Person]:
    drawn = torch.Generator().manual_seed(0)
    found = []
    for k in range(24):
        rise, stretch, tone = (torch.rand(3, generator=drawn) - 0.5).tolist()
        strip = strip_of(-0.25 + 0.2 * rise, 0.1 * stretch, 0.12 + 0.2 * tone, k)
        found.append(Person(f"person {k}", "test" if k < 6 else "train", strip, torch.full((3,), 0.8)))
    return found


@pytest.fixture(scope="module")
def model(people) -> TeethModel:
    chosen = [person for person in people if person.part == "train"]
    return learn([p.strip for p in chosen], [p.white for p in chosen], 3)


def test_people_are_laid_over_each_other(people, model) -> None:
    """The mean keeps every gap, which it only does if people's gaps lie on each other."""
    along, height = texture_places()
    line = model.mean.mean(0)[(height[:, 0] > 0.2) & (height[:, 0] < 0.5)].mean(0)
    for end in torch.cat([torch.zeros(1), boundaries("upper")[:2]]):
        gap = line[(along[0] - end).abs() < 0.12].min()
        beside = [line[(along[0] - end - side).abs() < 0.12].max() for side in (-0.32, 0.32)]
        assert gap < 0.85 * min(beside)
    rises = torch.stack([model.align(strip_of(-0.25 + rise, 0.0, 0.12, 99))[0][2] for rise in (-0.1, 0.0, 0.1)])
    assert torch.allclose(rises.diff(), torch.full((2,), 0.1), atol=0.05)


def test_a_hidden_half_is_predicted_better_than_by_the_mean_or_by_one_colour(people, model) -> None:
    found = command.errors(model, [person for person in people if person.part == "test"])
    means = {name: sum(values) / len(values) for name, values in found.items()}
    assert len(found["predicted"]) == 12
    assert means["predicted"] > means["the mean"] + 1 > means["one colour"] + 3


def test_patterns_of_known_numbers_are_found_through_holes() -> None:
    drawn = torch.Generator().manual_seed(1)
    basis = torch.randn(2, 1, 6, 20, generator=drawn).expand(-1, 3, -1, -1)
    weights = torch.randn(200, 2, generator=drawn)
    offsets = torch.einsum("nk,kchw->nchw", weights, basis) + 0.05 * torch.randn(200, 3, 6, 20, generator=drawn)
    seen = (torch.rand(200, 1, 6, 20, generator=drawn) > 0.4).float()
    found, noise = components(offsets, seen, 2)
    projected = torch.linalg.lstsq(found.reshape(2, -1).T, basis.reshape(2, -1).T).solution
    left = basis.reshape(2, -1) - projected.T @ found.reshape(2, -1)
    assert float(left.norm() / basis.norm()) < 0.1
    assert float(noise) == pytest.approx(0.05, rel=0.2)


def test_a_mouth_that_shows_nothing_has_a_place_and_no_error() -> None:
    model = first_guess(2)
    strip = strip_of(0.0, 0.0, 0.1, 0)
    empty = Strip(strip.colour, torch.zeros_like(strip.seen), torch.zeros_like(strip.below_lip))
    placement, _ = model.align(empty)
    colour, seen, light = model.relative(empty, placement)
    assert torch.isfinite(placement).all() and torch.isfinite(colour).all() and torch.isfinite(light).all()
    assert not model.weights_of(colour, seen).any()


def test_the_shipped_model_has_its_shapes_and_another_file_is_refused(tmp_path: Path) -> None:
    from core.compute.weight_files import write_weights

    model = read_teeth()
    assert model.mean.shape == (3, *TEXTURE) and 8 <= len(model.basis) <= 24
    tensors = {field.name: getattr(model, field.name) for field in fields(model)}
    write_weights(tmp_path / "teeth.safetensors", tensors | {"mean": torch.zeros(3, 4, 4)})
    with pytest.raises(SoliloquyError, match="model of teeth"):
        read_teeth(tmp_path / "teeth.safetensors")


@pytest.mark.real_data
@pytest.mark.skipif(not (data_folder() / "portraits").is_dir(), reason="the portraits are not here")
def test_a_tiny_training_writes_a_model_that_is_read(tmp_path: Path, monkeypatch, capsys) -> None:
    file = tmp_path / "teeth.safetensors"
    monkeypatch.setattr(sys, "argv", ["teeth", "train", "--size", "tiny", "--weights", str(file)])
    command.main()
    assert "learned from" in capsys.readouterr().out
    model = read_teeth(file)
    assert model.mean.shape == (3, *TEXTURE) and len(model.basis) == command.TINY_PATTERNS
    assert 0.5 < float(model.mean.mean(0)[20:30, 60:108].mean()) < 1.1


@pytest.mark.real_data
@pytest.mark.skipif(not (data_folder() / "portraits").is_dir(), reason="the portraits are not here")
def test_held_out_people_are_predicted_better_than_by_the_mean_and_by_a_band() -> None:
    people = [person for person in command.gather(data_folder(), 60) if person.part == "test"]
    found = command.errors(read_teeth(), people)
    means = {name: sum(values) / len(values) for name, values in found.items()}
    assert means["predicted"] > means["the mean"] + 0.2 and means["the mean"] > means["one colour"] + 2.5
