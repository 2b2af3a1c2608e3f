"""How near pictures of a renderer are to the truths of reenactment pairs: every metric, over every region.

Metrics count the pixels on which truth and conditions agree (``valid``): over the whole picture, the mouth, the eyes,
and the edge of head and hair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.face.face_view import VIEW_SIDE, clip_similarity, sampling_theta
from core.face.reconstruction import Reconstruction

from ..corpus.pairs.pair import Pair, PairBatch, collate
from .inception import Inception
from .perceptual import OrientedPyramid, PerceptualDistance
from .picture_quality import flicker, frechet, mean_over, psnr, sharpness, ssim_map

Features = Callable[[Tensor, Tensor], Tensor]
"""(B, D) of pictures (B, 3, S, S) and their landmarks (B, 478, 2) px, for the Fréchet distance."""
Method = Callable[[PairBatch], Tensor]
"""Pictures (B, 3, S, S) 0–1 for a batch of pairs."""
REGIONS = ("whole", "mouth", "eyes", "edge")
BATCH = 8
FRECHET_NAME = "oriented-filter energies of the face, a stand-in for FID"


@dataclass(frozen=True)
class RegionMeans:
    """Means over pairs in one region: PSNR in dB, SSIM, perceptual distance, sharpness relative to the truth. NaN where
    no pair has pixels in the region."""

    psnr: float
    ssim: float
    perceptual: float
    sharpness: float


@dataclass(frozen=True)
class MethodMeans:
    """Measurements of one method on some pairs.

    Attributes
    ----------
    regions
        For each of ``REGIONS``.
    unlike
        Mean difference of the faces as the reconstruction network R sees them; NaN without R.
    frechet
        Fréchet distance of all made pictures to all truths.
    better
        For each region the share of pairs with a smaller perceptual distance than the method "warp". None for "warp"
        itself, and if "warp" was not measured.
    """

    regions: dict[str, RegionMeans]
    unlike: float
    frechet: float
    better: dict[str, float] | None


@dataclass(frozen=True)
class SetResult:
    """Number of pairs, and the measurements of each method on them."""

    pairs: int
    methods: dict[str, MethodMeans]


@dataclass
class _Series:
    """Values of each pair in one region."""

    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    perceptual: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)

    def means(self) -> RegionMeans:
        return RegionMeans(**{name: mean_known(values) for name, values in asdict(self).items()})


def regions(batch: PairBatch) -> dict[str, Tensor]:
    """Weights (B, 1, S, S) of each of ``REGIONS``."""
    masks = dict(zip(REGIONS[1:], batch.interest.split(1, 1), strict=True))
    return {"whole": batch.valid, **{name: mask * batch.valid for name, mask in masks.items()}}


def face_views(pictures: Tensor, landmarks: Tensor, side: int = VIEW_SIDE) -> Tensor:
    """(B, 3, side, side) face views of pictures (B, 3, H, W) by their landmarks (B, 478, 2) px."""
    frame = (pictures.shape[-2], pictures.shape[-1])
    theta = np.stack([sampling_theta(clip_similarity(points), frame) for points in landmarks.numpy()])
    grid = F.affine_grid(torch.from_numpy(theta), [len(pictures), 3, side, side], align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def face_features(views: Tensor, filters: OrientedPyramid) -> Tensor:
    """(B, 46) of face views: mean energy of the filters at each scale, orientation and colour, then mean and spread of
    the colours."""
    energies = [maps.mean((2, 3)) for maps in filters(views)[1::2]]
    return torch.cat([*energies, views.mean((2, 3)), views.std((2, 3))], 1)


def unlikeness(network: Reconstruction, made: Tensor, truth: Tensor) -> Tensor:
    """(B,) difference of R's feature maps of two sets of face views; each feature vector has root mean square 1."""

    def maps(views: Tensor) -> list[Tensor]:
        return [m * torch.rsqrt(m.square().mean(1, keepdim=True) + 1e-4) for m in network.maps(views)]

    pairs = list(zip(maps(made), maps(truth), strict=True))
    return torch.stack([(a - b).abs().mean((1, 2, 3)) for a, b in pairs]).mean(0)


def features_by(inception: Path | None) -> tuple[str, Features]:
    """The features that compare sets of pictures, and their name: of Inception if its weights are given, else of
    filters."""
    if inception is not None:
        network = Inception.load(inception)
        return "FID (Inception v3, whole squares)", lambda pictures, landmarks: network(pictures)
    filters = OrientedPyramid()
    return FRECHET_NAME, lambda pictures, landmarks: face_features(face_views(pictures, landmarks), filters)


def measure(
    pairs: Sequence[Pair],
    methods: Mapping[str, Method],
    perceptual: PerceptualDistance,
    features_of: Features | None = None,
    network: Reconstruction | None = None,
) -> SetResult:
    """All metrics of all methods on pairs.

    Parameters
    ----------
    features_of
        For the Fréchet distance; :func:`features_by` without Inception if not given.
    network
        R, for ``MethodMeans.unlike``.
    """
    features_of = features_of or features_by(None)[1]
    values = {name: {region: _Series() for region in REGIONS} for name in methods}
    unlike: dict[str, list[float]] = {name: [] for name in methods}
    features: dict[str, list[Tensor]] = {name: [] for name in (*methods, "truth")}
    for start in range(0, len(pairs), BATCH):
        batch = collate([pairs[i] for i in range(start, min(start + BATCH, len(pairs)))])
        truth, weights = batch.truth, regions(batch)
        features["truth"].append(features_of(truth, batch.landmarks))
        for name, method in methods.items():
            with torch.inference_mode():
                made = method(batch).float()
                features[name].append(features_of(made, batch.landmarks))
                if network is not None:
                    views = (face_views(p, batch.landmarks) for p in (made, truth))
                    unlike[name] += unlikeness(network, *views).tolist()
                likeness = ssim_map(made, truth)
                looks = perceptual.over(made, truth, torch.cat(list(weights.values()), 1))  # (B, regions)
                for (region, weight), look in zip(weights.items(), looks.unbind(1), strict=True):
                    there = weight.sum((1, 2, 3)) > 1
                    found = values[name][region]
                    found.psnr += psnr(made, truth, weight).tolist()
                    found.ssim += mean_over(likeness, weight).tolist()
                    found.perceptual += torch.where(there, look, torch.nan).tolist()
                    found.sharpness += sharpness(made, truth, weight).tolist()
    results = {}
    for name, of_method in values.items():
        better = None
        if "warp" in methods and name != "warp":
            better = {
                region: _share_better(of_method[region].perceptual, values["warp"][region].perceptual)
                for region in REGIONS
            }
        results[name] = MethodMeans(
            regions={region: series.means() for region, series in of_method.items()},
            unlike=mean_known(unlike[name]),
            frechet=frechet(torch.cat(features[name]), torch.cat(features["truth"])),
            better=better,
        )
    return SetResult(len(pairs), results)


def measure_flicker(runs: Sequence[tuple[Pair, Pair, Pair]], methods: Mapping[str, Method]) -> dict[str, float]:
    """Mean flicker of the film ("truth") and of each method over runs of three neighbouring frames, in levels of 255,
    away from mouth and eyes."""
    values: dict[str, list[float]] = {name: [] for name in ("truth", *methods)}
    for run in runs:
        batch = collate(run)
        still = batch.valid * (1 - batch.interest[:, :2].amax(1, keepdim=True))
        values["truth"].append(flicker(batch.truth, still))
        for name, method in methods.items():
            with torch.inference_mode():
                values[name].append(flicker(method(batch).float(), still))
    return {name: mean_known(found) for name, found in values.items()}


def mean_known(values: Sequence[float]) -> float:
    """Mean of the finite values, NaN if there are none."""
    known = [value for value in values if np.isfinite(value)]
    return sum(known) / len(known) if known else float("nan")


def _share_better(ours: list[float], theirs: list[float]) -> float:
    """Share of pairs with the smaller distance, among the pairs where both are known."""
    a, b = np.array(ours), np.array(theirs)
    known = np.isfinite(a) & np.isfinite(b)
    return float((a < b)[known].mean()) if known.any() else float("nan")
