"""Train and measure the model of teeth: ``python -m training.teeth train|evaluate``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor

from core.compute.weight_files import write_weights
from core.renderer.teeth.appearance import WEIGHTS, TeethModel, read_teeth
from core.renderer.teeth.arch import texture_places

from ..common.folders import data_folder
from ..common.results_page import Table, add_results_option, show
from .learn import SEEN, learn
from .people import Person, gather

PATTERNS = 12
"""Numbers that describe a person's teeth."""
CROWNS_CM = (3.0, 0.1, 0.8)
"""Half length, lowest and highest height of the part of the picture that is surely teeth."""
TINY = 12
"""People of the size "tiny"."""
TINY_PATTERNS = 2


def errors(model: TeethModel, people: Sequence[Person]) -> dict[str, list[float]]:
    """PSNR in dB of each person's hidden half, by what is put there; each half of everyone is hidden once.

    The half is compared in the photograph's own colours.
    """
    along, height = texture_places()
    crowns = (along.abs() < CROWNS_CM[0]) & (height > CROWNS_CM[1]) & (height < CROWNS_CM[2])
    plain = model.mean[:, crowns].mean(1)[:, None, None].expand_as(model.mean)
    found: dict[str, list[float]] = {"one colour": [], "the mean": [], "predicted": []}
    for person in people:
        placement, _ = model.align(person.strip)
        for side in (-1, 1):
            shown = (along * side > 0).float()
            # Also the colour in full light comes from the half that is shown.
            colour, seen, light = model.relative(person.strip, placement, shown)
            below = person.strip.at(placement[None])[2][0]
            hidden = (seen > SEEN) & (shown == 0)
            if int(hidden.sum()) < 100:
                continue
            weights = model.weights_of(colour, seen * shown)
            for name, guess in zip(found, (plain, model.mean, model.picture(weights)), strict=True):
                found[name].append(_psnr(guess, colour, hidden, light[:, None, None] * model.lit(below)))
    return found


def _psnr(guess: Tensor, truth: Tensor, where: Tensor, light: Tensor) -> float:
    miss = ((guess - truth) * light)[where.expand_as(truth)]
    return float(-10 * miss.square().mean().clamp_min(1e-9).log10())


def table(model: TeethModel, people: Sequence[Person]) -> Table:
    """How well the half of teeth that is hidden is predicted."""
    found = errors(model, people)
    rows = tuple((name, f"{torch.tensor(values).mean():.2f}") for name, values in found.items())
    return Table(
        name="renderer/teeth",
        title="Hidden teeth",
        command="python -m training.teeth evaluate",
        columns=("what is put in the hidden half", "PSNR, dB"),
        rows=rows,
        notes=(
            f"{len(people)} held-out portraits that smile with teeth, each with its left and its right half hidden. "
            "“One colour” is the mean colour of the learned crowns. The light is read from the half that is shown.",
        ),
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.teeth", description=__doc__)
    parser.add_argument("command", choices=("train", "evaluate"))
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that train writes and evaluate reads")
    parser.add_argument("--size", choices=("tiny", "base"), default="base", help=f"tiny: {TINY} people only")
    add_results_option(parser)
    options = parser.parse_args()
    tiny = options.size == "tiny"
    people = gather(options.data, TINY if tiny else None)
    with torch.inference_mode():
        if options.command == "train":
            chosen = [person for person in people if person.part == "train"]
            if not chosen:
                parser.error(f"none of the portraits in {options.data / 'portraits'} smiles with teeth")
            patterns = TINY_PATTERNS if tiny else PATTERNS
            model = learn([person.strip for person in chosen], [person.white for person in chosen], patterns)
            print(f"learned from {len(chosen)} portraits; noise {float(model.noise):.3f}")
            tensors = {field.name: getattr(model, field.name) for field in fields(model)}
            write_weights(options.weights, tensors, half=True)
            return
        show(table(read_teeth(options.weights), [p for p in people if p.part == "test"]), options.results)


if __name__ == "__main__":
    main()
