"""The lane of a take in Blender's sequencer: its strips, what artists do with them, and what must never happen."""

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.sequencer import phone_lane
from soliloquy.addon.sequencer.timing import Timing
from soliloquy.core.phones.phone_set import PHONES, Segment

KEY, OTHER = "take of the lane", "another take"
TIMING = Timing(11.25, 24.0)
SPOKEN = [
    *(Segment("HH", 0.1042, 0.1191), Segment("AH", 0.1191, 0.131), Segment("L", 0.131, 0.1503)),
    *(Segment("OW", 0.1503, 0.4), Segment("M", 0.75, 0.81), Segment("AH", 0.81, 1.0)),
]


def lay_out(scene, key=KEY, segments=SPOKEN, timing=TIMING, channel=3):
    list(phone_lane.lay_out(scene, key, segments, timing, channel))
    return phone_lane.strips_in(scene, key)


@pytest.fixture
def lane(scene):
    return lay_out(scene)


def by_frame(scene, key=KEY):
    return sorted(phone_lane.strips_in(scene, key), key=compat.left_handle)


def test_one_strip_for_each_phone_in_one_channel(scene, lane):
    strips = by_frame(scene)
    assert [phone_lane.name_of(strip) for strip in strips] == [one.phone for one in SPOKEN]
    assert {strip.channel for strip in strips} == {3}
    assert [(compat.left_handle(s), compat.right_handle(s)) for s in strips] == [
        *((14, 15), (15, 16), (16, 17), (17, 21), (29, 31), (31, 35)),
    ]
    assert phone_lane.read(lane, TIMING) == SPOKEN
    assert all(strip.mute and not strip.select and strip.blend_alpha == 0.0 for strip in strips)
    assert phone_lane.exists(scene, KEY) and not phone_lane.exists(scene, OTHER) and not phone_lane.exists(scene, "")


def test_names_show_nothing_but_the_phone(scene):
    strips = lay_out(scene, segments=[Segment("AH", k / 10, (k + 1) / 10) for k in range(40)])
    assert len({strip.name for strip in strips}) == 40
    assert {strip.name.strip(" \u00a0") for strip in strips} == {"AH"}
    assert max(len(strip.name) for strip in strips) <= 2 + 6
    lay_out(scene, OTHER)
    assert {strip.name.strip(" \u00a0") for strip in phone_lane.strips_in(scene, OTHER)} <= set(PHONES)


def test_kinds_differ_in_colour(scene, lane):
    assert all(sum(phone in kind.phones for kind in phone_lane.KINDS) <= 1 for phone in PHONES)
    assert all(kind.phones <= set(PHONES) for kind in phone_lane.KINDS)
    different = [phone_lane.kind_of(phone) for phone in ("P", "V", "UW", "AA", "K")]
    assert len({kind.name for kind in different}) == len({kind.tag for kind in different}) == 5
    strips = by_frame(scene)
    assert strips[4].color_tag == phone_lane.kind_of("M").tag
    assert tuple(strips[3].color) == pytest.approx(phone_lane.kind_of("OW").colour)
    phone_lane.rename(scene, [strips[4], strips[5]], "F")
    assert [phone_lane.name_of(strip) for strip in by_frame(scene)][4:] == ["F", "F"]
    assert strips[5].color_tag == phone_lane.kind_of("F").tag


def test_the_lane_takes_the_lowest_free_channel(scene):
    compat.new_colour_strip(scene, "in the way", 3, 30, 40)
    compat.new_colour_strip(scene, "elsewhere", 4, 300, 310)
    assert {strip.channel for strip in lay_out(scene)} == {4}
    assert {strip.channel for strip in lay_out(scene, OTHER)} == {5}


def test_showing_again_replaces_the_lane(scene, lane):
    assert len(lay_out(scene)) == len(SPOKEN) == len(compat.all_strips(scene))


def test_artists_rename_trim_copy_and_delete(scene, lane):
    strips = by_frame(scene)
    strips[0].name = "s"
    assert phone_lane.read(phone_lane.strips_in(scene, KEY), TIMING)[0] == Segment("s", 0.1042, 0.1191)
    compat.set_handles(strips[3], 17, 25)
    copy = duplicate(scene, strips[4], 6)
    compat.set_handles(copy, 40, 42)
    compat.strips_of(scene.sequence_editor).remove(strips[5])
    found = phone_lane.read(phone_lane.strips_in(scene, KEY), TIMING)
    assert found == [
        Segment("s", 0.1042, 0.1191),
        *SPOKEN[1:3],
        Segment("OW", 0.1503, TIMING.seconds(25)),
        SPOKEN[4],
        Segment("M", TIMING.seconds(40), TIMING.seconds(42)),
    ]


def duplicate(scene, strip, channel):
    """A copy as Shift D makes it, with the properties of its original and a number after its name."""
    frames = compat.left_handle(strip) + 100, compat.right_handle(strip) + 100
    copy = compat.new_colour_strip(scene, strip.name + ".001", channel, *frames)
    for name, value in strip.items():
        copy[name] = value.to_dict()
    return copy


def test_a_lane_in_a_metastrip_is_read_and_removed(scene, lane):
    strips = compat.strips_of(scene.sequence_editor)
    meta = strips.new_meta("both", 9, 1)
    for strip in by_frame(scene):
        strip.move_to_meta(meta)
    assert phone_lane.read(phone_lane.strips_in(scene, KEY), TIMING) == SPOKEN
    assert phone_lane.remove(scene, KEY) == len(SPOKEN) and not phone_lane.exists(scene, KEY)
    assert [strip.name for strip in compat.all_strips(scene)] == ["both"]


def test_removing_touches_nothing_else(scene, lane):
    compat.new_colour_strip(scene, "AH of the artist", 3, 200, 210)
    lay_out(scene, OTHER)
    assert phone_lane.remove(scene, KEY) == len(SPOKEN)
    assert phone_lane.remove(scene, KEY) == phone_lane.remove(scene, "") == 0
    assert len(compat.all_strips(scene)) == 1 + len(SPOKEN)


def test_the_lane_follows_its_sound(scene, lane):
    """It is read rightly before, and after it was brought back to the sound it is where it would have been laid out."""
    now = Timing(TIMING.origin + 100, TIMING.rate)
    assert phone_lane.read(lane, now) == SPOKEN
    by_frame(scene)[4].name = "B"
    list(phone_lane.follow(scene, KEY, now))
    strips = by_frame(scene)
    assert (compat.left_handle(strips[0]), compat.right_handle(strips[-1])) == (114, 135)
    assert [one.phone for one in phone_lane.read(strips, now)] == ["HH", "AH", "L", "OW", "B", "AH"]
    before = [strip.name for strip in strips]
    list(phone_lane.follow(scene, KEY, now))
    assert [strip.name for strip in by_frame(scene)] == before
    list(phone_lane.follow(scene, OTHER, now))


def test_the_lane_follows_the_frame_rate(scene, lane):
    now = Timing(13.0, 60.0)
    assert phone_lane.read(lane, now) == SPOKEN
    list(phone_lane.follow(scene, KEY, now))
    strips = by_frame(scene)
    assert phone_lane.read(strips, now) == SPOKEN
    assert [compat.left_handle(strip) for strip in strips][3:5] == [22, 58]


def test_another_take_takes_the_lane_over(scene, lane):
    lay_out(scene, OTHER)
    by_frame(scene)[0].name = "m"
    phone_lane.hand_over(scene, KEY, OTHER)
    assert not phone_lane.exists(scene, KEY)
    strips = by_frame(scene, OTHER)
    assert len(strips) == len(SPOKEN) == len(compat.all_strips(scene))
    assert strips[0].color_tag == phone_lane.kind_of("M").tag
    phone_lane.hand_over(scene, OTHER, OTHER)
    phone_lane.hand_over(scene, KEY, OTHER)
    assert len(by_frame(scene, OTHER)) == len(SPOKEN)


def test_the_file_keeps_the_lane(scene, lane, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "talk.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "talk.blend"))
    scene = bpy.context.scene
    assert phone_lane.read(phone_lane.strips_in(scene, KEY), TIMING) == SPOKEN
    assert phone_lane.part_of(phone_lane.strips_in(scene, KEY)) == phone_lane.EVERYTHING


@pytest.mark.parametrize("muted", [True, False])
def test_the_lane_never_shows_in_a_render(scene, tmp_path, muted):
    """A picture below the lane is the same with it and without, also if somebody unmutes the strips."""
    image = bpy.data.images.new("below", 16, 16)
    image.pixels[:] = [0.2, 0.4, 0.6, 1.0] * 256
    image.filepath_raw, image.file_format = str(tmp_path / "below.png"), "PNG"
    image.save()
    strips = compat.strips_of(compat.editor_of(scene))
    strips.new_image("below", str(tmp_path / "below.png"), 1, 1)
    render = scene.render
    render.resolution_x = render.resolution_y = 16
    render.image_settings.file_format = "PNG"
    seen = []
    for name in ("without", "with"):
        if name == "with":
            for strip in lay_out(scene, segments=[Segment("M", 0.0, 1.0)], timing=Timing(1.0, 25.0)):
                strip.mute = muted
        scene.frame_set(1)
        render.filepath = str(tmp_path / name)
        bpy.ops.render.render(write_still=True)
        seen.append(list(bpy.data.images.load(str(tmp_path / f"{name}.png")).pixels))
    assert seen[0] == seen[1] and max(seen[0][:3]) > 0.1
