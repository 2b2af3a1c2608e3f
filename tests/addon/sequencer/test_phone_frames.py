"""Phones as frames and back: exact where nothing was moved, in the lane's order where something was."""

import itertools
import math
import random
from dataclasses import replace

import pytest
from soliloquy.addon.sequencer.phone_frames import (
    LaneStrip,
    frames_of,
    nearest_part,
    own_timing,
    segments_of,
)
from soliloquy.addon.sequencer.timing import Timing, scene_rate
from soliloquy.core.phones.phone_set import PHONES, Segment

RATES = (8.0, scene_rate(24, 1.001), 24.0, 25.0, scene_rate(30, 1.001), 30.0, 60.0)
ORIGINS = (1.0, 11.0, -40.0, 250.4, 7.5)
CASES = [(seed, RATES[seed % len(RATES)], ORIGINS[seed % len(ORIGINS)]) for seed in range(35)]


def speech(seed, count=80):
    """Phones of 10 to 300 ms with some pauses, many of them shorter than a frame."""
    chance = random.Random(seed)
    now, found = round(chance.random(), 4), []
    for _ in range(count):
        now += chance.choice((0.0, 0.0, 0.0, 0.004, 0.05, 0.4))
        end = now + chance.choice((0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.3))
        found.append(Segment(chance.choice(PHONES[1:]), round(now, 4), round(end, 4)))
        now = end
    return found


def lane(segments, timing):
    """The strips that were made of the segments."""
    return [
        LaneStrip(one.phone, *frames, *frames, one.start, one.end)
        for one, frames in zip(segments, frames_of(segments, timing), strict=True)
    ]


def frames_apart(seconds, frame, timing):
    return abs(timing.scene_frame(seconds) - frame)


@pytest.mark.parametrize(("seed", "rate", "origin"), CASES)
def test_an_untouched_lane_gives_exactly_its_phones(seed, rate, origin):
    timing, segments = Timing(origin, rate), speech(seed)
    strips = lane(segments, timing)
    random.Random(seed).shuffle(strips)
    assert segments_of(strips, timing) == segments


@pytest.mark.parametrize(("seed", "rate", "origin"), CASES)
def test_frames_never_overlap_and_none_is_empty(seed, rate, origin):
    placed = frames_of(speech(seed), Timing(origin, rate))
    assert all(right > left for left, right in placed)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(placed))


@pytest.mark.parametrize("rate", RATES)
def test_pushed_phones_catch_up_at_the_next_longer_one(rate):
    timing = Timing(1.0, rate)
    short = [Segment("T", 0.1 * k / rate, 0.1 * (k + 1) / rate) for k in range(10)]
    long = Segment("AA", short[-1].end, short[-1].end + 20 / rate)
    after = Segment("M", long.end, long.end + 2 / rate)
    placed = frames_of([*short, long, after], timing)
    assert [left for left, _ in placed[:11]] == list(range(1, 12)), "each of the short ones has a frame of its own"
    assert placed[10][1] == placed[11][0] == 22 and placed[11] == (22, 24)


@pytest.mark.parametrize("rate", RATES)
def test_phones_of_a_frame_or_more_are_at_most_half_a_frame_off(rate):
    timing, chance = Timing(100.3, rate), random.Random(3)
    now, segments = 0.0, []
    for _ in range(200):
        end = now + chance.uniform(1.0, 4.0) / rate
        segments.append(Segment("AH", now, end))
        now = end + chance.choice((0.0, 3.0 / rate))
    for one, (left, right) in zip(segments, frames_of(segments, timing), strict=True):
        assert frames_apart(one.start, left, timing) <= 0.5 + 1e-9 or left == right - 1
        assert frames_apart(one.end, right, timing) <= 1.0


@pytest.mark.parametrize(("seed", "rate", "origin"), CASES)
def test_one_moved_strip_leaves_the_times_of_the_others(seed, rate, origin):
    """A strip is pulled into a pause after it or cut by the next; nothing else changes."""
    timing = Timing(origin, rate)
    segments = [Segment("AH", 0.4 * k, 0.4 * k + 0.3) for k in range(20)]
    strips = lane(segments, timing)
    number = seed % 20
    moved = strips[number]
    strips[number] = replace(moved, left=moved.left + 1, right=moved.right + 1)
    found = segments_of(strips, timing)
    assert [one for i, one in enumerate(found) if i != number] == [one for i, one in enumerate(segments) if i != number]
    assert found[number].start == timing.seconds(moved.left + 1)
    next_start = segments[number + 1].start if number < 19 else math.inf
    assert found[number].end == min(timing.seconds(moved.right + 1), next_start)


def test_a_trimmed_strip_keeps_the_time_of_its_other_edge():
    timing, one = Timing(1.0, 25.0), Segment("AA", 0.013, 0.987)
    (strip,) = lane([one], timing)
    trimmed = replace(strip, right=strip.right - 5)
    assert segments_of([trimmed], timing) == [Segment("AA", 0.013, timing.seconds(strip.right - 5))]
    trimmed = replace(strip, left=strip.left + 3)
    assert segments_of([trimmed], timing) == [Segment("AA", timing.seconds(strip.left + 3), 0.987)]


def test_the_later_of_two_strips_wins_from_its_start():
    timing = Timing(1.0, 25.0)
    long, short = lane([Segment("AA", 0.0, 1.0)], timing) + lane([Segment("M", 0.4, 0.6)], timing)
    assert segments_of([short, long], timing) == [Segment("AA", 0.0, 0.4), Segment("M", 0.4, 0.6)]
    copy = replace(long, phone="P")
    assert [one.phone for one in segments_of([long, copy], timing)] in (["P"], ["AA"]), "only one of two equal strips"


@pytest.mark.parametrize(("seed", "rate", "origin"), CASES)
def test_whatever_was_moved_the_phones_are_in_the_lanes_order(seed, rate, origin):
    timing, chance = Timing(origin, rate), random.Random(seed)
    strips = lane(speech(seed), timing)
    names = [f"{number}" for number in range(len(strips))]
    strips = [replace(strip, phone=name) for strip, name in zip(strips, names, strict=True)]
    for _ in range(25):
        number, by, longer = chance.randrange(len(strips)), chance.randrange(-4, 5), chance.randrange(3)
        one = strips[number]
        strips[number] = replace(one, left=one.left + by, right=max(one.left + by + 1, one.right + by + longer))
    found = segments_of(strips, timing)
    assert all(one.end > one.start for one in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    places = {strip.phone: strip.left for strip in strips}
    shown = [places[one.phone] for one in found]
    assert shown == sorted(shown)
    for one in found:  # a phone is heard where its strip is seen, within half a frame, or as far as it was pushed
        strip = strips[names.index(one.phone)]
        pushed = max(0.0, strip.own_left - timing.scene_frame(strip.start))
        assert frames_apart(one.start, strip.left, timing) <= max(0.5, pushed) + 1e-6


def test_a_lane_follows_its_sound_or_stays_behind():
    laid, now = Timing(11.0, 24.0), Timing(61.0, 24.0)
    segments = speech(5)
    strips = lane(segments, laid)
    assert own_timing(strips, laid, laid) == (laid, 0)
    assert segments_of(strips, *own_timing(strips, laid, now)) == segments, "only the sound was moved"
    along = [replace(strip, left=strip.left + 50, right=strip.right + 50) for strip in strips]
    assert own_timing(along, laid, now) == (now, 50)
    assert segments_of(along, *own_timing(along, laid, now)) == segments, "both were moved"
    along[3] = replace(along[3], right=along[3].right + 1)
    assert segments_of(along, *own_timing(along, laid, now))[:3] == segments[:3]


def test_a_lane_of_another_frame_rate_keeps_its_times():
    laid, now = Timing(11.0, 24.0), Timing(12.5, 30.0)
    strips = lane(speech(6), laid)
    assert segments_of(strips, *own_timing(strips, laid, now)) == speech(6)


def test_a_part_of_a_long_lane():
    segments = [Segment("AH", float(k), k + 1.0) for k in range(100)]
    assert nearest_part(segments, -1e9, 1e9, 1000, 0.0) == slice(0, 100)
    assert nearest_part(segments, 10.5, 20.0, 1000, 0.0) == slice(10, 20)
    assert nearest_part(segments, 0.0, 1e9, 10, 50.0) == slice(45, 55)
    assert nearest_part(segments, 0.0, 1e9, 10, 0.0) == slice(0, 10)
    assert nearest_part(segments, 0.0, 1e9, 10, 1e9) == slice(90, 100)
    assert nearest_part(segments, 200.0, 300.0, 10, 1e9) == slice(0, 0)
