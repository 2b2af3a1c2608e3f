"""From a run's averaged weights to the shards that ship."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from core.places import WEIGHTS
from core.prior.calibration import Calibration
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior

from ..common.checkpoint import load_checkpoint, load_module, module_weights
from ..common.engine import CHECKPOINT
from .train import Denoising, TrainConfig

SHARD_BYTES = 14 * 2**20
"""At most 15 MiB a file, with room for the header."""


def save_shards(
    network: AudioToNonlipPrior,
    mean: Tensor,
    deviation: Tensor,
    folder: Path,
    num_inference_steps: int = 10,
    guidance_scale: float = 1.0,
    sampler: str = "dpm_solver_pp",
    spread: Tensor | None = None,
    calibration: Calibration | None = None,
) -> list[Path]:
    """Write ``prior-00001-of-0000N.safetensors`` …: float16 weights, float32 statistics, the config as metadata."""
    tensors = {name: value.detach().half().contiguous() for name, value in network.state_dict().items()}
    spread = torch.ones_like(mean) if spread is None else spread
    numbers = {"mean": mean, "deviation": deviation, "spread": spread}
    if calibration is not None:
        numbers |= {"calibration.keep": calibration.keep, "calibration.trust": calibration.trust}
    tensors |= {name: value.float().contiguous() for name, value in numbers.items()}
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in tensors.items():
        if size + value.nbytes > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = value
        size += value.nbytes
    metadata = {
        "config": json.dumps(asdict(network.config)),
        "num_inference_steps": str(num_inference_steps),
        "guidance_scale": str(guidance_scale),
        "sampler": sampler,
        "shards": str(len(shards)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("prior-*.safetensors"):
        old.unlink()
    paths = []
    for i, shard in enumerate(shards):
        paths.append(folder / f"prior-{i + 1:05d}-of-{len(shards):05d}.safetensors")
        save_file(shard, paths[-1], metadata=metadata)
        paths[-1].chmod(0o644)  # the writer makes files that only their owner can read
    return paths


def write(prior: NonlipPrior, folder: Path) -> list[Path]:
    """Write a prior with all that it samples by."""
    mean, deviation, spread = (torch.from_numpy(array) for array in (prior.mean, prior.deviation, prior.spread))
    settings = prior.num_inference_steps, prior.guidance_scale, prior.sampler, spread, prior.calibration
    return save_shards(prior.network, mean, deviation, folder, *settings)


def trained(run: Path) -> tuple[NonlipPrior, dict[str, Any]]:
    """The averaged network of a run, ready to sample (spread 1), and the facts of its checkpoint."""
    checkpoint = run / CHECKPOINT
    facts = load_checkpoint(checkpoint, {}, {}, {})
    config = TrainConfig(**facts["recipe"])
    measured = module_weights(checkpoint, "statistics", "module")
    pupil = Denoising(AudioToNonlipPrior(config.network), torch.ones_like(measured["mean"]))
    load_module(checkpoint, "prior", pupil)
    return NonlipPrior(pupil.network, measured["mean"], measured["deviation"], space=config.space()), facts


def export(run: Path, num_inference_steps: int, guidance_scale: float, folder: Path = WEIGHTS) -> None:
    """Write the run's averaged network to ``folder``, uncalibrated and with spread 1, and say how large it is."""
    prior, facts = trained(run)
    prior.num_inference_steps, prior.guidance_scale = num_inference_steps, guidance_scale
    paths = write(prior, folder)
    total = sum(path.stat().st_size for path in paths)
    print(
        f"{len(paths)} shards, {total / 2**20:.1f} MiB, after {facts['step']} steps and {facts['seconds'] / 60:.0f} min"
    )
