"""Self-reenactment on held-out pairs, every renderer against the same truths.

``python -m training.generator.image_metrics`` compares the still portrait (the source as it is), the plain flow warp,
the paper's own generator where weights are given, and G. Held out are talker s1's test clips and all clips of s4 (a
stranger), portraits by name, and synthetic people by seed (``training.common.splits``). No photograph shows how the
lids of held-out portraits close, so their truth is the warp's own picture, drawn twice as large. Metrics count pixels
that truth and conditions agree on (``valid``), over the whole picture, the mouth, the eyes, and the edge of head and
hair. Writes JSON and two tables.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import SoliloquyError
from core.face.face_view import VIEW_SIDE, clip_similarity, sampling_theta
from core.face.reconstruction import Reconstruction
from core.renderer.generator import PaperGenerator
from core.renderer.generator.finish import finished
from core.renderer.generator.style import StyleNetworks, identity_of, style_of
from core.renderer.generator.weights import load_generator, weights_path

from ..common.folders import RECONSTRUCTION
from ..common.results_page import Table, add_results_option, command_line, number, show
from ..corpus.pairs.dataset import FOLDER, ReenactmentPairs, collate
from .data import prepare
from .inception import Inception
from .perceptual import OrientedPyramid, PerceptualDistance
from .picture_quality import frechet, mean_over, psnr, sharpness, ssim_map
from .train import correct, style_networks

Features = Callable[[Tensor, Tensor], Tensor]
"""(B, D) of pictures (B, 3, S, S) and their landmarks (B, 478, 2) px, for the Fréchet distance."""
Method = Callable[[dict[str, Any]], Tensor]
"""Pictures (B, 3, S, S) 0–1 for a batch of pairs."""
SETS = {
    "s1, clips held out": ("grid", "test"),
    "s4, never seen": ("grid", "unseen"),
    "portraits held out": ("portraits", "test"),
    "the portrait itself": ("own", "test"),
    "its lids closing": ("lids", "test"),
    "synthetic people held out": ("synthetic", "test"),
}
"""Name, kind and split of what is measured on."""
REGIONS = ("whole", "mouth", "eyes", "edge")
BATCH = 8
FRECHET_NAME = "oriented-filter energies of the face, a stand-in for FID"
COLUMNS = (
    ("PSNR", "whole", "psnr", 2),
    ("SSIM", "whole", "ssim", 3),
    ("perceptual ↓", "whole", "perceptual", 3),
    ("sharpness → 1", "whole", "sharpness", 2),
    ("mouth PSNR", "mouth", "psnr", 2),
    ("mouth SSIM", "mouth", "ssim", 3),
    ("mouth perceptual ↓", "mouth", "perceptual", 3),
    ("mouth sharpness → 1", "mouth", "sharpness", 2),
    ("eyes PSNR", "eyes", "psnr", 2),
    ("eyes perceptual ↓", "eyes", "perceptual", 3),
    ("edge PSNR", "edge", "psnr", 2),
    ("edge perceptual ↓", "edge", "perceptual", 3),
    ("face to R ↓", "face", "unlike", 3),
)
"""Heading, region, metric and digits."""


def still(batch: dict[str, Any]) -> Tensor:
    """The portrait, whatever the motion."""
    return batch["source"]


def warp(batch: dict[str, Any]) -> Tensor:
    """The plain flow warp."""
    return batch["warped"]


def drawn_by(path: Path | None, styles: StyleNetworks) -> Method:
    """What a trained generator (with flow or the paper's) makes, as the product would run it."""
    network = load_generator(path)

    def make(batch: dict[str, Any]) -> Tensor:
        style = style_of(styles, _identities(styles, batch), batch["channels"])
        with torch.inference_mode():
            if isinstance(network, PaperGenerator):
                return network(batch["source"], style).clamp(0, 1)
            prepared = prepare({**batch, "style": style})
            geometry = (batch["warped"], prepared["paintable"], batch["flow"], batch["parts"], batch["stretch"])
            return finished(correct(network, prepared), *geometry)

    return make


def _identities(styles: StyleNetworks, batch: dict[str, Any]) -> Tensor:
    sources = (batch["source"] * 255 + 0.5).byte().permute(0, 2, 3, 1).numpy()
    landmarks = batch["source_landmarks"].numpy()
    with torch.inference_mode():
        pairs = zip(sources, landmarks, strict=True)
        return torch.cat([identity_of(styles, picture, points, torch.device("cpu")) for picture, points in pairs])


def regions(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights (B, 1, S, S) of each of ``REGIONS``."""
    masks = dict(zip(REGIONS[1:], batch["interest"].split(1, 1), strict=True))
    return {"whole": batch["valid"], **{name: mask * batch["valid"] for name, mask in masks.items()}}


def face_views(pictures: Tensor, landmarks: Tensor, side: int = VIEW_SIDE) -> Tensor:
    """(B, 3, side, side) face views of pictures (B, 3, H, W) by their landmarks (B, 478, 2) px."""
    frame = (pictures.shape[-2], pictures.shape[-1])
    theta = np.stack([sampling_theta(clip_similarity(points), frame) for points in landmarks.numpy()])
    grid = F.affine_grid(torch.from_numpy(theta), [len(pictures), 3, side, side], align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def face_features(views: Tensor, filters: OrientedPyramid) -> Tensor:
    """(B, 46) of face views: mean energy of the filters at each scale, orientation and colour, mean and spread of the
    colours."""
    energies = [maps.mean((2, 3)) for maps in filters(views)[1::2]]
    return torch.cat([*energies, views.mean((2, 3)), views.std((2, 3))], 1)


def unlikeness(network: Reconstruction, made: Tensor, truth: Tensor) -> Tensor:
    """(B,) difference of R's feature maps of two sets of face views, each feature vector of root mean square 1."""

    def maps(views: Tensor) -> list[Tensor]:
        return [m * torch.rsqrt(m.square().mean(1, keepdim=True) + 1e-4) for m in network.maps(views)]

    pairs = list(zip(maps(made), maps(truth), strict=True))
    return torch.stack([(a - b).abs().mean((1, 2, 3)) for a, b in pairs]).mean(0)


def features_by(inception: Path | None) -> tuple[str, Features]:
    """What sets of pictures are compared by, and its name: Inception where its weights are given, else filters."""
    if inception is not None:
        network = Inception.load(inception)
        return "FID (Inception v3, whole squares)", lambda pictures, landmarks: network(pictures)
    filters = OrientedPyramid()
    return FRECHET_NAME, lambda pictures, landmarks: face_features(face_views(pictures, landmarks), filters)


def measure(
    pairs: Sequence[Any],
    methods: Mapping[str, Method],
    perceptual: PerceptualDistance,
    features_of: Features | None = None,
    network: Reconstruction | None = None,
) -> dict[str, Any]:
    """All metrics of all methods on pairs.

    Returns
    -------
    ``pairs``: their number; ``methods``: for each method and region the mean of psnr (dB), ssim, perceptual and
    sharpness over pairs, of the face ``unlike`` (by R, where given), ``frechet`` of all pairs, and, against the method
    "warp", ``better``: the share of pairs whose perceptual distance in a region is smaller.
    """
    features_of = features_of or features_by(None)[1]
    values: dict[str, dict[str, dict[str, list[float]]]] = {
        m: {r: {"psnr": [], "ssim": [], "perceptual": [], "sharpness": []} for r in REGIONS} for m in methods
    }
    for of_method in values.values():
        of_method["face"] = {"unlike": []}
    features: dict[str, list[Tensor]] = {name: [] for name in (*methods, "truth")}
    for start in range(0, len(pairs), BATCH):
        batch = collate([pairs[i] for i in range(start, min(start + BATCH, len(pairs)))])
        truth, weights = batch["truth"], regions(batch)
        features["truth"].append(features_of(truth, batch["landmarks"]))
        for name, method in methods.items():
            with torch.inference_mode():
                made = method(batch).float()
                features[name].append(features_of(made, batch["landmarks"]))
                if network is not None:
                    views = (face_views(p, batch["landmarks"]) for p in (made, truth))
                    values[name]["face"]["unlike"] += unlikeness(network, *views).tolist()
                likeness = ssim_map(made, truth)
                looks = perceptual.over(made, truth, torch.cat(list(weights.values()), 1))  # (B, regions)
                for (region, weight), look in zip(weights.items(), looks.unbind(1), strict=True):
                    there = weight.sum((1, 2, 3)) > 1
                    found = values[name][region]
                    found["psnr"] += psnr(made, truth, weight).tolist()
                    found["ssim"] += mean_over(likeness, weight).tolist()
                    found["perceptual"] += torch.where(there, look, torch.nan).tolist()
                    found["sharpness"] += sharpness(made, truth, weight).tolist()
    result: dict[str, Any] = {"pairs": len(pairs), "methods": {}}
    for name in methods:
        means: dict[str, Any] = {
            region: {metric: mean_known(series) for metric, series in found.items()}
            for region, found in values[name].items()
        }
        means["frechet"] = frechet(torch.cat(features[name]), torch.cat(features["truth"]))
        if "warp" in methods and name != "warp":
            means["better"] = {
                region: _share_better(values[name][region]["perceptual"], values["warp"][region]["perceptual"])
                for region in REGIONS
            }
        result["methods"][name] = means
    return result


def mean_known(values: Sequence[float]) -> float:
    """Mean of the finite values, NaN where there are none."""
    known = [value for value in values if np.isfinite(value)]
    return sum(known) / len(known) if known else float("nan")


def _share_better(ours: list[float], theirs: list[float]) -> float:
    """Share of pairs with the smaller distance, of those where it can be measured."""
    a, b = np.array(ours), np.array(theirs)
    known = np.isfinite(a) & np.isfinite(b)
    return float((a < b)[known].mean()) if known.any() else float("nan")


def spread(pairs: ReenactmentPairs, limit: int) -> list[Any]:
    """At most ``limit`` pairs, evenly over all."""
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(limit, len(pairs))).round().astype(int))
    return [pairs[int(i)] for i in chosen]


def tables(results: Mapping[str, Any], command: str) -> list[Table]:
    """The results of :func:`evaluate` as two tables: the whole picture, and its parts."""
    rows = []
    for name, of_set in results["sets"].items():
        for method, values in of_set["methods"].items():
            cells = [number(values[region][metric], digits) for _, region, metric, digits in COLUMNS]
            better = values.get("better")
            share = "–" if better is None else f"{100 * better['mouth']:.0f} / {100 * better['eyes']:.0f} %"
            rows.append((f"{name} ({of_set['pairs']})", method, *cells, number(1000 * values["frechet"], 2), share))
    headings = (
        "held out (pairs)",
        "renderer",
        *(c[0] for c in COLUMNS),
        "1000 FD ↓",
        "nearer than the warp: mouth / eyes",
    )
    note = f"Perceptual distance: {results['perceptual']}. FD: Fréchet distance, {results['frechet']}."
    wide = Table("self-reenactment", "Self-reenactment", command, headings, tuple(rows))
    keys = headings[:2]
    whole = [heading for heading, region, *_ in COLUMNS if region in ("whole", "face")]
    parts = [heading for heading, region, *_ in COLUMNS if region not in ("whole", "face")]
    return [
        wide.part(wide.name, f"{wide.title}, the whole picture", [*keys, *whole, headings[-2]], (note,)),
        wide.part(f"{wide.name}-regions", f"{wide.title}, mouth, eyes and edge", [*keys, *parts, headings[-1]]),
    ]


def evaluate(
    folder: Path, methods: Mapping[str, Method], limit: int, vgg: Path | None = None, inception: Path | None = None
) -> dict[str, Any]:
    """Measure the methods on every set that there are pairs of."""
    perceptual, (compared_by, features_of) = PerceptualDistance(vgg), features_by(inception)
    network = Reconstruction.load(RECONSTRUCTION) if RECONSTRUCTION.is_file() else None
    results: dict[str, Any] = {"perceptual": perceptual.name, "frechet": compared_by, "sets": {}}
    for name, (kind, split) in SETS.items():
        try:
            pairs = ReenactmentPairs.open(folder, split, (kind,))
        except SoliloquyError as error:
            if error.code != "pairs_missing":
                raise
            print(f"{name}: no pairs", flush=True)
            continue
        started = time.monotonic()
        results["sets"][name] = measure(spread(pairs, limit), methods, perceptual, features_of, network)
        print(f"{name}: {results['sets'][name]['pairs']} pairs, {time.monotonic() - started:.0f} s", flush=True)
    return results


def available(generator: Path | None, paper: Path | None) -> dict[str, Method]:
    """The methods that can be run: G from ``generator`` or as shipped, the paper's own where weights are given."""
    methods: dict[str, Method] = {"still": still, "warp": warp}
    chosen = {"paper's own G": paper or weights_path("paper"), "G": generator or weights_path("flow")}
    there = {name: path for name, path in chosen.items() if path.is_file()}
    if there:
        styles = style_networks()
        methods |= {name: drawn_by(path, styles) for name, path in there.items()}
    return methods


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, default=FOLDER)
    parser.add_argument("--limit", type=int, default=1000, help="at most so many pairs of each set")
    parser.add_argument("--generator", type=Path, help="weights of G; the shipped ones where not given")
    parser.add_argument("--paper", type=Path, help="weights of the paper's own G")
    parser.add_argument("--vgg", type=Path, help="weights of VGG-19 for the perceptual distance")
    parser.add_argument("--inception", type=Path, help="weights of Inception v3 for FID")
    parser.add_argument("--out", type=Path, default=Path("runs/image_metrics"))
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    methods = available(options.generator, options.paper)
    results = evaluate(options.pairs, methods, options.limit, options.vgg, options.inception)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "image_metrics.json").write_text(json.dumps(results, indent=1))
    for table in tables(results, command_line("training.generator.image_metrics", sys.argv[1:])):
        show(table, options.results)


if __name__ == "__main__":
    main()
