"""Names of shapes: prefixes, suffixes, capitals and sides in any form, and what must not be taken for a name."""

import itertools
import random
import re
import time

import pytest
from soliloquy.addon.rig import dialects, names, presets
from soliloquy.addon.rig.arkit import SHAPE_NAMES
from soliloquy.addon.rig.mapping import terms

PREFIXES = (
    *("", "BS_node.", "Head_", "CC_Base_Body.", "blendShape1.", "A01_", "model", "MODEL_", "eye_", "Mouth.", "L_"),
    *("Left", "jaw-", "Face.M_F00_000_00_", "Köpfchen ", "顔_", "ctrl_R_", "x", "node12:", "mouthLeft_"),
)
SUFFIXES = ("", "_GEO", ".001", "_R", "Left", "-shape", "eye", "_v2", "Jaw", " (1)")
WORDS = re.compile(r"[A-Z]?[a-z]+")
SIDES = {
    "Left": {"Left": "Left", "Right": "Right"},
    "_L": {"Left": "_L", "Right": "_R"},
    ".L": {"Left": ".L", "Right": ".R"},
    "L": {"Left": "L", "Right": "R"},
}
CASES = {
    "camel": lambda words: words[0].lower() + "".join(word.title() for word in words[1:]),
    "Pascal": lambda words: "".join(word.title() for word in words),
    "snake": lambda words: "_".join(words).lower(),
    "kebab": lambda words: "-".join(words).lower(),
    "Train": lambda words: "_".join(words).title(),
    "SNAKE": lambda words: "_".join(words).upper(),
    "UPPER": lambda words: "".join(words).upper(),
    "lower": lambda words: "".join(words).lower(),
    "spaces": lambda words: " ".join(words).title(),
}


def spelled(name: str, case: str, ending: str) -> str:
    """One of our names with another case and another form of its side."""
    side = next((side for side in ("Left", "Right") if name.endswith(side)), "")
    words = WORDS.findall(name.removesuffix(side))
    if ending == "Left" and side:
        return CASES[case]([*words, side])
    return CASES[case](words) + (SIDES[ending][side] if side else "")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("ending", SIDES)
def test_any_common_prefix_and_suffix_in_any_case(case, ending):
    generator = random.Random(f"{case}{ending}")
    pairs = {*itertools.product(PREFIXES, ("", "_GEO")), *itertools.product(("", "Head_"), SUFFIXES)}
    for prefix, suffix in sorted(pairs):
        wanted = {prefix + spelled(name, case, ending) + suffix: name for name in SHAPE_NAMES}
        assert len(wanted) == 55
        others = ["Basis.001", "bodyFat", "Height", "breathe_in"]
        shapes = generator.sample([*wanted, *others], len(wanted) + len(others))
        assert dialects.sums(shapes) == wanted, (prefix, suffix)


def test_random_prefixes_and_suffixes():
    generator = random.Random(4)
    for _ in range(60):
        prefix, suffix = (
            "".join(generator.choices("abcxyzLRlr_.- :0189EJM", k=generator.randrange(7))) for _ in range(2)
        )
        case, ending = generator.choice(list(CASES)), generator.choice(list(SIDES))
        wanted = {prefix + spelled(name, case, ending) + suffix: name for name in SHAPE_NAMES}
        assert dialects.sums(wanted) == wanted, (prefix, suffix, case, ending)


@pytest.mark.parametrize("prefix", ["BS_node.", "Head_", "CC_Base_Body.", "blendShape1.", "ANY_"])
def test_a_mesh_with_a_prefix_gets_53_rules(scene, shape_mesh, prefix):
    for case in ("camel", "UPPER"):
        wanted = {prefix + spelled(name, case, "Left"): name for name in SHAPE_NAMES}
        thing = shape_mesh("face", list(wanted))
        assert presets.guess(thing) == "ARKIT"
        assert {rule.name: rule.source for rule in presets.arkit_rules(thing)} == wanted


def test_meshes_with_prefixes_of_their_own(scene, armature, shape_mesh):
    """Face and teeth of one rig, as Maya exports them: each has a node of its own."""
    rig = armature({"Head": ((0, 0, 1.5), (0, 0, 1.7), 0)})
    face = [f"blendShape1.{name}" for name in SHAPE_NAMES]
    shape_mesh("face", face, rig)
    shape_mesh("teeth", ["blendShape2.jawOpen", "blendShape2.jawLeft", "blendShape2.jawRight"], rig)
    found = {rule.name: rule.source for rule in presets.arkit_rules(rig) if rule.kind == "SHAPE"}
    assert found == {
        **{name: name.removeprefix("blendShape1.") for name in face},
        **{f"blendShape2.{name}": name for name in ("jawOpen", "jawLeft", "jawRight")},
    }


def test_every_spelling_means_one_thing():
    for dialect in dialects.schemes():
        forms: dict[str, set[str]] = {}
        for entry, total in dialect.sums.items():
            for form in names.spellings(entry):
                forms.setdefault(form, set()).add(total)
        assert {form: totals for form, totals in forms.items() if len(totals) > 1} == {}, dialect.label
        for total in dialect.sums.values():
            assert terms(total)


@pytest.mark.parametrize(
    "shapes",
    [["Fish", "fat_L", "Down_L"], ["mouthLine", "mouthRound", "jawline", "jawRadius"], ["LeftHand", "noseLength"],
     ["jawOpenLimit", "eyeBlinkLeftFix"], [], ["", " ", "_"], ["Basis"]],
)  # fmt: skip
def test_other_names_get_no_rule(shapes):
    assert dialects.sums(shapes) == {}


def test_correctives_dont_take_the_place_of_the_shape():
    shapes = ["jawOpen_fix", "jawOpen", "jawOpen.001", "eyeBlinkLeft", "eyeBlinkLeft_fix", "eyeBlinkRight"]
    assert dialects.sums(shapes) == {name: name for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")}


def test_a_long_list_is_read_in_time():
    shapes = [f"Genesis8Female__morph{i}Something_Long_{i % 7}" for i in range(3000)]
    begun = time.process_time()
    assert dialects.sums([*shapes, *SHAPE_NAMES[:-1]]) == {name: name for name in SHAPE_NAMES[:-1]}
    assert time.process_time() - begun < 5
