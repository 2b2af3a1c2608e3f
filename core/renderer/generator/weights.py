"""Weights of the generators on disk."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ...errors import SoliloquyError
from .config import GeneratorConfig, PaperGeneratorConfig
from .generator import Generator
from .paper import PaperGenerator

FOLDER = Path(__file__).parents[2] / "weights"
FILES = {"flow": "generator.safetensors", "paper": "generator-paper.safetensors"}
CONFIGS = {"flow": GeneratorConfig, "paper": PaperGeneratorConfig}
MODELS = {"flow": Generator, "paper": PaperGenerator}


def weights_path(model: str = "flow") -> Path:
    """Where the weights of a model ("flow" or "paper") belong."""
    return FOLDER / FILES[model]


def save_generator(path: Path, network: Generator | PaperGenerator) -> None:
    """Write weights (float16) and configuration beside ``path`` and rename them there."""
    model = "flow" if isinstance(network, Generator) else "paper"
    state = {name: value.detach().cpu().half().contiguous() for name, value in network.state_dict().items()}
    beside = path.with_suffix(".part")
    save_file(state, str(beside), {"model": model, "config": json.dumps(asdict(network.config))})
    beside.replace(path)


def load_generator(path: Path | None = None, device: str | torch.device = "cpu") -> Generator | PaperGenerator:
    """A trained generator in float32, ready to use; the shipped one with flow where no path is given.

    Raises SoliloquyError ``weights_missing`` or ``weights_damaged``.
    """
    path = path or weights_path()
    try:
        with safe_open(str(path), framework="pt") as file:
            facts = file.metadata()
            fields = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(facts["config"]).items()}
            network: nn.Module = MODELS[facts["model"]](CONFIGS[facts["model"]](**fields))
            network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    except FileNotFoundError as error:
        raise SoliloquyError(
            "weights_missing", f"The generator's weights {path.name} are missing.", "Install it again."
        ) from error
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise SoliloquyError(
            "weights_damaged",
            f"The generator's weights {path.name} can't be used ({str(error).splitlines()[0]}).",
            "Install it again.",
        ) from error
    network = network.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    assert isinstance(network, (Generator, PaperGenerator))
    return network
