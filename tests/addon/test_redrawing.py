"""How often the panels are redrawn."""

import pytest
from soliloquy.addon import redrawing


class Screen:
    """Records when the panels were redrawn, with its own clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.drawn = 100.0, []
        draw = redrawing.redraw
        monkeypatch.setattr(redrawing.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(redrawing, "redraw", lambda: (self.drawn.append(self.now), draw()))
        redrawing.redraw()


@pytest.fixture
def screen(scene, monkeypatch):
    return Screen(monkeypatch)


def test_what_changes_all_the_time_is_drawn_now_and_then(screen):
    for _ in range(100):
        screen.now += redrawing.PAUSE / 24
        redrawing.redraw_when_due(True)
    assert len(screen.drawn) == 1 + 4


def test_the_last_change_is_drawn_later_and_nothing_without_one(screen):
    redrawing.redraw_when_due(True)
    assert len(screen.drawn) == 1, "too soon"
    screen.now += redrawing.PAUSE
    redrawing.redraw_when_due(False)
    assert len(screen.drawn) == 2, "what was put off"
    screen.now += redrawing.PAUSE
    redrawing.redraw_when_due(False)
    assert len(screen.drawn) == 2
