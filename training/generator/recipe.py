"""Settings of a generator's run, and the networks that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from torch import nn

from core.compute.weight_files import open_weights
from core.errors import BadInputError
from core.renderer.generator import Correction, Generator, GeneratorConfig
from core.renderer.generator.style import StyleNetworks
from core.renderer.paper.network import PaperGenerator, PaperGeneratorConfig
from core.representation.model import WEIGHTS, Representation

from ..common.networks import channels_last
from .data import WindowConfig, Windows
from .discriminator import DiscriminatorConfig
from .losses import LossWeights
from .style import ProjectedStyle


@dataclass(frozen=True)
class Recipe:
    """All settings of a run.

    Attributes
    ----------
    model
        "flow" or "paper".
    rates
        Learning rates of G and D.
    warm_up
        Steps over which the rates grow.
    decay_from
        Part of the steps after which the rates fall.
    shares
        Share of each kind of pairs.
    """

    model: str = "flow"
    flow: GeneratorConfig = field(default_factory=GeneratorConfig)
    paper: PaperGeneratorConfig = field(default_factory=PaperGeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    windows: WindowConfig = field(default_factory=WindowConfig)
    losses: LossWeights = field(default_factory=LossWeights)
    rates: tuple[float, float] = (2.5e-4, 6e-4)
    warm_up: int = 200
    decay_from: float = 1.0
    shares: Mapping[str, float] = field(
        default_factory=lambda: {"films": 0.45, "portraits": 0.25, "own": 0.1, "lids": 0.08, "synthetic": 0.12}
    )

    @classmethod
    def of(cls, model: str, size: str) -> Recipe:
        """The recipe for a model and a size ("tiny" or "base")."""
        recipe = cls(model=model)
        if model == "paper":
            # It always draws the whole square.
            recipe = replace(
                recipe,
                windows=WindowConfig(pairs=2, windows=0),
                losses=LossWeights(share=0.0, shift=0.0),
            )
        if size == "tiny":
            recipe = replace(
                recipe,
                flow=GeneratorConfig.tiny(),
                paper=PaperGeneratorConfig.tiny(),
                discriminator=DiscriminatorConfig.tiny(),
                windows=replace(WindowConfig.tiny(), windows=min(recipe.windows.windows, 1)),
                losses=replace(recipe.losses, gan_from=4, gan_over=4),
                rates=(2e-3, 2e-3),
                warm_up=4,
            )
        return recipe


def build(recipe: Recipe) -> Generator | PaperGenerator:
    """An untrained generator of the recipe's kind and size."""
    return channels_last(Generator(recipe.flow) if recipe.model == "flow" else PaperGenerator(recipe.paper))


def start_from(network: nn.Module, recipe: Recipe, weights: Path) -> None:
    """Load exported weights into an untrained generator; raises BadInputError if they have another kind or size."""
    with open_weights(weights, "generator") as file:
        same = (file.facts["model"], file.config) == (recipe.model, asdict(getattr(recipe, recipe.model)))
        if same:
            network.load_state_dict(file.tensors)
    if not same:
        raise BadInputError(
            "start_other_config",
            f"The generator in {weights} has another kind or size than this run's.",
            "Choose the --model and --size that it was trained with.",
        )


def correct(network: nn.Module, windows: Windows) -> Correction:
    """The flow generator's correction of some windows; several windows may share a source."""
    correction: Correction = network(
        windows.source, windows.warped, windows.conditions, windows.positions, windows.paintable, windows.style
    )
    return correction


def style_networks() -> StyleNetworks:
    """The learned representation, or a stand-in if it has no weights yet."""
    if WEIGHTS.is_file():
        networks = Representation.load()
        return networks.requires_grad_(False)
    print("The representation has no weights yet: a stand-in drives the generator.")
    return ProjectedStyle()
