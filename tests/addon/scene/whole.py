"""What must hold of the takes of the open file, wherever they are."""

from pathlib import Path

import bpy
from soliloquy.addon.animation import nla
from soliloquy.addon.sequencer import strips
from soliloquy.addon.storage import carrying


def listed():
    return bpy.context.scene.soliloquy.takes


def pictures(take):
    """The folder of the take's image strip as Blender stores it, and as an absolute path."""
    stored = strips.find_strip(bpy.context.scene, take.image_strip).directory
    return stored, Path(bpy.path.abspath(stored))


def facts_of(take):
    return nla.facts_of(nla.tracks_of(take.key)[0].action)


def assert_whole_at(folder: Path, relative: bool = True):
    """Both takes are below ``folder``, and everything in the open file says so."""
    assert len(listed()) == 2
    for take in listed():
        assert take.status == "READY" and take.path().is_relative_to(folder) and take.job_path() == take.path().parent
        assert Path(take.home) == take.path()
        assert take.folder.startswith("//") == take.job.startswith("//") == relative
        stored, frames = pictures(take)
        assert frames == take.path() / "frames" and stored.startswith("//") == relative
        assert len(list(frames.iterdir())) == 50 and (take.path() / "motion.npz").is_file()
        assert Path(facts_of(take)["folder"]) == take.path() and Path(facts_of(take)["job"]) == take.job_path()


def assert_nothing_left(folder: Path):
    """Only notes, inputs and heads are left of an output folder."""
    left = {path.name for path in folder.iterdir()} - {"inputs", "heads", carrying.NOTE}
    assert not left
