"""An ablation of SadTalker's paper: one network for expression and head motion, next to ExpNet and PoseVAE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.sadtalker.exp_net import ExpNet
from core.sadtalker.pose_vae import POSE, PoseVae, around_the_mean
from core.sound.audio import load_audio
from core.sound.mel import MELS_PER_FRAME

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, RunConfig
from ..common.folders import TRACKS
from ..common.results_page import Table, number
from ..lips.data import FILMED
from ..lips.sound_offsets import in_time_of_sound
from .clips import Clip, ClipSampler, Windows
from .expression import Lesson, TrainConfig, fit
from .expression_evaluation import HeldOut, shown_mouth
from .expression_losses import ExpressionLosses
from .pose_evaluation import between, deviation, speed, takes_of
from .poses import LEAST, heard_in, poses_of
from .reader import Reader

POSE_WEIGHT = 1.0
"""Weight of the head's squared error, in deviations, beside ExpNet's losses."""


@dataclass(frozen=True, eq=False)
class Turned:
    """A filmed clip, the poses (T, 6) of its head around their running mean, and the file of its sound."""

    clip: Clip
    poses: np.ndarray
    sound: Path


def with_poses(clips: Sequence[Clip]) -> list[Turned]:
    """The filmed ones of ``clips`` with the poses of their tracks."""
    paths = {path.stem: path for corpus in FILMED for path in (TRACKS / corpus).glob("*.npz")}
    found = []
    for clip in clips:
        if clip.filmed:
            path = paths[clip.name]
            with np.load(path, allow_pickle=False) as track:
                poses = in_time_of_sound(poses_of(track), path)
            found.append(Turned(clip, around_the_mean(poses), path.with_suffix(".wav")))
    return found


@dataclass(frozen=True)
class Both:
    """Windows of expressions, and B others with the head's pose: phones (B, 4 L, 40), manner (B, L, m), pose of the
    first frame (B, 6), poses relative to it (B, L, 6)."""

    faces: Windows
    phones: Tensor
    manner: Tensor
    first: Tensor
    residuals: Tensor

    def to(self, device: torch.device) -> Both:
        """The same windows on a device."""
        return Both(**{name: value.to(device) for name, value in vars(self).items()})


class BothSampler:
    """Draws as many windows of heads as of expressions; heads from clips in proportion to their length."""

    def __init__(self, faces: ClipSampler, heads: Sequence[Turned]) -> None:
        self.faces, self.heads = faces, [turned for turned in heads if len(turned.poses) >= faces.frames]
        room = np.array([len(turned.poses) for turned in self.heads], float)
        self._weight = room / room.sum()

    def draw(self, count: int, rng: np.random.Generator) -> Both:
        """``count`` random windows of each."""
        faces, length, parts = self.faces.draw(count, rng), self.faces.frames, []
        for index in rng.choice(len(self.heads), count, p=self._weight):
            turned = self.heads[int(index)]
            begin = int(rng.integers(len(turned.poses) - length + 1))
            poses, heard = turned.poses[begin : begin + length], turned.clip.heard
            phones = heard.phones[MELS_PER_FRAME * begin : MELS_PER_FRAME * (begin + length)]
            parts.append((phones, heard.manner[begin : begin + length], poses[0], poses - poses[0]))
        return Both(faces, *(torch.from_numpy(np.stack(values)) for values in zip(*parts, strict=True)))


class OneNetwork(nn.Module):
    """ExpNet with a second last layer: head motion from what is heard and the first pose, in units of ``scale`` (6,).

    Nothing random goes in, so a sound always has the same head.
    """

    scale: Tensor

    def __init__(self, config: TrainConfig, scale: Tensor | None = None) -> None:
        super().__init__()
        self.face = Lesson(ExpNet(config.shape()), config)
        self.head = nn.Linear(self.face.network.config.code + POSE, POSE)
        self.register_buffer("scale", torch.ones(POSE) if scale is None else scale)

    def poses(self, phones: Tensor, manner: Tensor, first: Tensor) -> Tensor:
        """(B, L, 6) poses relative to the first one (B, 6)."""
        code = self.face.network.listen(phones, manner)
        start = (first / self.scale)[:, None].expand(-1, code.shape[1], -1)
        moved: Tensor = self.head(torch.cat([code, start], 2)) * self.scale
        return moved

    def forward(self, batch: Both) -> tuple[Tensor, Tensor]:
        """Weights (B, L, 53), and poses (B, L, 6) relative to the first one."""
        return self.face(batch.faces), self.poses(batch.phones, batch.manner, batch.first)


def train_both(
    config: TrainConfig,
    settings: RunConfig,
    clips: Sequence[Clip],
    heads: Sequence[Turned],
    reader: Reader | None,
    folder: Path,
) -> OneNetwork:
    """Train with ExpNet's recipe to ``settings.steps``, or go on; returns the averaged network."""
    torch.manual_seed(settings.seed)
    spread = np.concatenate([turned.poses for turned in heads]).std(0)
    network = OneNetwork(config, torch.from_numpy(spread).float().clamp_min(LEAST))
    sampler = BothSampler(ClipSampler(clips, config.window, config.voices), heads)

    def terms_of(forward: nn.Module, losses: ExpressionLosses, batch: Both) -> dict[str, Tensor]:
        weights, poses = forward(batch)
        terms: dict[str, Tensor] = losses(weights, batch.faces)
        turned = ((poses - batch.residuals) / network.scale).square().mean()
        return terms | {"pose": turned, "total": terms["total"] + POSE_WEIGHT * turned}

    fit("both", network, sampler, terms_of, config, settings, reader, folder)
    return load_module(folder / CHECKPOINT, "both", OneNetwork(config))


@torch.inference_mode()
def head_of(network: OneNetwork, clip: Clip) -> np.ndarray:
    """(T, 6) poses of a clip's sound, from the rest pose."""
    phones, manner = (torch.from_numpy(values)[None] for values in (clip.heard.phones, clip.heard.manner))
    return network.poses(phones, manner, torch.zeros(1, POSE))[0].numpy()


def heads_of(network: PoseVae, turned: Turned) -> list[list[np.ndarray]]:
    """PoseVAE's takes (T, 6) of a clip's sound: for each style those of all seeds."""
    heard = heard_in(load_audio(turned.sound).samples, len(turned.poses))
    return [takes_of(network, heard, style) for style in range(network.config.styles)]


def one_network_table(
    held_out: HeldOut,
    heads: Sequence[Turned],
    networks: Mapping[str, tuple[ExpNet, Mapping[str, list[list[np.ndarray]]]]],
    command: str,
) -> Table:
    """Mouths and heads of each way.

    Parameters
    ----------
    heads
        Held-out clips with the film's poses.
    networks
        By name: what makes the mouth, and by name of the clip groups of takes (T, 6); a group's takes differ only in
        their seed.
    """
    rows = []
    for name, (network, made) in networks.items():
        opening = {clips: held_out.mouths(clips, shown_mouth(network))["opening"] for clips in held_out.sets}
        sizes, speeds, spreads = [], [], []
        for turned in heads:
            takes = [take for group in made[turned.clip.name] for take in group]
            sizes.append(np.mean([deviation(take) for take in takes]) / deviation(turned.poses))
            speeds.append(np.mean([speed(take) for take in takes]) / speed(turned.poses))
            spreads.append(np.mean([between(group) if len(group) > 1 else 0.0 for group in made[turned.clip.name]]))
        told = (number(float(np.median(values)), 2) for values in (sizes, speeds, spreads))
        rows.append((name, *(number(value) for value in opening.values()), *told))
    columns = ("networks", *(f"opening, {clips}" for clips in held_out.sets), "head / film", "speed / film", "takes, °")
    note = (
        "Equal runs, without the gain of the export. Opening: correlation with the film. Then the deviation and the "
        "speed of the head's rotation, as a share of the film's, and degrees between takes of one sound; medians over "
        "the films, of PoseVAE the mean over its styles."
    )
    return Table("sadtalker/one-network", "One network for expression and head", command, columns, tuple(rows), (note,))
