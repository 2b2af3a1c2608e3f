"""What is told of memory."""

import torch

from core.compute import devices
from core.runtime import memory


def test_peak_grows_with_what_is_held_and_stays() -> None:
    before = memory.peak()
    held = bytearray(before + (64 << 20))  # more than was ever held
    for place in range(0, len(held), 4096):
        held[place] = 1
    after = memory.peak()
    assert after >= before + (60 << 20)
    del held
    assert memory.peak() >= after


def test_available_is_a_part_of_what_there_is() -> None:
    told = memory.available()
    assert told is not None and 1 << 20 < told < 1 << 50


def test_a_processor_has_no_gpu_memory() -> None:
    told = devices.peak_memory("cpu")
    assert told["gpu"] is None and told["process"] == memory.peak()
    assert len(devices.gpus()) == torch.cuda.device_count()


def test_gpus_are_named_as_they_are_made_visible(monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-7f")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index=0: (5 << 30, 8 << 30))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index=0: f"card {index}")
    assert [gpu["id"] for gpu in devices.gpus()] == ["2", "GPU-7f"]
    assert devices.gpus()[1] == {"id": "GPU-7f", "name": "card 1", "memory": 8 << 30, "free": 5 << 30}
    # Another program holds most of the three used gigabytes: they are not this worker's.
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 1 << 30)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: 2 << 30)
    assert devices.peak_memory("cuda")["gpu"] == (2 << 30) + devices.CUDA_CONTEXT
