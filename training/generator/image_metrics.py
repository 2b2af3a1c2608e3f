"""Self-reenactment on held-out pairs: every renderer measured against the same truths.

``python -m training.generator.image_metrics`` compares the still portrait (the unchanged source), the plain flow warp,
the paper's own generator if its weights are given, and G. Held out are clips of talkers, portraits by name, and
synthetic people by seed (``training.common.splits``, ``training.corpus.pairs.sets``). No photograph shows how the lids
of held-out portraits close, so their truth is the warp's own picture, drawn at twice the size. ``--sets validation``
measures the pairs that the generator is chosen on. Writes JSON and three tables.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from core.face.reconstruction import Reconstruction
from core.renderer.generator.finish import finished
from core.renderer.generator.style import StyleNetworks, identity_of, style_of
from core.renderer.paper.network import PaperGenerator

from ..common.folders import RECONSTRUCTION, RUNS
from ..common.results_page import Table, add_results_option, command_line, number, show
from ..corpus.pairs.pair import FOLDER, PairBatch
from ..corpus.pairs.sets import SETS
from .data import whole_squares
from .measurement import Method, MethodMeans, SetResult, features_by, measure, measure_flicker
from .perceptual import PerceptualDistance
from .recipe import correct, style_networks
from .weights import load, weights_path

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


@dataclass(frozen=True)
class Results:
    """Measurements on every set of pairs, flicker in every set of films, and the names of the perceptual distance and
    of the Fréchet features."""

    perceptual: str
    frechet: str
    sets: dict[str, SetResult]
    flicker: dict[str, dict[str, float]] = field(default_factory=dict)


def still(batch: PairBatch) -> Tensor:
    """The portrait, whatever the motion."""
    return batch.source


def warp(batch: PairBatch) -> Tensor:
    """The plain flow warp."""
    return batch.warped


def drawn_by(path: Path, styles: StyleNetworks) -> Method:
    """Pictures of a trained generator (with flow, or the paper's), as the product would run it."""
    network = load(path)

    def make(batch: PairBatch) -> Tensor:
        style = style_of(styles, _identities(styles, batch), batch.channels)
        with torch.inference_mode():
            if isinstance(network, PaperGenerator):
                picture: Tensor = network(batch.source, style)
                return picture.clamp(0, 1)
            squares = whole_squares(batch, style)
            geometry = (squares.warped, squares.paintable, batch.flow, batch.parts, batch.stretch)
            return finished(correct(network, squares), *geometry)

    return make


def _identities(styles: StyleNetworks, batch: PairBatch) -> Tensor:
    sources = (batch.source * 255 + 0.5).byte().permute(0, 2, 3, 1).numpy()
    landmarks = batch.source_landmarks.numpy()
    with torch.inference_mode():
        pairs = zip(sources, landmarks, strict=True)
        return torch.cat([identity_of(styles, picture, points, torch.device("cpu")) for picture, points in pairs])


def tables(results: Results, command: str, name: str = "renderer/self-reenactment") -> list[Table]:
    """The results of :func:`evaluate` as tables that begin with ``name``: the whole picture, its parts, and flicker if
    films were measured."""
    rows = []
    for held_out, of_set in results.sets.items():
        for method, values in of_set.methods.items():
            cells = [number(_value(values, region, metric), digits) for _, region, metric, digits in COLUMNS]
            better = values.better
            share = "–" if better is None else f"{100 * better['mouth']:.0f} / {100 * better['eyes']:.0f} %"
            rows.append((f"{held_out} ({of_set.pairs})", method, *cells, number(1000 * values.frechet, 2), share))
    headings = (
        "held out (pairs)",
        "renderer",
        *(c[0] for c in COLUMNS),
        "1000 FD ↓",
        "nearer than the warp: mouth / eyes",
    )
    note = f"Perceptual distance: {results.perceptual}. FD: Fréchet distance, {results.frechet}."
    wide = Table(name, "Self-reenactment", command, headings, tuple(rows))
    keys = headings[:2]
    whole = [heading for heading, region, *_ in COLUMNS if region in ("whole", "face")]
    parts = [heading for heading, region, *_ in COLUMNS if region not in ("whole", "face")]
    made = [
        wide.part(wide.name, f"{wide.title}, the whole picture", [*keys, *whole, headings[-2]], (note,)),
        wide.part(f"{wide.name}-regions", f"{wide.title}, mouth, eyes and edge", [*keys, *parts, headings[-1]]),
    ]
    if results.flicker:
        shown = [method for method in next(iter(results.flicker.values())) if method != "still"]
        lines = tuple((films, *(number(of[m], 2) for m in shown)) for films, of in results.flicker.items())
        heading = ("held out", *("film" if method == "truth" else method for method in shown))
        about = "Mean absolute second difference of three neighbouring frames, levels of 255, away from mouth and eyes."
        made.append(Table(f"{name}-flicker", "Flicker", command, heading, lines, (about,)))
    return made


def _value(values: MethodMeans, region: str, metric: str) -> float:
    """The number of a cell of ``COLUMNS``."""
    value: float = values.unlike if region == "face" else getattr(values.regions[region], metric)
    return value


def evaluate(
    folder: Path,
    methods: Mapping[str, Method],
    limit: int,
    vgg: Path | None = None,
    inception: Path | None = None,
    sets: str = "test",
) -> Results:
    """Measure the methods on every set of ``SETS[sets]`` that has pairs."""
    perceptual, (compared_by, features_of) = PerceptualDistance(vgg), features_by(inception)
    network = Reconstruction.load(RECONSTRUCTION) if RECONSTRUCTION.is_file() else None
    results = Results(perceptual.name, compared_by, {})
    for name, of_set in SETS[sets].items():
        started = time.monotonic()
        pairs = of_set.pairs(folder, limit)
        if not pairs:
            print(f"{name}: no pairs", flush=True)
            continue
        results.sets[name] = measure(pairs, methods, perceptual, features_of, network)
        runs = of_set.runs(folder, limit // 3)
        if runs:
            results.flicker[name] = measure_flicker(runs, methods)
        print(f"{name}: {results.sets[name].pairs} pairs, {time.monotonic() - started:.0f} s", flush=True)
    return results


def available(generators: Sequence[Path], paper: Path | None) -> dict[str, Method]:
    """The methods that can run: G from each of ``generators`` or as shipped, and the paper's own G if it has weights.

    Several generators are called by the names of their files.
    """
    methods: dict[str, Method] = {"still": still, "warp": warp}
    chosen = {"paper's own G": paper or weights_path("paper")}
    if len(generators) > 1:
        chosen |= {path.stem: path for path in generators}
    else:
        chosen["G"] = generators[0] if generators else weights_path("flow")
    there = {name: path for name, path in chosen.items() if path.is_file()}
    if there:
        styles = style_networks()
        methods |= {name: drawn_by(path, styles) for name, path in there.items()}
    return methods


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, default=FOLDER)
    parser.add_argument("--limit", type=int, default=1000, help="largest number of pairs in each set")
    parser.add_argument("--sets", choices=SETS, default="test", help="the pairs for reports, or those to choose on")
    parser.add_argument(
        "--generator", type=Path, action="append", default=[], help="weights of G, may be repeated; else the shipped"
    )
    parser.add_argument("--paper", type=Path, help="weights of the paper's own G")
    parser.add_argument("--vgg", type=Path, help="weights of VGG-19 or HED for the perceptual distance")
    parser.add_argument("--inception", type=Path, help="weights of Inception v3 for FID")
    parser.add_argument("--out", type=Path, default=RUNS / "image_metrics")
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    methods = available(options.generator, options.paper)
    results = evaluate(options.pairs, methods, options.limit, options.vgg, options.inception, options.sets)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "image_metrics.json").write_text(json.dumps(asdict(results), indent=1))
    name = f"renderer/{'self-reenactment' if options.sets == 'test' else options.sets}"
    for table in tables(results, command_line("training.generator.image_metrics", sys.argv[1:]), name):
        show(table, options.results)


if __name__ == "__main__":
    main()
