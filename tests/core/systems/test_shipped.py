"""Every motion source with the weights that ship: a take of real speech that moves as a face can."""

from __future__ import annotations

import numpy as np
import pytest

from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.places import ASSETS
from core.takes.studio import Studio
from core.wire.progress import JobContext
from core.wire.protocol import Event, Generate, TakeReady
from core.wire.systems import SOURCES, names

JAW = EXPRESSIONS.index("jawOpen")


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio()


def takes(studio: Studio, folder, source: str) -> list[Motion]:
    """Two motions of the self-test's sentence."""
    request = Generate(
        audio=str(ASSETS / "self_test.flac"),
        portrait=str(ASSETS / "self_test.jpg"),
        out=str(folder),
        source=source,
        takes=2,
        motion_only=True,
        device="cpu",
    )
    events: list[Event] = []
    studio.handle(request, JobContext("test", events.append))
    return [Motion.load(event.motion) for event in events if isinstance(event, TakeReady)]


@pytest.mark.parametrize("source", names(SOURCES))
def test_shipped_networks_make_a_moving_face(studio, tmp_path, source):
    first, second = takes(studio, tmp_path / "a", source)
    channels = first.channels()
    assert np.isfinite(channels).all()
    assert first.expression.min() >= 0 and first.expression.max() <= 1
    assert np.ptp(first.expression[:, JAW]) > 0.05, "the mouth opens"
    assert 0.05 < np.rad2deg(first.rotation.std(axis=0).max()) < 15, "the head moves, and doesn't turn away"
    assert np.rad2deg(np.abs(np.diff(first.rotation, axis=0)).max()) < 4, "it doesn't jump"
    jaws = first.expression[:, JAW], second.expression[:, JAW]
    if source == "facetalk":  # it samples the mouth with all the rest, but says the same
        assert np.corrcoef(*jaws)[0, 1] > 0.7
    else:  # blinks are the seed's, and ExpNet lets the mouth follow them by a hair
        np.testing.assert_allclose(*jaws, atol=2e-3)
    assert not np.array_equal(first.rotation, second.rotation), "another seed, another head"
    again, _ = takes(studio, tmp_path / "b", source)
    np.testing.assert_array_equal(again.channels(), channels)
