"""A speech whose times settings go by."""

import pytest
from soliloquy.addon.sequencer import speech


@pytest.fixture
def speaking(scene, sound, portrait, speaks):
    """A scene whose speech begins at frame 11. Its mix tells the times, as some bpy wheels have no sound strips."""
    scene.soliloquy.portrait_file = str(portrait())
    speaks(speech.Speech(sound, 0.0, None, 11, "", 1))
    scene.soliloquy.sound = "MIX"
    scene.frame_start, scene.frame_end = 11, 110
    return scene
