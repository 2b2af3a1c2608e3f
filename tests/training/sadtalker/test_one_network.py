"""The ablation with one network for expression and head motion."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from core.sadtalker.exp_net import ExpNet, ExpNetConfig
from tests.training.sadtalker.made import JAW, clips
from training.common.engine import RunConfig
from training.sadtalker import one_network
from training.sadtalker.clips import ClipSampler
from training.sadtalker.expression import TrainConfig
from training.sadtalker.one_network import BothSampler, Turned, head_of, one_network_table, train_both


def _turned() -> list[Turned]:
    """Filmed clips whose heads nod as the mouth opens."""
    return [
        Turned(clip, np.outer(clip.expression[:, JAW], [0.1, 0, 0, 0, 0, 0]).astype(np.float32), Path("none"))
        for clip in clips()
        if clip.filmed
    ]


def test_windows_of_heads_begin_at_rest() -> None:
    sampler = BothSampler(ClipSampler(clips(), 24, 0.5), _turned())
    batch = sampler.draw(5, np.random.default_rng(0))
    assert batch.phones.shape == (5, 96, 40) and batch.residuals.shape == (5, 24, 6)
    assert not batch.residuals[:, 0].any() and batch.residuals.abs().max() > 0.01
    assert len(batch.faces.target) == 5


@pytest.mark.slow
def test_a_head_that_follows_the_mouth_is_learned(tmp_path: Path) -> None:
    heads = _turned()
    network = train_both(TrainConfig(size="tiny", batch=8), RunConfig(120, ema=0.9), clips(), heads, None, tmp_path)
    made = head_of(network, heads[0].clip)[:, 0]
    assert np.corrcoef(made, heads[0].poses[:, 0])[0, 1] > 0.5
    assert np.array_equal(made, head_of(network, heads[0].clip)[:, 0])


def test_the_table_compares_heads_with_the_film(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shown:
        sets: ClassVar = {"some": ()}

        def mouths(self, name: str, mouth: object) -> dict[str, float]:
            return {"opening": 0.5}

    monkeypatch.setattr(one_network, "shown_mouth", lambda network: network)
    heads = _turned()[:1]
    half = {heads[0].clip.name: [[0.5 * heads[0].poses]]}
    takes = {heads[0].clip.name: [[heads[0].poses, -heads[0].poses]]}
    torch.manual_seed(0)
    network = ExpNet(ExpNetConfig.tiny())
    networks = {"half": (network, half), "both": (network, takes)}
    table = one_network_table(Shown(), heads, networks, "command")  # type: ignore[arg-type]
    assert table.rows[0] == ("half", "0.500", "0.50", "0.50", "0.00")
    assert table.rows[1][:4] == ("both", "0.500", "1.00", "1.00") and float(table.rows[1][4]) > 1
