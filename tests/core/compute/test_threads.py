"""Parallel work: order of results, errors, one torch thread for each worker thread, no threads left behind."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from core.compute import threads
from core.compute.threads import side_by_side, single_thread


@pytest.fixture(params=[1, 3])
def count(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Number of processors that the pool finds."""
    monkeypatch.setattr(threads, "processors", lambda: request.param)
    return int(request.param)


def pool_threads() -> list[str]:
    """Names of the pool's threads that are alive."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("draw")]


def test_results_are_in_order_whichever_takes_longest(count: int) -> None:
    def work(k: int) -> int:
        time.sleep(0.02 if k % 3 == 0 else 0)
        return k * k

    assert list(side_by_side(work, range(20))) == [k * k for k in range(20)]
    assert pool_threads() == []


def test_each_thread_of_the_pool_has_one_torch_thread_and_the_caller_keeps_its_own(count: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert set(side_by_side(lambda _: torch.get_num_threads(), range(9))) == {1}
        assert torch.get_num_threads() == 2
        later: list[int] = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert later == [2]
        with single_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_error_is_raised_in_place_of_the_result(count: int) -> None:
    def work(k: int) -> int:
        if k == 4:
            raise ValueError("the fifth")
        return k

    got = []
    with pytest.raises(ValueError, match="the fifth"):
        for value in side_by_side(work, range(50)):
            got.append(value)
    assert got == [0, 1, 2, 3] and pool_threads() == []


def test_closing_the_iterator_ends_the_work(count: int) -> None:
    begun: list[int] = []

    def work(k: int) -> int:
        begun.append(k)
        return k

    results = side_by_side(work, iter(range(1000)))
    assert next(results) == 0
    results.close()
    assert pool_threads() == []
    assert len(begun) <= 2 * count, "at most twice as many as threads are started ahead"
