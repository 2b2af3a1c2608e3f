"""The motion source SadTalker in jobs: pose styles, blinks, articulation and stillness, what it can't honour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInputError, SoliloquyError
from core.motion.channels import LIP_COLUMNS
from core.motion.motion import Motion, group_indices
from core.systems import choice
from core.takes import models as takes_models
from core.takes.job import Job
from core.takes.job_file import JobSettings
from core.takes.models import Models, digests_for
from core.wire.protocol import Generate, Notice, PriorStyle, Resample
from tests.core.job_runs import run

HEAD = group_indices("head")


@pytest.fixture
def asked(request_: Generate) -> Generate:
    """Motion alone by SadTalker."""
    return replace(request_, source="sadtalker", motion_only=True, preview=None)


def channels(request: Generate) -> np.ndarray:
    return Motion.load(run(request).takes()[0].motion).channels()


def test_a_pose_style_changes_the_head_alone_and_is_another_job(asked) -> None:
    first, other = channels(asked), channels(replace(asked, pose_style=2))
    rest = [i for i in range(first.shape[1]) if i not in HEAD + group_indices("gaze")]
    np.testing.assert_array_equal(first[:, rest], other[:, rest])
    assert not np.allclose(first[:, HEAD], other[:, HEAD], atol=1e-3)
    assert len(list(Path(asked.out).iterdir())) == 2


def test_a_pose_style_that_is_not_there_is_one_sentence(asked) -> None:
    with pytest.raises(BadInputError, match=r"no pose style 3: SadTalker has 3 pose styles here\. Choose 0 to 2\."):
        run(replace(asked, pose_style=3))


def test_a_resampled_part_has_the_jobs_source_and_pose_style(asked) -> None:
    [take] = run(replace(asked, pose_style=1)).takes()
    [again] = run(Resample(job=take.job, seed=take.seed, device="cpu")).takes()
    assert Path(again.motion).read_bytes() == Path(take.motion).read_bytes()


def test_head_and_mouth_have_scales_of_their_own(asked) -> None:
    usual = channels(asked)
    still = channels(replace(asked, style=PriorStyle(head_amplitude=0.0)))
    assert not still[:, HEAD].any() and usual[:, HEAD].any()
    np.testing.assert_array_equal(still[:, LIP_COLUMNS], usual[:, LIP_COLUMNS])
    mumbled = channels(replace(asked, articulation=0.5))
    np.testing.assert_array_equal(mumbled[:, HEAD], usual[:, HEAD])
    assert 0.0 < mumbled[:, LIP_COLUMNS].std(axis=0).sum() < usual[:, LIP_COLUMNS].std(axis=0).sum()


def test_what_changes_nothing_is_told_once(asked) -> None:
    events = run(replace(asked, takes=2, guidance_scale=3.0, style=PriorStyle(liveliness=0.5)))
    told = [event.message for event in events if isinstance(event, Notice)]
    assert told.count("Settings that don't change the motion of SadTalker: Guidance, Temperament.") == 1
    events = run(replace(asked, source="diffusion", pose_style=2))
    told = [event.message for event in events if isinstance(event, Notice)]
    assert "Diffusion has no pose styles: the pose style changes nothing." in told
    assert not any("SadTalker" in event.message for event in run(asked) if isinstance(event, Notice))


def test_missing_weights_are_one_sentence(tmp_path, monkeypatch) -> None:
    from core.sadtalker.model import SadTalkerMotion

    monkeypatch.setattr(SadTalkerMotion.load.__func__, "__defaults__", ("cpu", tmp_path / "sadtalker.safetensors"))
    with pytest.raises(SoliloquyError, match=r"SadTalker networks, sadtalker\.safetensors, are missing") as caught:
        Models("cpu").source("sadtalker")
    assert caught.value.code == "weights_missing"


def test_takes_depend_on_the_weights_of_their_own_systems_alone(request_, monkeypatch) -> None:
    heads = {"detailed_head-00001-of-00001.safetensors": "b", "neural_head.safetensors": "c"}
    own = {pattern.replace("*", "1"): name for name, pattern in choice.OWN_WEIGHTS.items()}
    files = {"lips.safetensors": "a", **heads, **own}
    monkeypatch.setattr(takes_models, "weight_digests", lambda: files)
    assert digests_for("diffusion", "gan") == {"lips.safetensors": "a"}
    assert digests_for("sadtalker", "gan") == {"lips.safetensors": "a", "sadtalker.safetensors": "sadtalker"}
    [take] = run(replace(request_, motion_only=True)).takes()
    assert Job.open(take.job).facts.weights == {"lips.safetensors": "a"}
    style = {"guidance_scale": 1.5, "pose_style": 2}
    wanted = (replace(request_, source=source, **style) for source in ("diffusion", "sadtalker"))
    assert [JobSettings.of(request).pose_style for request in wanted] == [0, 2]
