"""How the extension starts: Python collects garbage again afterwards, also after an error."""

import gc

import pytest
from soliloquy import addon

from .conftest import load_extension


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_collection_is_as_before_when_registered(scene, monkeypatch, collects):
    extension, during = load_extension(), []
    monkeypatch.setattr(addon, "register", lambda: during.append(gc.isenabled()))
    try:
        (gc.enable if collects else gc.disable)()
        extension.register()
        assert (during, gc.isenabled()) == ([False], collects)
    finally:
        gc.enable()


def test_garbage_is_collected_again_after_a_failed_start(scene, monkeypatch):
    def fail():
        raise RuntimeError("broken")

    monkeypatch.setattr(addon, "register", fail)
    with pytest.raises(RuntimeError, match="broken"):
        load_extension().register()
    assert gc.isenabled()
