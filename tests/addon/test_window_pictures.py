"""Scripts that drive Blender's window: Blender quits after the last step, and after a step that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from tools import window_pictures


@pytest.fixture
def blender(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for Blender. It keeps the timer's function, and remembers whether it was asked to quit."""
    kept = SimpleNamespace(tick=None, quits=0)

    def register(tick: Callable[[], float | None], **_options: object) -> None:
        kept.tick = tick

    def leave() -> None:
        kept.quits += 1

    timers = SimpleNamespace(timers=SimpleNamespace(register=register))
    operators = SimpleNamespace(wm=SimpleNamespace(quit_blender=leave))
    monkeypatch.setattr(window_pictures, "bpy", SimpleNamespace(app=timers, ops=operators))
    monkeypatch.setattr(window_pictures, "our_panels", list)
    return kept


def steps(fails: bool) -> Iterator[None]:
    yield
    if fails:
        raise RuntimeError("no such editor")
    yield


def test_blender_quits_after_the_last_step(blender: SimpleNamespace) -> None:
    window_pictures.run(steps(fails=False), 0.25)
    assert [blender.tick(), blender.tick()] == [0.25, 0.25] and blender.quits == 0
    assert blender.tick() is None and blender.quits == 1


def test_blender_quits_after_a_step_that_fails(blender: SimpleNamespace) -> None:
    window_pictures.run(steps(fails=True), 0.25)
    assert blender.tick() == 0.25
    with pytest.raises(RuntimeError, match="no such editor"):
        blender.tick()
    assert blender.quits == 1


def test_a_wait_has_an_end() -> None:
    with pytest.raises(AssertionError, match="too long"):
        list(window_pictures.until(lambda: False, 0.01))
