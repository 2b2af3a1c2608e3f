"""One pair for the generator G: a source picture, everything that G sees, and the picture that G should make.

A pair is one frame of the product. A ``core.renderer.Renderer`` is made for the source, as for a user's portrait. Its
head is posed on the truth, and ``Renderer.warp`` and ``Renderer.surfaces`` give the inputs of G. S = 256.

| kind | source | truth |
|---|---|---|
| ``films`` | a frame of a filmed talker | runs of other frames of the talker, posed on their landmarks |
| ``portraits`` | a real portrait re-posed by the renderer | the photograph itself |
| ``own`` | a real portrait | the same portrait, or the portrait moved so little that the warp is right |
| ``lids`` | a real portrait | the portrait with closing lids, drawn by the warp at twice the size |
| ``synthetic`` | a rendered person | the same person rendered in another pose and expression |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...common import folders

FOLDER = folders.CACHE / "pairs"
KINDS = ("films", "portraits", "own", "lids", "synthetic")
SPLITS = ("train", "validation", "test", "unseen")
SHARES = {"films": 0.5, "portraits": 0.25, "own": 0.1, "lids": 0.05, "synthetic": 0.1}
"""Share of each kind in a batch, among the kinds that exist. Films come first: only they show real people moving."""


@dataclass(frozen=True)
class Pair:
    """One pair, as it is made and read. :class:`PairBatch` describes the fields; S = 256.

    source, truth, warped (S, S, 3) uint8 RGB; alpha, trust, stretch (S, S) uint8; parts (S, S) int8; normals (S, S, 3)
    int8, 127 = 1; flow (S/2, S/2, 2) float16 px; interest (S, S, 3) and valid (S, S) uint8; channels (59,), expression,
    own (53,) float32; landmarks, source_landmarks (478, 2) float32 px; facts: kind, name (of the portrait or clip),
    split, what (the pose); of films also clip and frame of the truth and frame of the source.
    """

    source: np.ndarray
    truth: np.ndarray
    warped: np.ndarray
    alpha: np.ndarray
    trust: np.ndarray
    stretch: np.ndarray
    parts: np.ndarray
    normals: np.ndarray
    flow: np.ndarray
    interest: np.ndarray
    valid: np.ndarray
    channels: np.ndarray
    expression: np.ndarray
    own: np.ndarray
    landmarks: np.ndarray
    source_landmarks: np.ndarray
    facts: dict[str, str]


@dataclass(frozen=True)
class PairBatch:
    """B pairs as tensors, float32 unless noted. Pixels are those of the square; the first pixel's centre is (0.5, 0.5).

    Attributes
    ----------
    source, truth
        (B, 3, S, S) RGB 0–1.
    warped
        (B, 3, S, S) ``WarpedFrames.picture``: the finished frame of the flow warp.
    alpha
        (B, 1, S, S) ``WarpedFrames.alpha``, the generous matte of the warped person.
    trust, stretch
        (B, 1, S, S) ``Flow.trust`` and ``Flow.stretch``.
    flow
        (B, 2, S/2, S/2) ``Flow.positions`` minus each pixel's own place, px of the S square, mean of 2 × 2 blocks.
    parts
        (B, S, S) int64 part label of ``Renderer.surfaces`` (``core.head.head_model.PARTS``), −1 where there is no head.
    normals
        (B, 3, S, S) unit normals in camera axes, 0 where there is no head.
    channels
        (B, 59) the frame's Motion: 53 weights, then rotation and translation relative to the source.
    expression, own
        (B, 53) ICT weights shown in the truth (``PosedHeads.expression``), and the source's own weights.
    landmarks, source_landmarks
        (B, 478, 2) face mesh of truth and source, px.
    interest
        (B, 3, S, S) soft masks 0–1: mouth, eyes, edge (outline of head and hair, and regions that the turn uncovers).
    valid
        (B, 1, S, S) 0–1: how well truth and conditions agree; low on shoulders, which the renderer leaves in place.
    facts
        ``Pair.facts`` of each pair.
    """

    source: Tensor
    truth: Tensor
    warped: Tensor
    alpha: Tensor
    trust: Tensor
    stretch: Tensor
    flow: Tensor
    parts: Tensor
    normals: Tensor
    channels: Tensor
    expression: Tensor
    own: Tensor
    landmarks: Tensor
    source_landmarks: Tensor
    interest: Tensor
    valid: Tensor
    facts: list[dict[str, str]]

    def __len__(self) -> int:
        """B."""
        return len(self.source)


def collate(pairs: Sequence[Pair]) -> PairBatch:
    """Pairs as tensors on the processor."""

    def planes(name: str, scale: float = 255.0) -> Tensor:
        values = torch.from_numpy(np.stack([getattr(pair, name) for pair in pairs])).float() / scale
        # (B, S, S) -> (B, 1, S, S); (B, S, S, C) -> (B, C, S, S)
        return values[:, None] if values.dim() == 3 else values.permute(0, 3, 1, 2).contiguous()

    def vectors(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(pair, name) for pair in pairs])).float()

    return PairBatch(
        source=planes("source"),
        truth=planes("truth"),
        warped=planes("warped"),
        alpha=planes("alpha"),
        trust=planes("trust"),
        stretch=planes("stretch"),
        flow=planes("flow", 1.0),
        parts=torch.from_numpy(np.stack([pair.parts for pair in pairs])).long(),
        normals=planes("normals", 127.0),
        channels=vectors("channels"),
        expression=vectors("expression"),
        own=vectors("own"),
        landmarks=vectors("landmarks"),
        source_landmarks=vectors("source_landmarks"),
        interest=planes("interest"),
        valid=planes("valid"),
        facts=[pair.facts for pair in pairs],
    )
