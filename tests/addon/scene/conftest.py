"""Files with takes for the tests of this folder."""

import shutil

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.scene import take_folders
from soliloquy.addon.sequencer import speech


@pytest.fixture
def spoken(scene, sound, portrait, speaks):
    """A scene with one line and a portrait. Blender's 4.2 wheel can't make sound strips; there the speech is given."""
    scene.soliloquy.portrait_file = str(portrait())
    if compat.HAS_SOUND:
        scene.sequence_editor_create()
        scene.sequence_editor.active_strip = compat.new_sound_strip(scene, "speech", str(sound), 1, 11)
    else:
        speaks(speech.Speech(sound, 0.0, None, 11, "", 1))
    return scene


@pytest.fixture
def unsaved(spoken):
    """Two takes of a file that was never saved, with a head on which they are baked."""
    spoken.soliloquy.output_dir = ""
    assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
    spoken.soliloquy.takes_wanted = 2
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    return spoken


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def elsewhere(unsaved, tmp_path, project):
    """A saved file whose takes lie in another project's folder."""
    other = tmp_path / "another project" / "soliloquy"
    unit = take_folders.unit_of(bpy.context.scene.soliloquy.takes[0])
    shutil.copytree(unit, other / unit.name)
    take_folders.redirect(unit, other / unit.name)
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    return other / unit.name
