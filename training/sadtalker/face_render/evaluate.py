"""The face render against the true frames of people who were never trained on, beside the product's others.

The pairs and the measures are those of the comparison of renderers (``training.generator.image_metrics``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from core.renderer.generator.generator import resized

from ...common.results_page import Table
from ...corpus.pairs.pair import PairBatch
from ...generator.image_metrics import available, evaluate, tables
from ...generator.measurement import Method
from .data import FaceMaker
from .sheet import Draw

NAME = "sadtalker/face-render"


def method(draw: Draw, maker: FaceMaker) -> Method:
    """What a trainer draws, as a method of the comparison."""

    def made(batch: PairBatch) -> Tensor:
        pictures = draw(maker.faces(batch))[0].cpu().clamp(0, 1)
        return resized(pictures, batch.truth.shape[-1])

    return made


def face_render_tables(
    methods: Mapping[str, Method], folder: Path, limit: int, vgg: Path | None, sets: str, command: str
) -> list[Table]:
    """The tables of the methods, and of those of the product that have weights.

    They are over at most ``limit`` pairs of each set of ``SETS[sets]`` that has pairs in ``folder``.
    """
    every = {**available([], None), **methods}
    name = NAME if sets == "test" else f"{NAME}-{sets}"
    return tables(evaluate(folder, every, limit, vgg, sets=sets), command, name)
