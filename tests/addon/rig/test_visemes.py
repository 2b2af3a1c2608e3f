"""Shapes of avatars, recognised by the names that exporters give them."""

import pytest
from soliloquy.addon.rig import fuzzy, mapping, visemes

VROID = ["MTH_A", "MTH_I", "MTH_U", "MTH_E", "MTH_O", "EYE_Close", "EYE_Close_L", "EYE_Close_R", "BRW_Surprised"]
OPEN = "1.1 jawOpen - 0.6 mouthFunnel - 0.6 mouthPucker"


@pytest.mark.parametrize(
    "shape",
    ["Face.M_F00_000_00_Fcl_MTH_A", "Face_Blendshape.Fcl_MTH_A", "Fcl_MTH_A", "MTH_A", "A", "aa", "lip_a",
     "viseme_aa", "vrc.v_aa", "blendShape1.A", "mouth_a", "あ"],
)  # fmt: skip
def test_an_open_mouth_has_many_names(shape):
    assert visemes.sums([shape]) == [(OPEN, shape)]


@pytest.mark.parametrize("before", ["", "Fcl_", "Face.M_F00_000_00_Fcl_"])
def test_every_shape_of_a_vroid_face_gets_a_rule(before):
    found = {shape: total for total, shape in visemes.sums([before + name for name in VROID])}
    assert set(found) == {before + name for name in VROID} - {f"{before}EYE_Close"}, "one rule for each lid, not two"
    assert found[f"{before}EYE_Close_L"] == "eyeBlinkLeft" and found[f"{before}EYE_Close_R"] == "eyeBlinkRight"
    for total in found.values():
        assert mapping.terms(total)


def test_one_shape_for_both_lids_and_one_for_all_speech():
    found = {shape: total for total, shape in visemes.sums(["mouthOpen", "mouthSmile", "eyesClosed"])}
    assert found == {"mouthOpen": "jawOpen - mouthClose", "eyesClosed": "0.5 eyeBlinkLeft + 0.5 eyeBlinkRight"}
    assert "mouthOpen" not in {shape: total for total, shape in visemes.sums(["mouthOpen", "viseme_aa"])}


def test_every_sum_can_be_read():
    for total, _, *_ in (*visemes.SHAPES, *visemes.INSTEAD):
        assert mapping.terms(total)


def test_unknown_names_get_no_rule():
    assert visemes.sums(["Basis", "Fcl_ALL_Angry", "Fcl_HA_Fung1", "hair", "viseme_kk", "tongueOut"]) == []


@pytest.mark.parametrize(
    ("bone", "means"),
    [("J_Adj_L_FaceEye", ("left", "eye")), ("J_Bip_C_Head", ("head",)), ("LeftEye", ("left", "eye")),
     ("!ex-jawOpen", ("jaw", "open"))],
)  # fmt: skip
def test_prefixes_of_exporters_are_no_words(bone, means):
    assert fuzzy.words(bone) == means
