"""Lines of a mapping (sums of channels) and mapping files: what they mean, and what is refused."""

import time

import pytest
from soliloquy.addon.rig import mapping
from soliloquy.addon.rig.arkit import SHAPE_NAMES
from soliloquy.addon.rig.mapping import Rule
from soliloquy.core.errors import BadInputError


def test_sums_of_channels():
    assert mapping.terms("jawOpen") == {"jawOpen": 1.0}
    assert mapping.terms("0.5 headPitch") == {"headPitch": 0.5}
    assert mapping.terms("- 2*jawOpen + .25 mouthClose - mouthClose") == {"jawOpen": -2.0, "mouthClose": -0.75}


@pytest.mark.parametrize("text", ["", "jawOpen mouthClose", "jawOpen +", "3", "jawOpne", "jawOpen; import os"])
def test_other_texts_are_refused_with_a_hint(text):
    with pytest.raises(BadInputError) as raised:
        mapping.terms(text)
    assert raised.value.hint
    if text == "jawOpne":
        assert "jawOpen" in raised.value.hint


@pytest.mark.parametrize("text", [" " * 400 + "!", " " * 1999 + "!", "1" * 1999, "1 " * 999, "*" * 1999, "- " * 999])
def test_a_refused_sum_is_refused_at_once(text):
    begun = time.process_time()
    with pytest.raises(BadInputError) as raised:
        mapping.terms(text)
    assert time.process_time() - begun < 0.1
    assert len(str(raised.value)) < 250


def test_a_sum_has_a_greatest_length():
    whole = " + ".join(f"0.123456 {name}" for name in SHAPE_NAMES)
    assert len(mapping.terms(whole)) == 55, "all channels in one line"
    with pytest.raises(BadInputError, match="at most 2000 characters, this one has 100000"):
        mapping.terms("jawOpen" + " " * 99_993)


@pytest.mark.parametrize("number", ["9" * 400, "1000001", "9" * 1500 + ".5"])
def test_factors_stay_finite(number):
    with pytest.raises(BadInputError, match="at most 1,000,000"):
        mapping.terms(f"{number} jawOpen")
    assert mapping.terms("1000000 jawOpen") == {"jawOpen": 1e6}


def test_json_there_and_back(tmp_path):
    rules = [
        Rule("jawOpen - 0.6 mouthClose", "SHAPE", "Mund auf ü"),
        Rule("headPitch", "ROTATION", "head", "LEFT", 0.5),
    ]
    rules.append(Rule("jawOpen", "PROPERTY", "open", multiplier=2.0, offset=-1.0, bone="face"))
    path = tmp_path / "my rig.json"
    path.write_text(mapping.to_json("my rig", rules), encoding="utf-8")
    assert mapping.load(path) == ("my rig", rules)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"soliloquy_mapping": 2, "name": "x", "rules": []}', '{"soliloquy_mapping": 1, "rules": []}',
     '{"soliloquy_mapping": 1, "name": "x", "rules": [{"source": "jawOpen", "kind": "WING", "name": "a"}]}',
     '{"soliloquy_mapping": 1, "name": "x", "rules": [{"source": "nothing", "kind": "SHAPE", "name": "a"}]}',
     '{"soliloquy_mapping": 1, "name": "x", "rules": [{"source": "jawOpen", "kind": "SHAPE", "name": "a", "b": 1}]}',
     '{"soliloquy_mapping": 1, "name": "x", "rules": [{"source": "jawOpen", "kind": "SHAPE", "name": "\\ud800"}]}',
     "[" * 100_000,
     *('{"soliloquy_mapping": 1, "name": "x", "rules": [{"source": "jawOpen", "kind": "SHAPE", "name": "a", '
       + pair + "}]}"
       for pair in ('"multiplier": ' + "9" * 500, '"offset": 1e39', '"multiplier": NaN', '"offset": true',
                    '"multiplier": "2"'))],
)  # fmt: skip
def test_files_that_are_no_mapping_are_refused(text):
    with pytest.raises(BadInputError):
        mapping.from_json(text)


@pytest.mark.parametrize("number", ["9" * 500, "-" + "9" * 500, "9" * 5000, "1e400", "-Infinity", "1000001"])
@pytest.mark.parametrize("field", ["multiplier", "offset"])
def test_an_endless_number_is_one_short_sentence(field, number):
    rule = f'{{"source": "jawOpen", "kind": "SHAPE", "name": "a", "{field}": {number}}}'
    with pytest.raises(BadInputError, match="can't be read") as raised:
        mapping.from_json(f'{{"soliloquy_mapping": 1, "name": "x", "rules": [{rule}]}}')
    assert len(str(raised.value)) < 250 and raised.value.hint


def test_numbers_in_the_panel_have_the_same_bounds_as_those_in_a_file(scene):
    target = scene.soliloquy.targets.add()
    target.set_rules([Rule("jawOpen", "SHAPE", "a")])
    line = target.rules[0]
    for field in ("multiplier", "offset"):
        for typed, kept in ((float("9" * 300), mapping.LARGEST), (-float("inf"), -mapping.LARGEST), (0.5, 0.5)):
            setattr(line, field, typed)
            assert getattr(line, field) == kept
    assert mapping.from_json(mapping.to_json("x", [line.rule()]))[1] == [line.rule()]
