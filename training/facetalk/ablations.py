"""The ablations of FaceTalk's paper, and what each costs: equal short runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.facetalk.model import FaceTalkMotion

from ..common.results_page import Table, number
from ..sadtalker.expression_evaluation import HeldOut
from .diffusion import TrainConfig
from .evaluation import SPREAD_COLUMNS, SPREAD_NOTE, mouths, product, spread, spread_cells, takes_of

_WHOLE = TrainConfig()
UNSMOOTHED = "without smoothing"
"""The ablation that needs no training of its own: ``whole``, whose takes aren't smoothed."""
VARIANTS: dict[str, TrainConfig] = {
    "whole": _WHOLE,
    "without augmentation": replace(_WHOLE, scaled=(1.0, 1.0)),
    "without FiLM": replace(_WHOLE, film=False),
    "without the alignment mask": replace(_WHOLE, reach=-1),
    "without diffusion": replace(_WHOLE, diffusion=False),
}
"""Settings of each variant that is trained."""


def ablation_table(
    held_out: HeldOut, trained: Mapping[int, Mapping[str, FaceTalkMotion]], command: str, steps: int
) -> Table:
    """Mouths of each set of clips, and spread over all clips, of each variant, by the seed of its training."""
    found = [_cells(held_out, motions) for motions in trained.values()]
    rows = [
        (variant, *(" / ".join(values) for values in zip(*(of_seed[variant] for of_seed in found), strict=True)))
        for variant in found[0]
    ]
    columns = ("FaceTalk", *(f"opening, {name}" for name in held_out.sets), *SPREAD_COLUMNS)
    note = (
        f"Equal runs of {steps} steps, a value for each seed of the training. Opening: correlation with the film, "
        "median over clips."
    )
    return Table(
        "facetalk/ablations",
        "FaceTalk without parts of it",
        command,
        columns,
        tuple(rows),
        (note, SPREAD_NOTE),
    )


def _cells(held_out: HeldOut, trained: Mapping[str, FaceTalkMotion]) -> dict[str, tuple[str, ...]]:
    """The cells of each variant of one seed."""
    made = {name: product(motion) for name, motion in trained.items()}
    made["without diffusion"] = product(trained["without diffusion"], steps=1)  # it knows only the first step
    made[UNSMOOTHED] = product(trained["whole"], smooth=False)
    cells = {}
    for variant, take in made.items():
        takes = {name: takes_of(held_out, name, take) for name in held_out.sets}
        found = spread([of_clip for of_set in takes.values() for of_clip in of_set.values()])
        openings = (number(mouths(held_out, name, takes[name])["opening"]) for name in held_out.sets)
        cells[variant] = (*openings, *spread_cells(found))
    return cells
