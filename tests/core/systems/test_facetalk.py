"""The motion source FaceTalk in jobs: what it heeds, what it can't honour, and missing weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import SoliloquyError
from core.motion.channels import LIP_COLUMNS
from core.motion.motion import Motion
from core.takes.models import Models
from core.wire.protocol import Generate, Notice, PriorStyle
from tests.core.job_runs import run


@pytest.fixture
def asked(request_: Generate) -> Generate:
    """Motion alone by FaceTalk."""
    return replace(request_, source="facetalk", motion_only=True, preview=None)


def channels(request: Generate) -> np.ndarray:
    return Motion.load(run(request).takes()[0].motion).channels()


def test_every_seed_has_another_mouth_too(asked) -> None:
    seeds = enumerate((1, 1, 2))
    first, again, other = (channels(replace(asked, seed=seed, out=f"{asked.out}-{n}")) for n, seed in seeds)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first[:, LIP_COLUMNS], other[:, LIP_COLUMNS], atol=1e-3)


def test_style_strength_and_steps_are_heeded_and_temperament_is_told(asked) -> None:
    usual = channels(asked)
    assert not np.allclose(usual, channels(replace(asked, guidance_scale=4.0)), atol=1e-3)
    assert not np.allclose(usual, channels(replace(asked, num_inference_steps=3)), atol=1e-3)
    events = run(replace(asked, guidance_scale=3.0, style=PriorStyle(liveliness=0.5)))
    told = [event.message for event in events if isinstance(event, Notice)]
    assert told.count("Settings that don't change the motion of FaceTalk: Temperament.") == 1


def test_missing_weights_are_one_sentence(tmp_path: Path, monkeypatch) -> None:
    from core.facetalk.model import FaceTalkMotion

    monkeypatch.setattr(FaceTalkMotion.load.__func__, "__defaults__", ("cpu", tmp_path / "facetalk.safetensors"))
    with pytest.raises(SoliloquyError, match=r"FaceTalk decoder, facetalk\.safetensors, are missing") as caught:
        Models("cpu").source("facetalk")
    assert caught.value.code == "weights_missing"
