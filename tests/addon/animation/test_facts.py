"""Facts in an Action that came damaged from a .blend: nothing crashes, and what can't be read is said."""

import json

import bpy
import pytest
from soliloquy.addon.animation import edited_curves, facts, nla
from soliloquy.addon.scene import take_list, takes
from soliloquy.core.errors import BadInputError

GOOD = {
    "name": "Take 1", "folder": "/x", "job": "/x", "index": 1, "seed": 2, "fps": 25.0, "star": True, "note": "n",
    "rules": [{"source": "jawOpen", "kind": "SHAPE", "name": "jawOpen"}], "origin": 1.0, "rate": 25.0,
    "tolerance": 0.0, "placed": 0.0, "range": [1.0, 2.0], "curves": [["a", 0]], "before": [0.5], "neutral": [0.0],
    "roles": ["mouth"], "articulation": 0.7, "transcript": "words", "of a later version": {"any": "thing"},
}  # fmt: skip


@pytest.fixture
def on_mesh(scene, shape_mesh):
    """Function that puts an Action with the given text of facts on a mesh's track."""

    def make(text: str) -> bpy.types.Action:
        keys = shape_mesh("face", ["jawOpen"]).data.shape_keys
        action = bpy.data.actions.new("a")
        action[nla.KEY], action[facts.FACTS] = "k", text
        keys.animation_data_create().nla_tracks.new().strips.new("s", 1, action)
        return action

    return make


def test_whole_facts_stay_as_they_are(on_mesh):
    action = on_mesh(json.dumps(GOOD))
    assert facts.facts_of(action) == GOOD
    facts.set_facts(action, GOOD)
    assert facts.facts_of(action) == GOOD


def test_half_of_a_surrogate_pair_does_not_end_blender(scene, on_mesh):
    action = on_mesh(json.dumps(GOOD | {"name": "\ud800", "note": "\udfff", "of a later version": "\ud800"}))
    assert take_list.from_rigs(scene) == 1
    nla.annotate("k", star=True, note="ü")
    assert action[facts.FACTS].isascii() and facts.facts_of(action)["note"] == "ü"


HOSTILE = [None, True, -1, 2**40, 10**400, 1e308, "", "\ud800", "\0", [], [[]], {}, {"a": 1}, [None], ["x"], [["x"]]]


@pytest.mark.parametrize("name", [name for name in GOOD if name != "of a later version"])
def test_a_damaged_value_is_left_out_or_can_be_used(scene, on_mesh, name):
    action = on_mesh("")
    for value in HOSTILE:
        action[facts.FACTS] = json.dumps(GOOD | {name: value})
        kept = facts.facts_of(action)
        assert name not in kept or isinstance(kept[name], (type(GOOD[name]), int))
        assert take_list.from_rigs(scene) == 1
        take = scene.soliloquy.takes[0]
        nla.annotate("k", note="again")
        nla.values_before(bpy.data.shape_keys[0], [("a", 0)])
        nla.move("k", 1.0)
        takes.styles.apply(take, 25.0)
        scene.soliloquy.takes.clear()


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "null", "[" * 100_000, '{"rules": []}', json.dumps(GOOD | {"rate": 0})]
)
def test_reading_the_curves_says_that_the_notes_are_damaged(scene, on_mesh, text):
    on_mesh(text)
    with pytest.raises(BadInputError, match="can't be read"):
        edited_curves.facts_on(bpy.data.objects["face"], "k", "Take 1")
