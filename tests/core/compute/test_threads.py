"""Frames side by side: order, errors, one thread for each, and nothing left behind."""

from __future__ import annotations

import os
import threading
import time

import pytest
import torch

from core.compute import threads
from core.compute.threads import processors, side_by_side, single_thread


@pytest.fixture(params=[1, 3])
def count(request, monkeypatch) -> int:
    monkeypatch.setattr(threads, "processors", lambda: request.param)
    return request.param


def drawing_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("draw")]


def test_the_processors_are_those_allowed_or_asked_for(monkeypatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    allowed = processors()
    assert allowed >= 1
    for asked, given in (("1", 1), ("1,2", 1), (str(allowed + 1), allowed), ("0", allowed), ("many", allowed)):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert processors() == given


def test_results_come_in_order_whatever_takes_longest(count) -> None:
    def work(k: int) -> int:
        time.sleep(0.02 if k % 3 == 0 else 0)
        return k * k

    assert list(side_by_side(work, range(20))) == [k * k for k in range(20)]
    assert drawing_threads() == []


def test_each_has_one_thread_of_torch_and_the_caller_keeps_its_own(count) -> None:
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


def test_an_error_comes_where_the_result_would_be(count) -> None:
    def work(k: int) -> int:
        if k == 4:
            raise ValueError("the fifth")
        return k

    got = []
    with pytest.raises(ValueError, match="the fifth"):
        for value in side_by_side(work, range(50)):
            got.append(value)
    assert got == [0, 1, 2, 3] and drawing_threads() == []


def test_one_who_stops_looking_ends_the_work(count) -> None:
    begun: list[int] = []
    results = side_by_side(lambda k: begun.append(k) or k, iter(range(1000)))
    assert next(results) == 0
    results.close()
    assert drawing_threads() == []
    assert len(begun) <= 2 * count, "no more is begun than may wait"


def test_a_process_that_may_use_some_processors_counts_only_those(monkeypatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 4, 5}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert processors() == 3


@pytest.mark.parametrize(("known", "counted"), [(8, 8), (None, 1)])
def test_a_system_that_names_no_allowed_processors_counts_all(monkeypatch, known, counted) -> None:
    """As macOS and Windows do. One is there even where the system doesn't know how many."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: known)
    assert processors() == counted
