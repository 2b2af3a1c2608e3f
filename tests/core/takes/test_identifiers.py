"""A job's identifier: the same for the same settings, also those of earlier versions, and another for all others."""

from __future__ import annotations

import pytest

from core.takes.job import job_identifier
from core.takes.job_file import JobSettings
from core.wire.emotions import EmotionAt
from core.wire.poses import PoseAt
from core.wire.protocol import Generate
from core.wire.style import PriorStyle

WEIGHTS = {"lips.safetensors": "1607d8", "prior.safetensors": "a5a645"}


def identifier(**changed) -> str:
    """The identifier of a job with these settings."""
    request = Generate(audio="a.wav", portrait="p.png", out="/o", **changed)
    return job_identifier("0.1.0", JobSettings.of(request), "4cc654", "241888", WEIGHTS)


def test_identifiers_are_those_of_the_previous_version() -> None:
    """Computed with version 0.1.0 before `JobSettings` existed: jobs on disk must be found again.

    Their bodies rest, and their frames have the scale of the face square.
    """
    before = {"body": 0.0, "picture": "fit"}
    assert identifier(**before) == "222c1a1ea726"
    style = PriorStyle(liveliness=0.5, end_pose=(1.0, 2.0, 3.0), loop=True)
    assert identifier(style=style, seed=3, size=256, **before) == "796052853e59"
    assert identifier(preview=2.0, **before) == "bbbb6415215b"


def test_everything_that_takes_depend_on_is_in_the_identifier() -> None:
    changes = [
        *({"start": 0.5}, {"duration": 2.0}, {"seed": 1}, {"guidance_scale": 2.0}, {"num_inference_steps": 9}),
        *({"style": PriorStyle(loop=True)}, {"size": 256}, {"framing": "crop"}, {"renderer": "warp"}),
        *({"motion_only": True}, {"preview": 1.0}, {"body": 0.0}, {"body": 0.5}),
        *(
            {"articulation": 1.2},
            {"transcript": "Hello."},
            {"transcript": "Hello"},
            {"picture": "fit"},
            {"picture": 640},
        ),
    ]
    found = {identifier(**change) for change in [{}, *changes]}
    assert len(found) == len(changes) + 1
    assert identifier(takes=5, device="cpu", extract=False, transcript=" \n") == identifier()
    assert identifier(source="diffusion", pose_style=3) == identifier(), "it has no pose styles"


@pytest.mark.parametrize(
    ("name", "entry"), [("poses", PoseAt(seconds=1.0, yaw=5.0)), ("emotions", EmotionAt(seconds=0.0, emotion="sad"))]
)
def test_settings_at_times_are_part_of_it_and_none_are_not(name, entry) -> None:
    one = PriorStyle(**{name: (entry,)})
    assert len({identifier(), identifier(style=one), identifier(style=PriorStyle(loop=True))}) == 3
    assert name not in JobSettings.of(Generate(audio="a", portrait="p", out="o")).identity()["style"]
