"""core.motion.channels: the columns of lip and other channels."""

from __future__ import annotations

import numpy as np

from core.motion.channels import (
    CHANNELS,
    EXPRESSIONS,
    GROUPS,
    LIP_CHANNELS,
    LIP_COLUMNS,
    LIP_GROUPS,
    NONLIP_CHANNELS,
    NONLIP_COLUMNS,
)


def test_columns_pick_their_channels_and_together_all() -> None:
    names = np.array(CHANNELS)
    assert tuple(names[LIP_COLUMNS]) == LIP_CHANNELS and tuple(names[NONLIP_COLUMNS]) == NONLIP_CHANNELS
    assert sorted(LIP_COLUMNS + NONLIP_COLUMNS) == list(range(len(CHANNELS)))


def test_lip_columns_are_those_of_the_expressions_too() -> None:
    assert tuple(np.array(EXPRESSIONS)[LIP_COLUMNS]) == LIP_CHANNELS


def test_lips_are_the_channels_of_the_lip_groups() -> None:
    assert set(LIP_CHANNELS) == {name for group in LIP_GROUPS for name in GROUPS[group]}


def test_every_channel_is_in_exactly_one_group() -> None:
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(CHANNELS)
