"""From a wrong phone to corrected lips, through the operators, with a scripted worker."""

import json

import bpy
import numpy as np
import pytest
from soliloquy.addon import compat
from soliloquy.addon.jobs import jobs
from soliloquy.addon.scene import phones
from soliloquy.addon.sequencer import phone_lane, speech, strips
from soliloquy.core.motion.channels import EXPRESSIONS
from soliloquy.core.phones.documents import EDITED, PhoneDocument, read_phones
from soliloquy.core.phones.phone_set import Segment


@pytest.fixture
def made(spoken):
    """A scene with one take."""
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    return spoken


def take(scene):
    return scene.soliloquy.takes[scene.soliloquy.active_take]


def lane(scene, of=None):
    return sorted(phone_lane.strips_in(scene, (of or take(scene)).key), key=compat.left_handle)


def heard(of):
    return read_phones(of.path() / "phones.json")


def test_show_rename_update(made):
    """The whole way: three actions, and the lane belongs to the new take."""
    old = heard(take(made))
    assert bpy.ops.soliloquy.show_phones() == {"FINISHED"}
    lane(made)[3].name = "uw"
    made.soliloquy.articulation = 1.2
    assert bpy.ops.soliloquy.update_lips() == {"FINISHED"}
    first, second = made.soliloquy.takes
    assert made.soliloquy.active_take == 1 and second.note == "Take 1 with other lips" and second.shown
    new = heard(second)
    assert new.source == EDITED and old == heard(first)
    assert [one.phone for one in new.segments][3] == "UW"
    assert [(s.start, s.end) for s in new.segments] == [(s.start, s.end) for s in old.segments]
    assert strips.find_strip(made, second.image_strip) is not None
    assert not lane(made, first) and len(lane(made, second)) == len(old.segments)
    assert lane(made)[3].color_tag == phone_lane.kind_of("UW").tag
    before, after = (np.load(one.path() / "motion.npz") for one in (first, second))
    assert (before["rotation"] == after["rotation"]).all()
    jaw = after["expression"][:, EXPRESSIONS.index("jawOpen")]
    assert jaw == pytest.approx(0.36), "the articulation that is set went along"
    assert phones.read(made, second) == PhoneDocument.of(EDITED, 2.0, new.segments)


def test_the_phone_at_the_current_frame_is_chosen(made):
    """The artist has stopped at the frame that looks wrong. In a silence what was chosen stays chosen."""
    active = made.sequence_editor.active_strip
    made.frame_set(1)
    bpy.ops.soliloquy.show_phones()
    assert made.sequence_editor.active_strip == active
    wrong = lane(made)[3]
    made.frame_set(compat.right_handle(wrong) - 1)
    others = compat.all_strips(made)
    bpy.ops.soliloquy.show_phones()
    assert made.sequence_editor.active_strip == lane(made)[3]
    assert [strip for strip in compat.all_strips(made) if strip.select] == [lane(made)[3]] and len(others) > 1
    assert bpy.ops.soliloquy.set_phone(phone="UW") == {"FINISHED"}
    assert bpy.ops.soliloquy.update_lips() == {"FINISHED"}
    assert [one.phone for one in heard(take(made)).segments][3] == "UW"


def test_a_phone_and_the_pictures_stand_for_their_takes_sound(made):
    """Show Phones makes a phone active: Generate still speaks its sound, also where there are several."""
    sound = needs_sound(made)
    compat.new_sound_strip(made, "music", str(sound.sound.filepath), 7, 300)
    made.frame_set(compat.left_handle(sound) + 4)
    bpy.ops.soliloquy.show_phones()
    made.sequence_editor.active_strip = lane(made)[3]
    assert speech.sound_strip(made) == sound
    made.sequence_editor.active_strip = strips.find_strip(made, take(made).image_strip)
    assert speech.sound_strip(made) == sound
    for strip in compat.all_strips(made):
        strip.select = False
    made.sequence_editor.active_strip = compat.new_colour_strip(made, "black", 9, 1, 20)
    assert speech.sound_strip(made) is None, "another strip says nothing about which sound is meant"
    assert made.sequence_editor.active_strip.name == "black"


def test_an_untouched_lane_asks_for_exactly_the_takes_phones(made):
    bpy.ops.soliloquy.show_phones()
    assert phones.read(made, take(made)).segments == heard(take(made)).segments


@pytest.mark.parametrize("rate", [(24, 1.001), (30, 1.0), (60, 1.0), (12, 1.0)])
def test_at_every_frame_rate(made, rate):
    made.render.fps, made.render.fps_base = rate
    bpy.ops.soliloquy.show_phones()
    assert phones.read(made, take(made)).segments == heard(take(made)).segments
    made.render.fps, made.render.fps_base = 25, 1.0
    assert phones.read(made, take(made)).segments == heard(take(made)).segments, "and after the rate was changed"


def needs_sound(scene):
    if not compat.HAS_SOUND:
        pytest.skip("this bpy wheel is built without Blender's sound library")
    return scene.sequence_editor.active_strip


def test_of_a_trimmed_strip_with_an_offset(spoken):
    sound = needs_sound(spoken)
    sound.sound_offset = 0.013
    compat.set_handles(sound, 21, 51)
    bpy.ops.soliloquy.generate()
    bpy.ops.soliloquy.show_phones()
    first = heard(take(spoken)).segments[0]
    begins = compat.left_handle(lane(spoken)[0])
    assert abs(begins - (21 + 25 * first.start)) <= 1.0
    assert phones.read(spoken, take(spoken)).segments == heard(take(spoken)).segments


def test_the_lane_follows_its_sound_with_place_in_sequencer(made):
    sound = needs_sound(made)
    bpy.ops.soliloquy.show_phones()
    before = [compat.left_handle(strip) for strip in lane(made)]
    compat.move_content(sound, 50)
    assert phones.read(made, take(made)).segments == heard(take(made)).segments
    bpy.ops.soliloquy.place_take()
    assert [compat.left_handle(strip) for strip in lane(made)] == [frame + 50 for frame in before]
    assert phones.read(made, take(made)).segments == heard(take(made)).segments
    compat.move_content(sound, 10)
    for strip in reversed(lane(made)):
        compat.move_content(strip, 10)
    assert phones.read(made, take(made)).segments == heard(take(made)).segments, "moved together"


def test_an_unknown_name_is_one_sentence_with_all_phones(made):
    bpy.ops.soliloquy.show_phones()
    lane(made)[1].name = "Schwa"
    with pytest.raises(
        RuntimeError, match=r"“Schwa” at frame \d+ is no phone\. The phones are AA, AE, .*, ZH\."
    ) as told:
        bpy.ops.soliloquy.update_lips()
    assert "SIL" not in str(told.value) and len(made.soliloquy.takes) == 1 and jobs.current() is None
    for name, phone in (("ah1", "AH"), (" Ow.004", "OW"), ("ER ", "ER")):
        lane(made)[1].name = name
        assert phones.read(made, take(made)).segments[1].phone == phone
    lane(made)[1].name = "sil"
    assert len(phones.read(made, take(made)).segments) == len(heard(take(made)).segments) - 1


def test_deleted_phones_are_silence(made):
    bpy.ops.soliloquy.show_phones()
    gone = heard(take(made)).segments[2]
    compat.strips_of(made.sequence_editor).remove(lane(made)[2])
    found = phones.read(made, take(made)).segments
    assert gone not in found and len(found) == len(heard(take(made)).segments) - 1


def test_a_lane_goes_with_its_take_and_by_its_button(made):
    bpy.ops.soliloquy.show_phones()
    assert bpy.ops.soliloquy.remove_phones() == {"FINISHED"}
    assert not lane(made) and not bpy.ops.soliloquy.remove_phones.poll() and not bpy.ops.soliloquy.update_lips.poll()
    bpy.ops.soliloquy.show_phones()
    bpy.ops.soliloquy.remove_take()
    assert not [strip for strip in compat.all_strips(made) if phone_lane.take_of(strip)]
    assert not bpy.ops.soliloquy.show_phones.poll()


def test_each_take_has_a_lane_of_its_own(made):
    bpy.ops.soliloquy.show_phones()
    bpy.ops.soliloquy.resample()
    bpy.ops.soliloquy.show_phones()
    first, second = made.soliloquy.takes
    assert {strip.channel for strip in lane(made, first)} != {strip.channel for strip in lane(made, second)}
    bpy.ops.soliloquy.remove_take()
    assert lane(made, made.soliloquy.takes[0])


def test_a_take_of_an_earlier_version_has_no_phones(made):
    (take(made).path() / "phones.json").unlink()
    with pytest.raises(RuntimeError, match="Take 1 has no phones"):
        bpy.ops.soliloquy.show_phones()


def test_of_a_long_take_a_part_is_shown_and_the_rest_stays(made, monkeypatch):
    monkeypatch.setattr(phone_lane, "MOST", 6)
    whole = heard(take(made))
    bpy.ops.soliloquy.show_phones()
    assert len(lane(made)) == 6
    assert phones.read(made, take(made)).segments == whole.segments
    made.use_preview_range, made.frame_preview_start, made.frame_preview_end = True, 35, 47
    made.frame_current = 36
    bpy.ops.soliloquy.show_phones()
    assert 0 < len(lane(made)) <= 6
    assert all(30 <= compat.left_handle(strip) < 48 for strip in lane(made))
    name = phone_lane.name_of(lane(made)[0])
    lane(made)[0].name = "ZH"
    found = phones.read(made, take(made))
    assert len(found.segments) == len(whole.segments) and name != "ZH"
    changed = [number for number, one in enumerate(found.segments) if one != whole.segments[number]]
    assert len(changed) == 1
    old, new = whole.segments[changed[0]], found.segments[changed[0]]
    assert new == Segment("ZH", old.start, old.end)
    made.frame_preview_start, made.frame_preview_end = 900, 950
    with pytest.raises(RuntimeError, match="no phones to show"):
        bpy.ops.soliloquy.show_phones()


def test_set_phone_from_the_menu(made):
    bpy.ops.soliloquy.show_phones()
    made.sequence_editor.active_strip = lane(made)[0]
    lane(made)[2].select = True
    assert bpy.ops.soliloquy.set_phone(phone="ZH") == {"FINISHED"}
    assert [phone_lane.name_of(strip) for strip in lane(made)][:3] == ["ZH", phone_lane.name_of(lane(made)[1]), "ZH"]
    assert bpy.ops.soliloquy.set_phone(phone="nothing") == {"CANCELLED"}
    made.sequence_editor.active_strip = None
    assert not bpy.ops.soliloquy.set_phone.poll()


@pytest.mark.parametrize("ending", [".json", ".tsv", ".txt"])
def test_exported_phones_are_imported_unchanged(made, tmp_path, ending):
    bpy.ops.soliloquy.show_phones()
    lane(made)[0].name = "V"
    wanted = phones.read(made, take(made)).segments
    path = tmp_path / f"phones{ending}"
    assert bpy.ops.soliloquy.export_phones(filepath=str(path)) == {"FINISHED"}
    bpy.ops.soliloquy.remove_phones()
    assert bpy.ops.soliloquy.import_phones(filepath=str(path)) == {"FINISHED"}
    assert phones.read(made, take(made)).segments == wanted


def test_without_a_lane_the_takes_own_phones_are_exported(made, tmp_path):
    assert bpy.ops.soliloquy.export_phones(filepath=str(tmp_path / "of the take")) == {"FINISHED"}
    assert read_phones(tmp_path / "of the take.tsv").segments == heard(take(made)).segments
    with pytest.raises(RuntimeError, match="can't be written to"):
        bpy.ops.soliloquy.export_phones(filepath=str(tmp_path / "no folder" / "phones.json"))


def test_a_rhubarb_list_becomes_phones_with_its_shapes(made, tmp_path):
    path = tmp_path / "rhubarb.tsv"
    path.write_text("0.00\tX\n0.05\tD\n0.27\tC\n0.31\tB\n0.43\tX\n0.47\tX\n", encoding="utf-8")
    assert bpy.ops.soliloquy.import_phones(filepath=str(path)) == {"FINISHED"}
    assert [phone_lane.name_of(strip) for strip in lane(made)] == ["AA", "EH", "S"]
    assert bpy.ops.soliloquy.update_lips() == {"FINISHED"}
    assert [one.start for one in heard(take(made)).segments] == [0.05, 0.27, 0.31]


def test_times_of_the_whole_sound_file(made, tmp_path):
    path = tmp_path / "cues.tsv"
    path.write_text("0.0\tAA\n0.7\tM\n1.0\tSIL\n", encoding="utf-8")
    take(made).audio_start = 0.6
    bpy.ops.soliloquy.import_phones(filepath=str(path), whole_sound=True)
    found = phones.read(made, take(made)).segments
    assert [(one.phone, one.start, one.end) for one in found] == [("AA", 0.0, 0.1), ("M", 0.1, 0.4)]


@pytest.mark.parametrize(
    ("content", "told"), [("0.1\tQQ\n", "QQ"), ('{"phones": 3}', "phones"), ("", "empty"), ("0.5\tSIL\n", "no phones")]
)
def test_a_bad_file_is_one_sentence_and_the_lane_stays(made, tmp_path, content, told):
    bpy.ops.soliloquy.show_phones()
    path = tmp_path / "bad.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RuntimeError, match=told):
        bpy.ops.soliloquy.import_phones(filepath=str(path))
    assert phones.read(made, take(made)).segments == heard(take(made)).segments


def test_a_list_that_no_lane_holds_is_refused(made, tmp_path, monkeypatch):
    monkeypatch.setattr(phone_lane, "MOST", 3)
    path = tmp_path / "long.json"
    path.write_text(json.dumps({"phones": [["AA", k / 10, k / 10 + 0.05] for k in range(9)]}), encoding="utf-8")
    with pytest.raises(RuntimeError, match="9 phones, and a lane shows 3"):
        bpy.ops.soliloquy.import_phones(filepath=str(path))


def test_a_failed_update_leaves_the_lane(made, monkeypatch):
    """The lane goes to a new take only when there is one."""
    bpy.ops.soliloquy.show_phones()
    lane(made)[0].name = "P"
    monkeypatch.setattr("soliloquy.addon.operators.phones.jobs.start", refuse)
    with pytest.raises(RuntimeError, match="no worker today"):
        bpy.ops.soliloquy.update_lips()
    assert len(made.soliloquy.takes) == 1 and phone_lane.name_of(lane(made)[0]) == "P"


def refuse(*_):
    from soliloquy.core.errors import SoliloquyError

    raise SoliloquyError("worker_not_started", "There is no worker today.")


def test_imported_takes_are_rendered_first(made):
    bpy.ops.soliloquy.show_phones()
    take(made).imported = True
    assert not bpy.ops.soliloquy.update_lips.poll()
    assert bpy.ops.soliloquy.export_phones.poll()
