"""Devices: which one is chosen, how GPUs are named, how much memory is used, and how many threads torch has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.compute import devices
from core.compute.devices import Gpu
from core.compute.threads import OPERATION_THREADS
from core.errors import BadInputError
from core.runtime import memory
from core.runtime.processes import clean_environment


def test_auto_is_the_first_device_and_others_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "devices", lambda: ["cuda", "cpu"])
    assert devices.choose_device("auto") == "cuda"
    assert devices.choose_device("cpu") == "cpu"
    with pytest.raises(BadInputError) as caught:
        devices.choose_device("mps")
    assert caught.value.code == "device_missing"
    assert "“mps”" in caught.value.message and "auto, cuda, cpu" in caught.value.hint


def test_a_processor_has_no_gpu_memory() -> None:
    found = devices.peak_memory("cpu")
    assert found["gpu"] is None and found["process"] == memory.peak()
    assert len(devices.gpus()) == torch.cuda.device_count()


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch reports two CUDA devices with 8 GiB, of which 5 GiB are free."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index=0: (5 << 30, 8 << 30))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index=0: f"card {index}")


@pytest.mark.parametrize(
    ("visible", "names"), [("2, GPU-7f", ["2", "GPU-7f"]), ("3", ["3", "1"]), ("", ["0", "1"]), (None, ["0", "1"])]
)
def test_gpus_have_their_names_in_cuda_visible_devices(
    two_gpus: None, monkeypatch: pytest.MonkeyPatch, visible: str | None, names: list[str]
) -> None:
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.gpus() == [Gpu(name, f"card {k}", 8 << 30, 5 << 30) for k, name in enumerate(names)]


@pytest.mark.parametrize(("reserved", "context"), [(1 << 30, devices.CUDA_CONTEXT), (2900 << 20, 172 << 20)])
def test_memory_of_other_programs_is_not_counted(
    two_gpus: None, monkeypatch: pytest.MonkeyPatch, reserved: int, context: int
) -> None:
    """3 GiB are used. What torch hasn't reserved of them is CUDA's context, up to its limit."""
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: reserved)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: 2 << 30)
    assert devices.peak_memory("cuda")["gpu"] == (2 << 30) + context


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="reads Linux' list of the processor's features")
def test_bfloat16_is_fast_on_processors_with_the_instruction(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, fast in (("avx512f avx512_bf16", True), ("avx512f", False)):
        monkeypatch.setattr(Path, "read_text", lambda self, encoding, flags=flags: f"flags : {flags}\n")
        assert devices.fast_bfloat16("cpu") is fast
    assert not devices.fast_bfloat16("mps")


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["1", "7"])
def test_operations_have_the_same_number_of_threads_on_every_machine(variable: str) -> None:
    code = "from core.compute import devices; devices.be_deterministic(); import torch; print(torch.get_num_threads())"
    environment = clean_environment() | {"OMP_NUM_THREADS": variable}
    run = [sys.executable, "-c", code]
    root = Path(__file__).resolve().parents[3]
    told = subprocess.run(run, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert int(told.stdout) == OPERATION_THREADS
