"""The session: made when the add-on is enabled, gone when it is disabled, and never the same twice."""

import sys
from dataclasses import dataclass, field

import pytest
from soliloquy.addon import session
from soliloquy.addon.jobs import jobs
from soliloquy.addon.jobs.estimate import Rates
from soliloquy.addon.operators.doctor import Report
from soliloquy.addon.queue import job_queue
from soliloquy.addon.redrawing import Redraws
from soliloquy.addon.steps import Turns
from soliloquy.core.batch import job_list


@dataclass
class Notes:
    """A part of a session."""

    lines: list[str] = field(default_factory=list)


@pytest.fixture
def extension(scene):
    """The extension without its add-on; registered again afterwards, as the scene's fixture expects."""
    extension = sys.modules["soliloquy"]
    yield extension
    if session._current is None:
        extension.register()


def test_a_part_is_made_once(scene):
    session.session().part(Notes).lines.append("kept")
    assert session.session().part(Notes).lines == ["kept"]


def test_without_the_addon_there_is_no_session(extension):
    extension.unregister()
    with pytest.raises(RuntimeError, match="Soliloquy is not registered"):
        session.session()
    with pytest.raises(RuntimeError, match="Soliloquy is not registered"):
        jobs.last_message()


def test_enabling_again_begins_a_fresh_session(extension, tmp_path):
    first = session.session()
    jobs.tell("something", bad=True)
    job_queue.open_default(first_scene())
    first.part(Report).findings.append("a finding")
    first.part(Rates).learned["motion cpu"] = 1.0
    first.part(Turns).undone = 3
    for _ in range(2):
        extension.unregister()
        extension.register()
        now = session.session()
        assert now is not first
        assert jobs.last_message() == ("", False) and jobs.current() is None and jobs.why_busy() == ""
        assert job_queue.path() is None and job_queue.entries() == [] and job_queue.crew() is None
        assert now.part(Report).findings == [] and now.part(Rates) == Rates() and now.part(Turns).undone == 0
        assert now.part(Redraws).owed is False and now.part(Notes) == Notes()


def first_scene():
    """The scene of the open file."""
    import bpy

    return bpy.data.scenes[0]


def test_no_two_entries_have_one_key(scene):
    request = job_list.Generate(audio="", portrait="", out="")
    assert len({job_list.Entry("one", request).key for _ in range(100)}) == 100


def test_no_module_of_the_addon_keeps_state_of_its_own(scene):
    """What changes while the add-on works is in the session: modules have no lists or objects that are filled later."""
    before = {}

    def cells(module):
        kinds = (list, set, dict, int, float, type(None))
        return {n: repr(v) for n, v in vars(module).items() if isinstance(v, kinds) and not n.startswith("__")}

    modules = {name: module for name, module in sys.modules.items() if name.startswith("soliloquy.addon")}
    before = {name: cells(module) for name, module in modules.items()}
    jobs.tell("something", bad=True)
    job_queue.open_default(scene)
    session.session().part(Turns).undone += 1
    changed = [name for name, module in modules.items() if cells(module) != before[name]]
    assert changed == []
