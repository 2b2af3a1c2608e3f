"""Export the averaged weights of a run to the shards that ship."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.compute.shards import write_shards
from core.places import WEIGHTS
from core.prior.calibration import Calibration
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior

from ..common.checkpoint import load_checkpoint, load_module, module_weights
from ..common.engine import CHECKPOINT
from .train import Denoising, TrainConfig


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
    """Write ``prior-00001-of-0000N.safetensors`` …, or ``learned_prior-…`` if the network diffuses learned codes:
    float16 weights, float32 statistics, settings as metadata.

    Shards of an earlier prior in the folder are removed. Returns the paths.
    """
    spread = torch.ones_like(mean) if spread is None else spread
    numbers = {"mean": mean, "deviation": deviation, "spread": spread}
    if calibration is not None:
        numbers |= {"calibration.keep": calibration.keep, "calibration.trust": calibration.trust}
    facts = {
        "num_inference_steps": str(num_inference_steps),
        "guidance_scale": str(guidance_scale),
        "sampler": sampler,
    }
    return write_shards(network.config.stem, network.state_dict(), numbers, asdict(network.config), folder, facts)


def write(prior: NonlipPrior, folder: Path) -> list[Path]:
    """Write a prior with all its sampling settings."""
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
    """Write the averaged network of a run to ``folder``, uncalibrated and with spread 1, and print its size."""
    prior, facts = trained(run)
    prior.num_inference_steps, prior.guidance_scale = num_inference_steps, guidance_scale
    paths = write(prior, folder)
    total = sum(path.stat().st_size for path in paths)
    print(
        f"{len(paths)} shards, {total / 2**20:.1f} MiB, after {facts['step']} steps and {facts['seconds'] / 60:.0f} min"
    )
