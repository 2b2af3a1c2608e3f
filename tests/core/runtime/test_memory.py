"""The amounts of memory that are reported, and lack of memory as an error."""

from __future__ import annotations

import errno

import pytest
from safetensors import SafetensorError

from core.errors import SoliloquyError
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


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        SafetensorError("I/O error: Cannot allocate memory (os error 12)"),
    ],
)
def test_lack_of_memory_becomes_one_error(error: Exception) -> None:
    with pytest.raises(SoliloquyError) as caught, memory.memory_errors():
        raise error
    assert caught.value.code == "out_of_memory" and caught.value.__cause__ is error


def test_lack_of_memory_is_found_behind_another_error() -> None:
    with pytest.raises(SoliloquyError) as caught, memory.memory_errors():
        raise ImportError("importing numpy failed") from ImportError("libopenblas.so: failed to map segment")
    assert caught.value.code == "out_of_memory"


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(RuntimeError, match="sizes differ"), memory.memory_errors():
        raise RuntimeError("sizes differ")
