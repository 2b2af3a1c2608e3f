"""Which build of torch a computer gets: CUDA, ROCm, Apple's GPU (MPS) or processor only. Standard library only.

`look` finds out what the computer has, and `choose` decides. The tables are for torch 2.13.
"""

from __future__ import annotations

import csv
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import SoliloquyError
from .programs import find_program

INDEX = "https://download.pytorch.org/whl/"
"""Builds that PyPI doesn't have are here, each in its own folder."""

CUDA_13_DRIVER, CUDA_12_DRIVER = 580, 528
"""Oldest NVIDIA drivers for programs made for CUDA 13 and CUDA 12."""
_CUDA_13_CAPABILITIES = (7.5, 12.9)
_CUDA_12_CAPABILITIES = (5.0, 9.9)
"""Compute capabilities that the builds for CUDA 13.0 and CUDA 12.6 support."""
_AMD_TARGETS = {90008, 90010, 90402, 90500, 100300, 110000, 110001, 110002, 110500, 110501, 120000, 120001}
"""``gfx_target_version`` of the AMD GPUs that the ROCm build supports: 90010 is gfx90a, 110000 is gfx1100."""
AMD_NODES = Path("/sys/class/kfd/kfd/topology/nodes")
"""Where Linux's AMD driver lists its compute devices."""


@dataclass(frozen=True)
class NvidiaGpu:
    """One GPU as NVIDIA's driver reports it; ``driver`` is the major version of the driver."""

    name: str
    capability: float
    driver: int


@dataclass(frozen=True)
class Machine:
    """What the choice depends on: ``sys.platform``, ``platform.machine()``, NVIDIA's GPUs, AMD's targets."""

    system: str
    processor: str
    nvidia: tuple[NvidiaGpu, ...] = ()
    amd: tuple[int, ...] = ()


@dataclass(frozen=True)
class TorchBuild:
    """A build of torch: its kind (a device's name, or ``rocm``), where it is, and the disk space it needs.

    ``index`` is None for PyPI. ``note`` says why the computer's GPU won't be used.
    """

    kind: str
    words: str
    index: str | None
    disk_gb: float
    note: str = ""


def look() -> Machine:
    """The hardware of this computer. Asks NVIDIA's driver, which may take a second."""
    return Machine(sys.platform, platform.machine().lower(), tuple(_nvidia_gpus()), tuple(_amd_targets(AMD_NODES)))


def choose(machine: Machine) -> TorchBuild:
    """The build for a machine. Raises SoliloquyError ``torch_missing`` where there is no torch for it any more."""
    if machine.system == "darwin":
        if machine.processor != "arm64":
            raise SoliloquyError(
                "torch_missing",
                "PyTorch is no longer made for Macs with Intel processors.",
                "Use a Mac with an Apple processor, Linux or Windows.",
            )
        return TorchBuild("mps", "PyTorch for Apple's GPU", None, 2.5)
    linux = machine.system == "linux"
    if machine.nvidia:
        return _for_nvidia(machine.nvidia, on_pypi=linux)
    if linux and set(machine.amd) & _AMD_TARGETS:
        return TorchBuild("rocm", "PyTorch for AMD GPUs (ROCm 7.2)", INDEX + "rocm7.2", 16.0)
    return _processor("This AMD GPU is none that ROCm's PyTorch can use." if machine.amd else "", on_pypi=not linux)


def _for_nvidia(gpus: tuple[NvidiaGpu, ...], *, on_pypi: bool) -> TorchBuild:
    """``on_pypi``: PyPI has torch with CUDA 13 for this system (for Windows it has none with CUDA)."""
    best = max(gpus, key=lambda gpu: gpu.capability)
    if _within(best, _CUDA_13_CAPABILITIES) and best.driver >= CUDA_13_DRIVER:
        return TorchBuild("cuda", f"PyTorch for {best.name} (CUDA 13.0)", None if on_pypi else INDEX + "cu130", 10.0)
    if _within(best, _CUDA_12_CAPABILITIES) and best.driver >= CUDA_12_DRIVER:
        return TorchBuild("cuda", f"PyTorch for {best.name} (CUDA 12.6)", INDEX + "cu126", 10.0)
    if best.capability < _CUDA_12_CAPABILITIES[0]:
        return _processor(f"{best.name} is too old for PyTorch.", on_pypi=not on_pypi)
    needed = CUDA_13_DRIVER if best.capability > _CUDA_12_CAPABILITIES[1] else CUDA_12_DRIVER
    note = f"{best.name} needs NVIDIA's driver {needed} or newer; this computer has {best.driver}."
    return _processor(note, on_pypi=not on_pypi)


def _within(gpu: NvidiaGpu, capabilities: tuple[float, float]) -> bool:
    return capabilities[0] <= gpu.capability <= capabilities[1]


def _processor(note: str, *, on_pypi: bool) -> TorchBuild:
    """The build without GPU support. On Linux, PyPI's torch includes CUDA and is ten times as large."""
    return TorchBuild("cpu", "PyTorch for the processor", None if on_pypi else INDEX + "cpu", 3.0, note)


def _nvidia_gpus() -> list[NvidiaGpu]:
    command = find_program("nvidia-smi")
    if command is None:
        return []
    question = [str(command), "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return []
    return parse_nvidia(answer.stdout) if answer.returncode == 0 else []


def parse_nvidia(listed: str) -> list[NvidiaGpu]:
    """GPUs of lines ``name, capability, driver version``; other lines are ignored."""
    found = []
    for row in csv.reader(listed.splitlines(), skipinitialspace=True):
        try:
            name, capability, driver = row
            found.append(NvidiaGpu(name, float(capability), int(driver.partition(".")[0])))
        except ValueError:
            continue
    return found


def _amd_targets(nodes: Path) -> list[int]:
    """``gfx_target_version`` of every AMD GPU that the kernel's compute driver lists; processors are 0 there."""
    found = []
    for path in sorted(nodes.glob("*/properties")):
        try:
            words = dict(line.split(maxsplit=1) for line in path.read_text(encoding="ascii").splitlines())
            target = int(words["gfx_target_version"])
        except (OSError, ValueError, KeyError):
            continue
        if target:
            found.append(target)
    return found
