"""The amounts of memory that are reported."""

from __future__ import annotations

from core.runtime import memory


def test_peak_grows_with_allocated_memory_and_never_falls() -> None:
    before = memory.peak()
    assert before is not None
    held = bytearray(before + (64 << 20))  # more than this process ever had
    for place in range(0, len(held), 4096):
        held[place] = 1
    after = memory.peak()
    assert after is not None and after >= before + (60 << 20)
    del held
    final = memory.peak()
    assert final is not None and final >= after


def test_available_memory_has_a_plausible_size() -> None:
    available = memory.available()
    assert available is not None and 1 << 20 < available < 1 << 50
