"""The ablations of SadTalker's paper that concern ExpNet, and what each costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.sadtalker.exp_net import ExpNet

from ..common.results_page import Table, number
from .expression import TrainConfig
from .expression_evaluation import MOUTH_COLUMNS, HeldOut, cells, control, shown_mouth

_WHOLE = TrainConfig()
VARIANTS: dict[str, TrainConfig] = {
    "whole": _WHOLE,
    "without the reference": replace(_WHOLE, reference=False),
    "without lip reading": replace(_WHOLE, losses=replace(_WHOLE.losses, reading=0.0)),
    "without landmarks": replace(_WHOLE, losses=replace(_WHOLE.losses, landmarks=0.0, eyes=0.0)),
    "without voices": replace(_WHOLE, voices=0.0),
}
"""Settings of each variant. The last one is not the paper's, which has only filmed talkers."""


def ablation_table(held_out: HeldOut, networks: Mapping[str, tuple[ExpNet, TrainConfig]], command: str) -> Table:
    """Mouths on each set of clips, and control over eyes and rest, of each variant."""
    rows = []
    for variant, (network, config) in networks.items():
        found = control(network, config.reference)
        face = (number(found[name], digits) for name, digits in (("blink error", 3), ("blink leak", 2), ("rest", 2)))
        told = tuple(face)
        for name in held_out.sets:
            rows.append((variant, name, *cells(held_out.mouths(name, shown_mouth(network))), *told))
    columns = ("ExpNet", "clips", *MOUTH_COLUMNS, "blink error", "blink leak, mm", "rest, mm")
    note = (
        "Equal runs, without the gain of the export. *Blink error*: between the blink ratio that is asked "
        "for and the one that the lids show. *Blink leak*: how far the mouth moves in a blink. *Rest*: between the "
        "landmarks of what is shown in silence and of the face itself. The last three on random faces."
    )
    return Table("sadtalker/ablations", "ExpNet without parts of it", command, columns, tuple(rows), (note,))
