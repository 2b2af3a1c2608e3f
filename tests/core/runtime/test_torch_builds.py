"""The build of torch for different computers."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SoliloquyError
from core.runtime import torch_builds
from core.runtime.torch_builds import INDEX, Machine, NvidiaGpu, choose, parse_nvidia


def machine(
    system: str = "linux", *gpus: tuple[str, float, int], amd: tuple[int, ...] = (), processor: str = "x86_64"
) -> Machine:
    """A computer with Nvidia GPUs (name, compute capability, driver) and AMD GPUs (target)."""
    return Machine(system, processor, tuple(NvidiaGpu(*gpu) for gpu in gpus), amd)


@pytest.mark.parametrize(
    ("given", "kind", "index"),
    [
        (machine(), "cpu", INDEX + "cpu"),
        (machine("win32", processor="amd64"), "cpu", None),
        (machine("darwin", processor="arm64"), "mps", None),
        (machine("linux", ("RTX 4090", 8.9, 580)), "cuda", None),
        (machine("win32", ("RTX 4090", 8.9, 591)), "cuda", INDEX + "cu130"),
        (machine("linux", ("RTX 4090", 8.9, 535)), "cuda", INDEX + "cu126"),
        (machine("linux", ("RTX 5090", 12.0, 590)), "cuda", None),
        (machine("linux", ("GTX 1080", 6.1, 580)), "cuda", INDEX + "cu126"),
        (machine("win32", ("GTX 1080", 6.1, 560)), "cuda", INDEX + "cu126"),
        (machine("linux", ("GTX 1080", 6.1, 580), ("RTX 4090", 8.9, 580)), "cuda", None),
        (machine(amd=(110000,)), "rocm", INDEX + "rocm7.2"),
        (machine(amd=(100306, 120001)), "rocm", INDEX + "rocm7.2"),
        (machine("linux", ("RTX 4090", 8.9, 580), amd=(110000,)), "cuda", None),
    ],
)
def test_the_build_fits_the_machine(given: Machine, kind: str, index: str | None) -> None:
    build = choose(given)
    assert (build.kind, build.index, build.note) == (kind, index, "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (machine("linux", ("RTX 5090", 12.0, 570)), "driver 580 or newer; this computer has 570"),
        (machine("linux", ("RTX 3080", 8.6, 470)), "driver 528 or newer"),
        (machine("win32", ("GTX 680", 3.0, 474)), "too old"),
        (machine(amd=(100306,)), "AMD GPU"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_noted(given: Machine, words: str) -> None:
    build = choose(given)
    assert build.kind == "cpu" and words in build.note


def test_a_mac_without_an_apple_processor_is_refused() -> None:
    with pytest.raises(SoliloquyError, match="Intel") as raised:
        choose(machine("darwin", processor="x86_64"))
    assert raised.value.code == "torch_missing" and raised.value.hint


def test_the_output_of_nvidias_driver_is_parsed() -> None:
    listed = (
        "NVIDIA GeForce RTX 4090, 8.9, 580.65.06\nNVIDIA H200, 9.0, 570.124\n\nNo devices were found\nX, [N/A], 1.2"
    )
    assert parse_nvidia(listed) == [
        NvidiaGpu("NVIDIA GeForce RTX 4090", 8.9, 580),
        NvidiaGpu("NVIDIA H200", 9.0, 570),
    ]


def test_the_files_of_amds_driver_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, text in enumerate(("cpu_cores_count 16\ngfx_target_version 0\n", "gfx_target_version 110000\n", "x")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "properties").write_text(text)
    monkeypatch.setattr(torch_builds, "AMD_NODES", tmp_path)
    assert torch_builds.look().amd == (110000,)
