"""The gaze encoder behind L_gaze (the paper's eq. 5): ``python -m training.generator.gaze train|export|evaluate``.

A small network takes a picture of one eye, cut out between its corners, and predicts the direction of gaze and how far
the eye is closed. It learns from rendered eyes, whose gaze is exact. L_gaze is the difference of its outputs for the
eyes of two pictures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.compute.weight_files import open_weights, write_weights
from core.face.points import EYE_CORNERS, IBUG_EYE_CORNERS, IBUG_LANDMARKS, LANDMARKS
from core.motion.channels import EXPRESSIONS

from ..common import folders
from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, add_run_arguments, run_config, warm_up_cosine
from ..corpus.synthetic.views import CACHE as SYNTHETIC
from ..reconstruction.data import Batch, Example, GridExamples, SyntheticExamples, collate, photographed

WEIGHTS = folders.WEIGHTS / "gaze.safetensors"
HEIGHT, WIDTH = 32, 48
"""Size of an eye's picture, pixels."""
REACH = 1.75
"""Width of an eye's picture, divided by the distance of the eye's corners."""
CORNERS = {
    count: tuple((inner, outer) for outer, inner in eyes)
    for count, eyes in ((LANDMARKS, EYE_CORNERS), (IBUG_LANDMARKS, IBUG_EYE_CORNERS))
}
"""Inner and outer corner of the person's left and right eye, among the points of the face mesh (478) and of iBUG
(68)."""
BLINKS = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]
CLOSED = 0.6
"""An eye closed further than this shows no gaze."""


@dataclass(frozen=True)
class GazeConfig:
    """Channels of the three stages, and number of features."""

    widths: tuple[int, int, int] = (24, 48, 80)
    features: int = 64

    @classmethod
    def tiny(cls) -> GazeConfig:
        """For tests."""
        return cls(widths=(8, 12, 16), features=16)


def eye_pictures(pictures: Tensor, landmarks: Tensor) -> Tensor:
    """Both eyes of pictures (B, 3, H, W), cut out by landmarks (B, 478 or 68, 2 or more) px: (B, 2, 3, 32, 48).

    The person's left eye is first. The right eye is mirrored, so that the nose is on the same side. Differentiable in
    the pictures.
    """
    batch, _, height, width = pictures.shape
    corners = torch.tensor(CORNERS[landmarks.shape[1]], device=landmarks.device)
    inner, outer = landmarks[:, corners[:, 0], :2], landmarks[:, corners[:, 1], :2]  # (B, 2 eyes, 2)
    across = (outer - inner) * (REACH / 2)  # half the width of the cut-out
    # For the left eye outward is the picture's right, and down is a quarter turn from it. The right eye is mirrored.
    down = torch.stack([-across[..., 1], across[..., 0]], -1) * across.new_tensor([1.0, -1.0])[:, None]
    y, x = torch.meshgrid(
        (torch.arange(HEIGHT) + 0.5) / HEIGHT * 2 - 1, (torch.arange(WIDTH) + 0.5) / WIDTH * 2 - 1, indexing="ij"
    )
    x, y = x.to(landmarks)[..., None], y.to(landmarks)[..., None] * (HEIGHT / WIDTH)
    middle = ((inner + outer) / 2)[:, :, None, None]
    place = middle + x * across[:, :, None, None] + y * down[:, :, None, None]  # (B, 2, HEIGHT, WIDTH, 2)
    grid = place / place.new_tensor([width, height]) * 2 - 1
    stacked = grid.reshape(batch, 2 * HEIGHT, WIDTH, 2)  # both eyes below each other, for one sampling
    cut = F.grid_sample(pictures, stacked, padding_mode="border", align_corners=False)
    return cut.reshape(batch, 3, 2, HEIGHT, WIDTH).transpose(1, 2)


class GazeEncoder(nn.Module):
    """From an eye's picture to features, and from them to yaw, pitch and closure."""

    def __init__(self, config: GazeConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or GazeConfig()
        layers: list[nn.Module] = []
        inside = 3
        for width in config.widths:
            layers += [
                nn.Conv2d(inside, width, 3, 2, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.SiLU(),
                nn.Conv2d(width, width, 3, 1, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.SiLU(),
            ]
            inside = width
        self.stages = nn.Sequential(*layers)
        self.features = nn.Linear(inside * (HEIGHT // 8) * (WIDTH // 8), config.features)
        self.head = nn.Linear(config.features, 3)

    def forward(self, eyes: Tensor) -> tuple[Tensor, Tensor]:
        """Eyes (N, 3, 32, 48) RGB 0–1 -> features (N, features), and (N, 3): yaw outward and pitch down in radians,
        closure 0–1."""
        # The light on an eye says nothing about its gaze.
        level = eyes.mean((1, 2, 3), keepdim=True)
        spread = eyes.flatten(1).std(1)[:, None, None, None].clamp_min(0.03)
        features = torch.tanh(self.features(self.stages((eyes - level) / spread).flatten(1)))
        return features, self.head(features).float()

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> GazeEncoder:
        """The trained encoder. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``."""
        with open_weights(path, "gaze encoder", "Run: python -m training.generator.gaze train", device) as file:
            network = cls(GazeConfig(**file.config))
            network.load_state_dict(file.tensors)
        return network.to(device).eval().requires_grad_(False)


class GazeDistance(nn.Module):
    """L_gaze: difference of the encoder's outputs for the eyes of two pictures with the same landmarks."""

    def __init__(self, encoder: GazeEncoder) -> None:
        super().__init__()
        self.encoder = encoder.eval().requires_grad_(False)

    def forward(self, generated: Tensor, truth: Tensor, landmarks: Tensor) -> Tensor:
        """Mean absolute difference of the features, plus that of gaze and closure, over pictures (B, 3, H, W) 0–1 with
        landmarks (B, 478 or 68, 2 or more) px. ``truth`` gets no gradient."""
        ours, seen = self.encoder(eye_pictures(generated, landmarks).flatten(0, 1))
        with torch.no_grad():
            theirs, true = self.encoder(eye_pictures(truth, landmarks).flatten(0, 1))
        return (ours - theirs).abs().mean() + (seen - true).abs().mean()


def eyes_of(batch: Batch) -> tuple[Tensor, Tensor]:
    """Pictures (2 B, 3, 32, 48) and truth (2 B, 3) of the eyes of a batch of views."""
    outward = torch.tensor([1.0, -1.0])
    gaze = torch.stack([batch.gaze[..., 0] * outward, batch.gaze[..., 1]], -1)
    truth = torch.cat([gaze, batch.expression[:, BLINKS, None]], -1)  # (B, 2 eyes, 3)
    return eye_pictures(batch.view, batch.landmarks).flatten(0, 1), truth.flatten(0, 1)


def loss_of(seen: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Errors of gaze (only of open eyes) and of closure, and their weighted sum ``total``."""
    open_eyes = (truth[:, 2:] < CLOSED).float()
    gaze = ((seen[:, :2] - truth[:, :2]).abs() * open_eyes).sum() / (2 * open_eyes.sum()).clamp_min(1)
    closure = (seen[:, 2] - truth[:, 2]).abs().mean()
    return {"gaze": gaze, "closure": closure, "total": gaze + 0.3 * closure}


def train(
    folder: Path, config: RunConfig, network: GazeConfig, source: SyntheticExamples, views: int = 32, rate: float = 2e-3
) -> Run:
    """Train in a folder on ``views`` rendered views in each step. Goes on from the folder's checkpoint."""
    torch.manual_seed(config.seed)
    model = GazeEncoder(network)
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-3)
    facts = {"network": asdict(network), "views": views}
    run = Run(folder, config, {"gaze": model}, {"gaze": optimiser}, averaged=["gaze"], recipe=facts)

    def step(now: Step) -> dict[str, Tensor]:
        batch = collate([source.draw(now.rng) for _ in range(views)])
        view = photographed(batch.view, now.rng)
        # In use the corners are never found exactly.
        error = 0.5 * torch.randn(batch.landmarks.shape, generator=now.generator)
        batch = replace(batch, view=view, landmarks=batch.landmarks + error)
        eyes, truth = (value.to(run.device) for value in eyes_of(batch))
        with now.autocast():
            _, seen = run.forward["gaze"](eyes)
        losses = loss_of(seen, truth)
        now.set_rate("gaze", warm_up_cosine(now.index, config.steps, rate, 30))
        now.update("gaze", losses["total"], clip=1.0)
        return {name: value.detach() for name, value in losses.items()}

    run.modules["gaze"].train()
    run.fit(step)
    return run


def export(folder: Path, network: GazeConfig, path: Path) -> None:
    """Write the averaged weights as float16; running statistics stay float32."""
    average = load_module(folder / CHECKPOINT, "gaze", GazeEncoder(network))
    tensors = {
        name: value.half() if value.is_floating_point() and "running" not in name else value
        for name, value in average.state_dict().items()
    }
    write_weights(path, tensors, asdict(network))


def errors(encoder: GazeEncoder, examples: Sequence[Example]) -> dict[str, float]:
    """For open eyes the median error of the gaze in degrees, the same for a constant answer (the mean gaze), and the
    correlations of yaw and pitch; for all eyes the correlation of closure."""
    eyes, truth = eyes_of(collate(examples))
    with torch.inference_mode():
        seen = torch.cat([encoder(part)[1] for part in eyes.split(256)])
    open_eyes = truth[:, 2] < CLOSED
    apart = torch.rad2deg((seen - truth)[open_eyes, :2].norm(dim=1))
    both = [np.corrcoef(seen[open_eyes, k].numpy(), truth[open_eyes, k].numpy())[0, 1] for k in (0, 1)]
    closure = np.corrcoef(seen[:, 2].numpy(), truth[:, 2].numpy())[0, 1]
    true = truth[open_eyes, :2]
    values = {
        "median, °": apart.median(),
        "median of the mean gaze, °": torch.rad2deg((true - true.mean(0)).norm(dim=1)).median(),
        "yaw correlation": both[0],
        "pitch correlation": both[1],
        "closure correlation": closure,
    }
    return {"eyes": len(truth)} | {name: round(float(value), 3) for name, value in values.items()}


def evaluate(
    encoder: GazeEncoder, synthetic: Path = SYNTHETIC, corpus: Path = folders.GRID
) -> dict[str, dict[str, float]]:
    """:func:`errors` on rendered test people (exact truth), and on frames of GRID. There the truth is the fit's gaze,
    which has errors of its own."""
    exact = SyntheticExamples(synthetic, "test")
    report = {"synthetic people, exact truth": errors(encoder, [exact.of(i) for i in range(len(exact))])}
    for split in ("test", "unseen"):
        clips = GridExamples(corpus, split)
        frames = [clips.of(c, f) for c in range(0, len(clips.clips), 2) for f in range(0, clips.clips[c].frames, 8)]
        report[f"GRID {split}"] = errors(encoder, frames)
    return report


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("train", "export", "evaluate"))
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that export writes and evaluate reads")
    defaults = RunConfig(steps=700, ema=0.99)
    add_run_arguments(parser, folders.RUNS / "gaze", defaults)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network = GazeConfig.tiny() if options.size == "tiny" else GazeConfig()
    if options.command == "train":
        train(options.run, run_config(options, defaults), network, SyntheticExamples(SYNTHETIC, "train"))
    elif options.command == "export":
        export(options.run, network, options.weights)
    else:
        print(json.dumps(evaluate(GazeEncoder.load(path=options.weights)), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
