"""Rigs that people have: what each maker's names of bones and shapes mean. The names are those of their exports."""

import pytest
from soliloquy.addon.rig import dialects, presets, visemes
from soliloquy.addon.rig.arkit import SHAPE_NAMES
from soliloquy.addon.rig.mapping import terms

RIGS = {
    "Auto-Rig Pro": (
        "c_neck.x c_head.x c_jawbone.x c_eye.l c_eye.r",
        "c_pos c_traj c_root.x neck.x head.x jawbone.x c_subneck_1.x c_eye_target.x c_eye_target.l c_eye_offset.l"
        " c_eyelid_top.l c_skull_01.x c_chin_01.x head_ref.x c_lips_smile.l c_teeth_bot.x",
    ),
    "Auto-Rig Pro, exported": ("neck.x head.x c_jawbone.x c_eye.l c_eye.r", "root.x spine_01.x shoulder.l"),
    "Character Creator": (
        "CC_Base_NeckTwist01 CC_Base_Head CC_Base_JawRoot CC_Base_L_Eye CC_Base_R_Eye",
        "CC_Base_BoneRoot CC_Base_NeckTwist02 CC_Base_FacialBone CC_Base_UpperJaw CC_Base_Teeth01 CC_Base_Tongue01",
    ),
    "DAZ Genesis 8": (
        "neckLower head lowerJaw lEye rEye",
        "hip pelvis neckUpper upperFaceRig lowerFaceRig lEar upperTeeth",
    ),
    "DAZ Genesis 9": ("neck1 head lowerjaw l_eye r_eye", "hip neck2 lowerteeth tongue01 l_ear l_pectoral"),
    "Mixamo": (
        "mixamorig:Neck mixamorig:Head  mixamorig:LeftEye mixamorig:RightEye",
        "mixamorig:HeadTop_End mixamorig:Hips",
    ),
    "Mixamo, second character": ("mixamorig7:Neck mixamorig7:Head   ", "mixamorig7:HeadTop_End mixamorig7:Hips"),
    "Rigify without a face": ("neck head   ", "torso chest ORG-spine.006 DEF-spine.006 MCH-ROT-head root hips"),
    "Ready Player Me": ("Neck Head  LeftEye RightEye", "Hips HeadTop_End LeftShoulder"),
    "VRM 1 and 0": ("J_Bip_C_Neck J_Bip_C_Head  J_Adj_L_FaceEye J_Adj_R_FaceEye", "J_Bip_C_Hips J_Sec_Hair1_01"),
    "MetaHuman": (
        "neck_01 head FACIAL_C_Jaw FACIAL_L_Eye FACIAL_R_Eye",
        "root pelvis neck_02 FACIAL_C_FacialRoot FACIAL_L_EyelidUpperA",
    ),
    "MMD": ("首 頭 あご 左目 右目", "センター 両目 上半身 頭先"),
    "MMD, imported": ("首 頭  目.L 目.R", "センター 両目 上半身"),
    "MPFB": ("neck01 head jaw eye.L eye.R", "root spine05 neck02 neck03 orbicularis03.L special04 tongue00"),
    "AdvancedSkeleton": ("Neck_M Head_M Jaw_M Eye_L Eye_R", "Root_M Spine1_M HeadEnd_M JawEnd_M EyeEnd_L"),
    "Maya joints": ("C_neck_JNT C_head_JNT C_jaw_JNT L_eye_JNT R_eye_JNT", "C_spine_JNT L_clavicle_JNT C_headEnd_JNT"),
    "3ds Max Biped": ("Bip001 Neck|Bip001 Head|||", "Bip001|Bip001 Pelvis|Bip001 HeadNub"),
    "Source": ("ValveBiped.Bip01_Neck1 ValveBiped.Bip01_Head1   ", "ValveBiped.Bip01_Pelvis"),
    "Faceit, Unreal names": ("neck_01 head jaw eye_l eye_r", "root pelvis spine_01 clavicle_l lip_lower_l"),
    "with a prefix of its own": (
        "hero_neck hero_head hero_jaw hero_eye_L hero_eye_R",
        "hero_root hero_spine hero_head_end hero_hand_L hero_hand_R",
    ),
}


@pytest.mark.parametrize("maker", RIGS)
def test_bones_of_head_neck_jaw_and_eyes(scene, armature, maker):
    wanted, others = (text.split("|" if "|" in text else " ") for text in RIGS[maker])
    rig = armature({name: ((i, 0, 0), (i, 0, 1), 0) for i, name in enumerate([*others, *filter(None, wanted)])})
    rules = [rule for rule in presets.bone_rules(rig) if rule.kind == "ROTATION"]
    neck, head, jaw, left, right = wanted
    turning = {rule.name for rule in rules if rule.source.startswith("half")}
    assert turning == {neck, head} - {""}
    assert {rule.name for rule in rules if "jaw" in rule.source} == {jaw} - {""}
    for bone, side in ((left, "Left"), (right, "Right")):
        assert {rule.name for rule in rules if f"{side}" in rule.source and "eye" in rule.source} == {bone} - {""}


def both(*pairs: tuple[str, str]) -> dict[str, str]:
    """Names and channels of the left side, with those of the right side: ``*`` is L or R, ``+`` is Left or Right."""
    found = {}
    for name, channel in pairs:
        for letter, word in (("L", "Left"), ("R", "Right")):
            found[name.replace("*", letter).replace("+", word)] = channel.replace("+", word)
    return found


def _numbered() -> dict[str, str]:
    """ExPlus: ``A01_Brow_Inner_Up`` to ``A52_Tongue_Out``."""
    order = """
        browInnerUp browDownLeft browDownRight browOuterUpLeft browOuterUpRight eyeLookUpLeft eyeLookUpRight
        eyeLookDownLeft eyeLookDownRight eyeLookOutLeft eyeLookInLeft eyeLookInRight eyeLookOutRight eyeBlinkLeft
        eyeBlinkRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight cheekPuff cheekSquintLeft cheekSquintRight
        noseSneerLeft noseSneerRight jawOpen jawForward jawLeft jawRight mouthFunnel mouthPucker mouthLeft mouthRight
        mouthRollUpper mouthRollLower mouthShrugUpper mouthShrugLower mouthClose mouthSmileLeft mouthSmileRight
        mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight mouthUpperUpLeft mouthUpperUpRight
        mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthStretchLeft mouthStretchRight
        tongueOut
    """.split()  # noqa: SIM905
    cut = [("".join(f"_{c}" if c.isupper() else c for c in name).title(), name) for name in order]
    return {f"A{i:02d}_{shape}": name for i, (shape, name) in enumerate(cut, 1)}


WHOLES = {"browInnerUp", "cheekPuff"}
CC4 = both(
    *(("Brow_Raise_Inner_*", "browInnerUp+"), ("Brow_Raise_Outer_*", "browOuterUp+"), ("Brow_Drop_*", "browDown+")),
    *(("Eye_Blink_*", "eyeBlink+"), ("Eye_Squint_*", "eyeSquint+"), ("Eye_Wide_*", "eyeWide+")),
    *(("Eye_*_Look_Up", "eyeLookUp+"), ("Eye_*_Look_Down", "eyeLookDown+"), ("Nose_Sneer_*", "noseSneer+")),
    *(("Cheek_Raise_*", "cheekSquint+"), ("Cheek_Puff_*", "cheekPuff+"), ("Jaw_*", "jaw+"), ("Mouth_*", "mouth+")),
    *(("Jaw_Open", "jawOpen"), ("Jaw_Forward", "jawForward"), ("Mouth_Close", "mouthClose")),
    *(("Mouth_Smile_*", "mouthSmile+"), ("Mouth_Frown_*", "mouthFrown+"), ("Mouth_Stretch_*", "mouthStretch+")),
    *(("Mouth_Dimple_*", "mouthDimple+"), ("Mouth_Press_*", "mouthPress+"), ("Mouth_Pucker_Up_*", "mouthPucker")),
    *(("Mouth_Pucker_Down_*", "mouthPucker"), ("Mouth_Funnel_Up_*", "mouthFunnel")),
    *(("Mouth_Funnel_Down_*", "mouthFunnel"), ("Mouth_Roll_In_Upper_*", "mouthRollUpper")),
    *(("Mouth_Roll_In_Lower_*", "mouthRollLower"), ("Mouth_Shrug_Upper", "mouthShrugUpper")),
    *(("Mouth_Shrug_Lower", "mouthShrugLower"), ("Mouth_Up_Upper_*", "mouthUpperUp+")),
    *(("Mouth_Down_Lower_*", "mouthLowerDown+"),),
) | {"Eye_L_Look_L": "eyeLookOutLeft", "Eye_L_Look_R": "eyeLookInLeft", "Eye_R_Look_L": "eyeLookInRight",
     "Eye_R_Look_R": "eyeLookOutRight"}  # fmt: skip
METAHUMAN = both(
    *(("browDown*", "browDown+"), ("browRaiseIn*", "browInnerUp+"), ("browRaiseOuter*", "browOuterUp+")),
    *(("eyeBlink*", "eyeBlink+"), ("eyeLookUp*", "eyeLookUp+"), ("eyeLookDown*", "eyeLookDown+")),
    *(("eyeSquintInner*", "eyeSquint+"), ("eyeWiden*", "eyeWide+"), ("eyeCheekRaise*", "cheekSquint+")),
    *(("mouthCheekBlow*", "cheekPuff+"), ("noseWrinkle*", "noseSneer+"), ("jawOpen", "jawOpen"), ("jaw+", "jaw+")),
    *(("jawFwd", "jawForward"), ("mouth+", "mouth+"), ("mouthCornerPull*", "mouthSmile+")),
    *(("mouthCornerDepress*", "mouthFrown+"), ("mouthDimple*", "mouthDimple+"), ("mouthStretch*", "mouthStretch+")),
    *(("mouthFunnelU*", "mouthFunnel"), ("mouthFunnelD*", "mouthFunnel"), ("mouthLipsPurseU*", "mouthPucker")),
    *(("mouthLipsPurseD*", "mouthPucker"), ("mouthLipsTogetherU*", "mouthClose")),
    *(("mouthLipsTogetherD*", "mouthClose"),),
    *(("mouthUpperLipRaise*", "mouthUpperUp+"), ("mouthLowerLipDepress*", "mouthLowerDown+")),
    *(("mouthLipsPress*", "mouthPress+"), ("mouthUpperLipRollIn*", "mouthRollUpper")),
    *(("mouthLowerLipRollIn*", "mouthRollLower"), ("jawChinRaiseU*", "mouthShrugUpper")),
    *(("jawChinRaiseD*", "mouthShrugLower"),),
) | {"eyeLookLeftL": "eyeLookOutLeft", "eyeLookRightL": "eyeLookInLeft", "eyeLookLeftR": "eyeLookInRight",
     "eyeLookRightR": "eyeLookOutRight"}  # fmt: skip
GENESIS8 = both(
    *(("MouthOpen", "jawOpen"), ("EyesClosed*", "eyeBlink+"), ("EyesSquint*", "eyeSquint+")),
    *(("EyelidsUpperDownUp*", "eyeWide+"), ("BrowInnerUp-Down*", "browInnerUp+"), ("CheekEyeFlex*", "cheekSquint+")),
    *(("BrowOuterUp-Down*", "browOuterUp+"), ("MouthSmileSimple*", "mouthSmile+"), ("LipsPucker", "mouthPucker")),
    *(("LipTopUp-Down*", "mouthUpperUp+"), ("MouthNarrow", "mouthFunnel"), ("JawOut-In", "jawForward")),
    *(("JawSide-Side", "jawLeft"), ("MouthSide-Side", "mouthLeft"), ("NoseWrinkle", "noseSneerLeft")),
    *(("CheeksBalloon", "cheekPuffLeft"), ("MouthCornerBack*", "mouthStretch+")),
)
ARKIT = {name: name for name in SHAPE_NAMES if "browInner" not in name and "cheekPuff" not in name}
ARKIT |= {"browInnerUp": "browInnerUpLeft", "cheekPuff": "cheekPuffLeft"}
GENESIS9 = {}
for _name, _channel in ARKIT.items():
    _kind = "jnt_{}" if _name.startswith(("jaw", "eyeBlink", "eyeLookUp")) else "bs_{}_div2"
    _kind = "ctrl_{}" if _name in WHOLES else _kind
    GENESIS9["Genesis8_1Female__facs_" + _kind.format(_name[0].upper() + _name[1:])] = _channel
UNIFIED = both(
    *(
        ("EyeClosed+", "eyeBlink+"),
        ("EyeWide+", "eyeWide+"),
        ("EyeSquint+", "eyeSquint+"),
        ("BrowInnerUp+", "browInnerUp+"),
    ),
    *(("EyeLookOut+", "eyeLookOut+"), ("EyeLookIn+", "eyeLookIn+"), ("BrowLowerer+", "browDown+")),
    *(("JawOpen", "jawOpen"), ("Jaw+", "jaw+"), ("LipFunnel", "mouthFunnel"), ("LipPucker", "mouthPucker")),
    *(("LipSuckUpper", "mouthRollUpper"), ("LipSuckLower", "mouthRollLower"), ("MouthClosed", "mouthClose")),
    *(("MouthRaiserLower", "mouthShrugLower"), ("MouthSmile+", "mouthSmile+"), ("MouthFrown+", "mouthFrown+")),
    *(("MouthUpperUp+", "mouthUpperUp+"), ("MouthLowerDown+", "mouthLowerDown+"), ("CheekPuff+", "cheekPuff+")),
)
SRANIPAL = both(
    *(("Jaw_Open", "jawOpen"), ("Jaw_+", "jaw+"), ("Mouth_Smile_+", "mouthSmile+"), ("Mouth_Sad_+", "mouthFrown+")),
    *(("Mouth_Pout", "mouthPucker"), ("Mouth_O_Shape", "mouthFunnel"), ("Mouth_Upper_Inside", "mouthRollUpper")),
    *(("Mouth_Lower_Inside", "mouthRollLower"), ("Mouth_Upper_Up+", "mouthUpperUp+"), ("Cheek_Puff_+", "cheekPuff+")),
    *(("Mouth_Lower_Down+", "mouthLowerDown+"), ("Eye_+_Blink", "eyeBlink+"), ("Eye_+_Wide", "eyeWide+")),
)
FACS = both(
    *(("innerBrowRaiser*", "browInnerUp+"), ("outerBrowRaiser*", "browOuterUp+"), ("browLowerer*", "browDown+")),
    *(("eyesClosed*", "eyeBlink+"), ("lidTightener*", "eyeSquint+"), ("upperLidRaiser*", "eyeWide+")),
    *(("eyesLookUp*", "eyeLookUp+"), ("eyesLookDown*", "eyeLookDown+"), ("cheekRaiser*", "cheekSquint+")),
    *(("cheekPuff*", "cheekPuff+"), ("noseWrinkler*", "noseSneer+"), ("jawDrop", "jawOpen")),
    *(("jawThrust", "jawForward"), ("jawSideways+", "jaw+"), ("lipCornerPuller*", "mouthSmile+")),
    *(("lipCornerDepressor*", "mouthFrown+"), ("lipStretcher*", "mouthStretch+"), ("dimpler*", "mouthDimple+")),
    *(("upperLipRaiser*", "mouthUpperUp+"), ("lowerLipDepressor*", "mouthLowerDown+"), ("lipsToward", "mouthClose")),
    *(("lipPressor*", "mouthPress+"), ("chinRaiserB", "mouthShrugLower"), ("lipFunneler*T", "mouthFunnel")),
    *(("lipPucker*", "mouthPucker"), ("lipSuck*B", "mouthRollLower")),
) | {"eyesLookLeftL": "eyeLookOutLeft", "eyesLookLeftR": "eyeLookInRight"}  # fmt: skip
MAKERS = {
    "Ready Player Me, Faceit, MPFB": ARKIT,
    "ICT-FaceKit": {name.replace("Left", "_L").replace("Right", "_R"): channel for name, channel in ARKIT.items()},
    "MetaHuman, ARKit names": {name[0].upper() + name[1:]: channel for name, channel in ARKIT.items()},
    "Character Creator 3 ExPlus": {
        shape: f"{channel}Left" if channel in WHOLES else channel for shape, channel in _numbered().items()
    },
    "Character Creator 4": CC4,
    "MetaHuman": {f"CTRL_expressions_{name}": channel for name, channel in METAHUMAN.items()},
    "MetaHuman, lower case": {f"ctrl_expressions_{name.lower()}": channel for name, channel in METAHUMAN.items()},
    "DAZ Genesis 8": {f"eCTRL{name}": channel for name, channel in GENESIS8.items()},
    "DAZ Genesis 8, exported": {f"Genesis8Female__eCTRL{name}": channel for name, channel in GENESIS8.items()},
    "DAZ Genesis 8.1": GENESIS9,
    "Unified Expressions": UNIFIED,
    "SRanipal": SRANIPAL,
    "Meta": FACS,
    "Meta, Unreal names": {f"XR_{name}": channel for name, channel in FACS.items()},
    "Microsoft Rocketbox": {
        f"AK_{i:02d}_{name[0].upper()}{name[1:]}": c for i, (name, c) in enumerate(ARKIT.items(), 1)
    },
}
"""{maker: {shape: the first channel that moves it}}."""
BESIDE = ["Basis", "V_Open", "Tongue_Roll", "Ear_Up_L", "bodyFat", "eCTRLvAA", "Genesis8Female__Height", "TongueTwistL"]


@pytest.mark.parametrize("maker", MAKERS)
def test_expression_shapes(scene, shape_mesh, maker):
    wanted = MAKERS[maker]
    found = {shape: next(iter(terms(total))) for shape, total in dialects.sums([*wanted, *BESIDE]).items()}
    assert found == wanted
    thing = shape_mesh("face", [*wanted, *BESIDE])
    rules = {rule.name: rule for rule in presets.rules_for(presets.guess(thing), thing)}
    assert {name: next(iter(terms(rules[name].source))) for name in wanted} == wanted
    assert presets.guess(thing) == "ARKIT" or len(wanted) < 26


@pytest.mark.parametrize("maker", [maker for maker, shapes in MAKERS.items() if "tongueOut" not in shapes.values()])
@pytest.mark.parametrize(("out", "up"), [("Tongue_Out", "Tongue_Up"), ("tongueOut", "tongueUp")])
def test_a_tongue_beside_the_shapes_of_a_maker_is_found(shape_mesh, scene, maker, out, up):
    wanted = MAKERS[maker] | {out: "tongueOut", up: "tongueUp"}
    thing = shape_mesh("face", [*wanted, *BESIDE])
    rules = {rule.name: rule for rule in presets.rules_for(presets.guess(thing), thing)}
    assert {name: next(iter(terms(rules[name].source))) for name in wanted} == wanted


def test_both_sides_of_a_look_are_the_names_own():
    for left, right in (("Eye_L_Look_", "Eye_R_Look_"), ("Left_Eyeball_Look_", "Right_Eyeball_Look_")):
        found = dialects.sums([eye + towards for eye in (left, right) for towards in ("L", "R", "Up", "Down")])
        assert found[f"{left}L"] == "eyeLookOutLeft" and found[f"{left}R"] == "eyeLookInLeft"
        assert found[f"{right}L"] == "eyeLookInRight" and found[f"{right}R"] == "eyeLookOutRight"
        assert found[f"{left}Up"] == "eyeLookUpLeft" and found[f"{right}Down"] == "eyeLookDownRight"


def test_properties_of_a_rig_in_a_makers_names(scene, armature):
    rig = armature({"head": ((0, 0, 1), (0, 0, 2), 0), "lowerJaw": ((0, 0, 1), (0, -1, 1), 0)})
    for name in MAKERS["DAZ Genesis 8"]:
        rig[name] = 0.0
    found = {rule.name: rule.source for rule in presets.matched_rules(rig) if rule.kind == "PROPERTY"}
    assert found["eCTRLEyesClosedL"] == "eyeBlinkLeft" and found["eCTRLLipsPucker"] == "mouthPucker"
    assert "eCTRLMouthOpen" not in found, "the jaw's bone opens the mouth already"


OPEN = "1.1 jawOpen - 0.6 mouthFunnel - 0.6 mouthPucker"
SPEECH = {
    "OO EE AH M": {"AH": "jawOpen", "OO": "mouthPucker", "EE": "mouthStretchLeft", "M": "mouthClose"},
    "Preston Blair": {
        **{"AI": "jawOpen", "E": "mouthStretchLeft", "O": "mouthFunnel", "U": "mouthPucker", "MBP": "mouthClose"},
        **{"FV": "mouthRollLower", "etc": "mouthStretchLeft"},
    },
    "Rhubarb": {
        **{"A": "mouthClose", "B": "mouthStretchLeft", "C": "jawOpen", "D": "jawOpen", "E": "mouthFunnel"},
        **{"F": "mouthPucker", "G": "mouthRollLower", "H": "jawOpen"},
    },
    "Rhubarb, with a prefix": {
        **{"mouth_A": "mouthClose", "mouth_B": "mouthStretchLeft", "mouth_C": "jawOpen", "mouth_D": "jawOpen"},
        **{"mouth_E": "mouthFunnel", "mouth_F": "mouthPucker", "mouth_G": "mouthRollLower"},
    },
    "iClone": {
        **{"V_Open": "jawOpen", "V_Explosive": "mouthClose", "V_Dental_Lip": "mouthRollLower"},
        **{"V_Tight_O": "mouthPucker", "V_Wide": "mouthStretchLeft", "V_Affricate": "mouthFunnel"},
        **{"V_Lip_Open": "mouthUpperUpLeft"},
    },
    "Character Creator, direct": {
        **{"Ah": "jawOpen", "Oh": "mouthFunnel", "EE": "mouthStretchLeft", "W_OO": "mouthPucker"},
        **{"F_V": "mouthRollLower", "B_M_P": "mouthClose", "S_Z": "mouthStretchLeft", "Ch_J": "mouthFunnel"},
    },
    "DAZ": {
        **{f"eCTRLv{name}": channel for name, channel in (("AA", "jawOpen"), ("EE", "mouthStretchLeft"), ("OW",
           "mouthFunnel"), ("UW", "mouthPucker"), ("M", "mouthClose"), ("F", "mouthRollLower"), ("SH", "mouthFunnel"))},
    },
    "DAZ, exported": {
        f"Genesis8Male__eCTRLv{name}": channel
        for name, channel in (("AA", "jawOpen"), ("OW", "mouthFunnel"), ("UW", "mouthPucker"), ("M", "mouthClose"))
    },
    "Oculus": {
        **{"viseme_aa": "jawOpen", "viseme_O": "mouthFunnel", "viseme_U": "mouthPucker", "viseme_PP": "mouthClose"},
        **{"viseme_FF": "mouthRollLower", "viseme_E": "mouthStretchLeft", "viseme_CH": "mouthFunnel"},
    },
    "VRChat": {"vrc.v_aa": "jawOpen", "vrc.v_oh": "mouthFunnel", "vrc.v_ou": "mouthPucker", "vrc.v_pp": "mouthClose"},
    "VRM 1": {"aa": "jawOpen", "ih": "mouthStretchLeft", "ou": "mouthPucker", "oh": "mouthFunnel"},
    "VRM 0": {f"Face.M_F00_000_00_Fcl_MTH_{name}": c for name, c in (("A", "jawOpen"), ("U", "mouthPucker"))},
    "MMD": {
        **{"あ": "jawOpen", "お": "mouthFunnel", "う": "mouthPucker", "ん": "mouthClose", "口角上げ": "mouthSmileLeft"},
        **{"まばたき": "eyeBlinkLeft", "口角下げ": "mouthFrownLeft"},
    },
    "phonemes with a prefix": {"Phoneme_AH": "jawOpen", "Phoneme_OO": "mouthPucker", "Phoneme_M": "mouthClose"},
}  # fmt: skip


@pytest.mark.parametrize("scheme", SPEECH)
def test_mouth_shapes_of_speech(scheme):
    wanted = SPEECH[scheme]
    found = {shape: next(iter(terms(total))) for total, shape in visemes.sums([*wanted, "Basis", "tongueOut", "rest"])}
    assert found == wanted


def test_vowels_beside_an_open_mouth_are_used(scene, shape_mesh):
    thing = shape_mesh("toon", ["OO", "EE", "AH", "M", "Mouth Open", "Blink.L", "Blink.R"])
    found = {rule.name: rule.source for rule in presets.rules_for(presets.guess(thing), thing)}
    assert set(found) == {"OO", "EE", "AH", "M", "Blink.L", "Blink.R"} and found["AH"] == OPEN


def test_a_jaw_bone_stays_where_the_shape_does_not_open_the_mouth(scene, armature, shape_mesh):
    """Character Creator's Jaw_Open only corrects the skin: the bone opens the mouth."""
    for moved, wanted in ((False, True), (True, False)):
        rig = armature({"CC_Base_JawRoot": ((0, 0, 0), (0, -1, 0), 0)})
        face = shape_mesh("face", ["Jaw_Open", "Mouth_Pucker"], rig)
        group = face.vertex_groups.new(name="CC_Base_JawRoot")
        group.add(range(len(face.data.vertices)), 1.0, "REPLACE")
        for point in face.data.shape_keys.key_blocks["Jaw_Open"].data if moved else ():
            point.co.z -= 1.0
        bones = {rule.name for rule in presets.arkit_rules(rig) if rule.kind == "ROTATION"}
        assert ("CC_Base_JawRoot" in bones) == wanted
