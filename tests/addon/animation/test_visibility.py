"""“Baked, but nothing moves”: each cause has a sentence."""

import bpy
import numpy as np
import pytest
from soliloquy.addon import compat, steps
from soliloquy.addon.animation import bake, nla, visibility
from soliloquy.addon.rig import presets
from soliloquy.addon.sequencer.timing import Timing
from soliloquy.core.motion.motion import Motion


@pytest.fixture
def rig(scene, portrait):
    """A head with a take baked on it."""
    scene.soliloquy.portrait_file = str(portrait())
    bpy.ops.soliloquy.add_head()
    rig = scene.soliloquy.targets[0].thing
    t = np.arange(50)[:, None] / 25
    moving = Motion(
        np.clip(0.5 + 0.5 * np.sin(t * 5 + np.arange(53)), 0, 1),
        0.3 * np.sin(t + np.arange(3)),
        np.zeros((50, 3)),
        25.0,
    )
    bake_on(rig, moving)
    return rig


def bake_on(rig, moving):
    rules = presets.own_rules(rig)
    steps.advance(bake.bake(rig, rules, moving, Timing(1.0, 25.0), "first", "Take 1"), float("inf"))


def looked(scene, rig):
    looking = visibility.look(scene, visibility.tracks_on(rig, "first"))
    while True:
        try:
            next(looking)
        except StopIteration as ended:
            return ended.value


def test_it_moves(scene, rig):
    assert visibility.obstacles(rig, "first", "Take 1") == []
    moving, expected = looked(scene, rig)
    assert moving == expected > 60


def test_a_take_that_was_not_baked_is_reported(scene, rig):
    assert "bake it" in visibility.obstacles(rig, "second", "Take 2")[0]


def hide(scene, rig, found):
    rig.hide_viewport = True


def mute_track(scene, rig, found):
    found.track.mute = True


def mute_strip(scene, rig, found):
    found.strip.mute = True


def no_nla(scene, rig, found):
    rig.animation_data.use_nla = False


def solo_other(scene, rig, found):
    other = rig.animation_data.nla_tracks.new()
    other.name = "walk"
    other.is_solo = True


def covered(scene, rig, found):
    rig.pose.bones["head"].keyframe_insert("rotation_euler", frame=1)


def driven(scene, rig, found):
    rig.driver_add('["jawOpen"]')


def curves_muted(scene, rig, found):
    for curve in compat.action_fcurves(found.action):
        curve.mute = True


@pytest.mark.parametrize(
    ("spoil", "words", "stops"),
    [(hide, "hidden", False), (mute_track, "choose it in the list", True), (mute_strip, "muted", True),
     (no_nla, "Evaluate NLA", True), (solo_other, "“walk”", True), (covered, "hides the take", True),
     (driven, "jawOpen", True), (curves_muted, "curves of Take 1", True)],
)  # fmt: skip
def test_each_obstacle_has_a_sentence(scene, rig, spoil, words, stops):
    spoil(scene, rig, next(nla.tracks_on(rig)))
    said = visibility.obstacles(rig, "first", "Take 1")
    assert len(said) == 1 and words in said[0], said
    moving, expected = looked(scene, rig)
    assert (moving < expected) == stops


def test_constant_curves_are_reported(scene, rig):
    bake_on(rig, Motion(np.zeros((50, 53)), np.zeros((50, 3)), np.zeros((50, 3)), 25.0))
    assert any("Nothing moves" in sentence for sentence in visibility.obstacles(rig, "first", "Take 1"))
