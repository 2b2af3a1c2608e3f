"""Every motion source with every renderer: takes, parts that are sampled again, and what the files remember."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.motion.motion import Motion, group_indices
from core.takes.job import Job
from core.wire.poses import PoseAt
from core.wire.protocol import Notice, Render, Resample
from core.wire.style import PriorStyle
from core.wire.systems import RENDERERS, SOURCES, names
from core.wire.take_file import TakeFacts
from tests.core.job_runs import run
from tests.core.systems.conftest import FRAMES


@pytest.mark.parametrize("renderer", names(RENDERERS))
@pytest.mark.parametrize("source", names(SOURCES))
def test_a_pair_makes_takes_that_remember_it(request_, source, renderer) -> None:
    [take] = run(replace(request_, source=source, renderer=renderer)).takes()
    facts = TakeFacts.read(Path(take.folder))
    assert (facts.source, facts.renderer, take.frame_count) == (source, renderer, 2)
    assert len(list(Path(take.frames).glob("*.png"))) == 2
    settings = Job.open(take.job).facts.settings
    assert (settings.source, settings.renderer) == (source, renderer)
    [other] = run(Render(job=take.job, take=1, renderer="warp", size=128, extract=False, device="cpu")).takes()
    assert TakeFacts.read(Path(other.folder)).source == source


@pytest.mark.parametrize("source", names(SOURCES))
def test_a_persona_performs_or_the_job_says_that_it_changes_nothing(request_, source) -> None:
    """Also in a loop and with poses."""
    request = replace(request_, source=source, motion_only=True, preview=None)
    style = PriorStyle(loop=True, poses=(PoseAt(seconds=0.5, yaw=8.0),))
    motions, told = [], []
    for number in (3, 4):
        events = run(replace(request, style=replace(style, persona=number)))
        [take] = events.takes()
        motions.append(Path(take.motion).read_bytes())
        told.append([event.message for event in events if isinstance(event, Notice) and "Persona" in event.message])
        facts = TakeFacts.read(Path(take.folder))
        assert facts.temperament == take.temperament and facts.persona == (None if told[-1] else number)
    knows = source in ("diffusion", "diffusion-learned")
    assert (motions[0] != motions[1]) == knows == (told == [[], []])


@pytest.mark.parametrize("source", names(SOURCES))
def test_a_source_samples_parts_again(request_, source) -> None:
    request = replace(request_, source=source, motion_only=True, preview=None, takes=2)
    first, second = run(request).takes()
    one, two = (Motion.load(take.motion).channels() for take in (first, second))
    assert len(one) == FRAMES and not np.array_equal(one, two), "another seed"
    again = run(replace(request, out=request.out + "2")).takes()[0]
    assert Path(again.motion).read_bytes() == Path(first.motion).read_bytes(), "the same seed"
    part = Resample(job=first.job, take=1, renew=("head", "lips"), first_frame=10, last_frame=19, device="cpu")
    [take] = run(part).takes()
    assert TakeFacts.read(Path(take.folder)).source == source
    channels, renewed = Motion.load(take.motion).channels(), group_indices("head") + group_indices("lips")
    assert np.array_equal(np.delete(channels, renewed, 1), np.delete(one, renewed, 1))
    assert np.array_equal(np.delete(channels, range(10, 20), 0), np.delete(one, range(10, 20), 0))
    assert not np.array_equal(channels[10:20, group_indices("head")], one[10:20, group_indices("head")])
