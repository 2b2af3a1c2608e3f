"""Who performs a take: its own persona, the same one for several takes, and that of the take it is made from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInputError
from core.motion.channels import NONLIP_COLUMNS
from core.motion.motion import Motion, group_indices
from core.prior.told.mouth import MOUTH
from core.prior.told.personas import persona_levels
from core.schema import build
from core.wire.protocol import Generate, PriorStyle, Render, Resample, UpdateLips
from core.wire.style import TEMPERAMENTS
from core.wire.take_file import TAKE_FILE, TakeFacts
from tests.core.job_runs import run


def facts_of(take) -> TakeFacts:
    return TakeFacts.read(Path(take.folder))


def test_each_take_has_its_own_persona_and_tells_it(models, request_) -> None:
    takes = run(replace(request_, takes=3)).takes()
    assert [facts_of(take).persona for take in takes] == [take.seed for take in takes]
    np.testing.assert_array_equal(models.prior.asked.levels, persona_levels(0.0, takes[-1].seed))
    assert all(take.temperament == facts_of(take).temperament in TEMPERAMENTS for take in takes)


def test_one_persona_may_perform_all_takes(models, request_) -> None:
    style = PriorStyle(persona=7, liveliness=0.5)
    takes = run(replace(request_, takes=2, style=style)).takes()
    assert {facts_of(take).persona for take in takes} == {7}
    np.testing.assert_array_equal(models.prior.asked.levels, persona_levels(0.5, 7))


@pytest.mark.parametrize("number", [-1, 2**31, 1.5, "bold"])
def test_a_number_that_no_blend_file_holds_is_refused(number, request_) -> None:
    """*Persona from Take* stores the number in Blender."""
    values = vars(request_) | {"style": {"persona": number}}
    with pytest.raises(BadInputError, match="persona"):
        build(Generate, values)
    assert build(Generate, values | {"style": {"persona": 2**31 - 1}}).style.persona == 2**31 - 1


def test_the_persona_goes_on_where_a_take_is_kept_in_part_or_drawn_again(models, request_) -> None:
    first = run(request_).takes()[0]
    part = run(Resample(job=first.job, take=1, renew=("head",), seed=9, device="cpu")).takes()[0]
    assert (part.seed, facts_of(part).persona) == (9, first.seed)
    np.testing.assert_array_equal(models.prior.asked.levels, persona_levels(0.0, first.seed))
    other = run(Resample(job=first.job, take=1, seed=9, style=PriorStyle(persona=3), device="cpu")).takes()[0]
    assert facts_of(other).persona == 3
    drawn = run(Render(job=first.job, take=other.index, device="cpu")).takes()[0]
    assert (facts_of(drawn).persona, drawn.temperament) == (3, other.temperament)
    whole = run(Resample(job=first.job, seed=11, device="cpu")).takes()[0]
    assert facts_of(whole).persona == 11


def test_a_take_older_than_personas_goes_on_with_that_of_the_new_seed(models, request_) -> None:
    first = run(request_).takes()[0]
    path = Path(first.folder) / TAKE_FILE
    told = json.loads(path.read_text())
    path.write_text(json.dumps({name: told[name] for name in told if name not in ("persona", "temperament")}))
    part = run(Resample(job=first.job, take=1, renew=("head",), seed=9, device="cpu")).takes()[0]
    assert facts_of(part).persona == 9
    old, new = (Motion.load(take.motion).channels() for take in (first, part))
    kept = np.delete(np.arange(old.shape[1]), group_indices("head"))
    np.testing.assert_array_equal(old[:, kept], new[:, kept])
    mouth = run(UpdateLips(job=first.job, take=1, articulation=1.4, device="cpu")).takes()[0]
    assert (facts_of(mouth).persona, facts_of(mouth).temperament, mouth.temperament) == (None, None, None)
    np.testing.assert_array_equal(Motion.load(mouth.motion).channels()[:, NONLIP_COLUMNS], old[:, NONLIP_COLUMNS])
    assert (old[:, group_indices("head")] != new[:, group_indices("head")]).any()


def test_the_prior_reads_the_mouth_of_the_sound_whatever_the_words_and_the_articulation(models, request_) -> None:
    run(request_)
    heard = models.prior.mouth
    assert heard.shape[1] == len(MOUTH)
    for changed in ({"articulation": 0.5}, {"transcript": "Hello there."}):
        models.prior.mouth = None
        run(replace(request_, **changed))
        np.testing.assert_array_equal(models.prior.mouth, heard)
