"""Measure the prior on held-out data, as in the paper's Table 2: ``python -m training.prior.evaluate``.

    python -m training.prior.evaluate --sets voices,grid --seeds 5
    python -m training.prior.evaluate --sets voices --alone --steps 2,4,6,8,10,20,50 --samplers ddim,ddpm:1000

The rows are: the ground truth (a second draw, if many motions are true); a static pose; a random training clip; a
random clip of another talker (s4's for s1; for s4 and for held-out voices all training clips are of other talkers); the
prior that ships; and the runs that are compared with one another: diffusion, the autoregressive baseline, diffusion
trained without L_vel and without editing, all with the same size and the same length of training. Rows without weights
are left out, and their names are printed.

Every number is a mean over seeds with its 95 % interval. Priors that use levels get the levels of training clips of
the same kind of footage. Two more rows leave the levels unknown, and draw a persona for each take as the product
does. ``--alone`` measures one prior sampled in several ways, for a table of its own. Sets such as ``--sets
training-voices`` are training clips, for the choice of steps and sampler.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.errors import SoliloquyError
from core.places import WEIGHTS
from core.prior.model import NonlipPrior

from ..common.checkpoint import load_checkpoint
from ..common.engine import CHECKPOINT
from ..common.folders import RUNS
from ..common.results_page import Table, add_results_option, command_line, show
from . import autoregressive
from .data import Clip
from .evaluation import (
    SETS,
    TO_CHOOSE_BY,
    HeldOut,
    Levels,
    Sampler,
    held_out,
    in_range,
    measure,
    prior_sampler,
    random_clip_sampler,
    unknown_levels,
    usual_levels,
)
from .export import trained

COMPARED = {
    "diffusion": RUNS / "prior_small",
    "diffusion, another seed": RUNS / "prior_small_seed1",
    "autoregressive": RUNS / "prior_small_autoregressive",
    "autoregressive, another seed": RUNS / "prior_small_autoregressive_seed1",
    "without L_vel": RUNS / "prior_small_without_velocity",
    "without editing": RUNS / "prior_small_without_editing",
}
"""Folders of the runs that are compared, by the names of their rows."""
CLIPS = {"voices": 10, "grid": 60, "unseen": 60, "address": 10}
"""Largest number of clips of each set. For GRID, whose clips last three seconds, these are all held-out clips."""
DISTANCES = {
    "snd": "SND",
    "fid_fm": "FID_fm",
    "fid_delta_fm": "FID_Δfm",
    "snd_head": "SND head",
    "snd_own_units": "SND, own units",
    "var_ratio": "Var / truth",
    "var_head_deg2": "Var head (°²)",
    "energy": "energy distance",
    "precision": "precision",
    "recall": "recall",
    "diversity_deg": "diversity (°)",
}
BEHAVIOUR = {
    "beat_alignment": "beat alignment",
    "accent_lift_deg": "accent lift (°)",
    "speech_pause_speed": "speech/pause",
    "blinks_per_minute": "blinks/min",
    "median_interval_s": "median interval (s)",
    "longest_stare_s": "longest stare (s)",
}
SMOOTHNESS = {
    "jitter_deg_s2": "jitter (°/s²)",
    "above_6hz_deg": "> 6 Hz (°)",
    "arc_length": "arc length",
    "seam_speed": "seam speed",
    "seam_acceleration": "seam acceleration",
    "seam_rank": "seam rank",
}
PARTS = {"distances": DISTANCES, "behaviour": BEHAVIOUR, "smoothness": SMOOTHNESS}
"""The tables of a set. Each maps the names of the numbers in a row to the headings of its columns, in order."""
COLUMNS = DISTANCES | BEHAVIOUR | SMOOTHNESS


@dataclass(frozen=True)
class Options:
    """Options of a measurement.

    Attributes
    ----------
    sets
        Some of ``training.prior.evaluation.SETS``.
    clips
        Largest number of clips of each set; ``CLIPS`` by default.
    seeds, draws
        Takes of each clip, and true motions of each clip in the reference.
    prior
        Folder of the shards.
    others
        Further rows, by name: folders of runs (priors or baselines, sampled as they were trained, with spread 1), or
        folders of shards.
    steps, guidance, samplers
        More rows of the prior with these step counts, guidance scales and samplers (a name, or a name and its number
        of steps, ``ddpm:1000``).
    own_levels
        One more row of the prior for filmed clips, with the clip's own levels, which nothing in its sound tells.
    alone
        Whether only the truth, the prior and ``others`` are measured.
    """

    sets: tuple[str, ...] = ("voices",)
    clips: int | None = None
    seeds: int = 5
    draws: int = 8
    prior: Path = WEIGHTS
    others: Mapping[str, Path] = field(default_factory=lambda: COMPARED)
    steps: tuple[int, ...] = ()
    guidance: tuple[float, ...] = ()
    samplers: tuple[str, ...] = ()
    own_levels: bool = False
    alone: bool = False


def samplers_of(
    held: HeldOut, options: Options, tell: Callable[[str], None]
) -> Iterator[tuple[str, Sampler, int | None]]:
    """Name, sampler and (if it works in windows) window of every row except the truth's."""

    def static(clip: Clip, _: int) -> np.ndarray:
        motion = in_range(clip.features(np.random.default_rng(0)))
        return np.repeat(motion.mean(axis=0, keepdims=True), len(motion), axis=0)

    if not options.alone:
        yield "static", static, None
        yield "random training clip", random_clip_sampler(held.training), None
        if held.strangers:
            yield "random clip of another talker", random_clip_sampler(held.strangers), None
    prior = NonlipPrior.load(folder=options.prior)
    window = prior.network.config.window
    sampled = partial(prior_sampler, prior, levels=held.levels)
    yield f"shipped prior, {prior.num_inference_steps} steps", sampled(), window
    for steps in options.steps:
        yield f"shipped prior, {steps} steps", sampled(steps), window
    for scale in options.guidance:
        guided = "not guided" if scale == 1 else f"guidance {scale:g}"
        yield f"shipped prior, {guided}", sampled(None, scale), window
    for choice in options.samplers:
        method, _, steps_of = choice.partition(":")
        count = int(steps_of or prior.num_inference_steps)
        yield f"shipped prior, {count:,} steps of {method.upper()}", sampled(count, method=method), window
    if options.own_levels and held.draws == 1:
        yield "shipped prior, given the clip's own levels", prior_sampler(prior, levels=held.own_levels), window
    if prior.network.config.levels and not options.alone:
        yield "shipped prior, liveliness unknown", prior_sampler(prior, levels=unknown_levels), window
        yield "shipped prior, default settings", prior_sampler(prior, levels=usual_levels), window
    first = random_clip_sampler(held.training)
    for name, folder in options.others.items():
        try:
            label, sampler, window = _other(folder, first, held.levels)
        except SoliloquyError:
            tell(f"{name}: missing ({folder})")
            continue
        yield f"{name}{label}", sampler, window


def _other(folder: Path, first: Sampler, levels: Levels) -> tuple[str, Sampler, int]:
    """For a run or a folder of shards a label of its training, its sampler and its window. A baseline starts from a
    frame of ``first``. All get ``levels``."""
    checkpoint = folder / CHECKPOINT
    if not checkpoint.is_file():
        shards = NonlipPrior.load(folder=folder)
        return "", prior_sampler(shards, levels=levels), shards.network.config.window
    facts = load_checkpoint(checkpoint, {}, {}, {})
    label = f" ({facts['recipe']['size']}, {facts['step']} training steps)"
    if "editing" in facts["recipe"]:
        prior, _ = trained(folder)
        return label, prior_sampler(prior, levels=levels), prior.network.config.window
    baseline, _ = autoregressive.trained(folder)

    def regress(clip: Clip, seed: int) -> np.ndarray:
        return in_range(baseline.continued(clip.mel, clip.frames, first(clip, seed)[0], levels(clip, seed)))

    return label, regress, baseline.network.config.window


def rows(options: Options, tell: Callable[[str], None] = print) -> list[dict[str, float | str]]:
    """The table's rows: ``set``, ``row`` and the numbers of ``training.prior.evaluation.measure``."""
    table: list[dict[str, float | str]] = []
    for name in options.sets:
        held = held_out(name, options.clips or CLIPS[name.removeprefix(TO_CHOOSE_BY)], options.draws)
        if not held.clips:
            tell(f"{name}: there are no data of this set")
            continue
        several = held.draws > 1
        places = {id(clip): index for index, clip in enumerate(held.clips)}

        def truth(clip: Clip, seed: int, held: HeldOut = held, places: dict[int, int] = places) -> np.ndarray:
            return held.truth(places[id(clip)], seed if held.draws > 1 else 0, again=held.draws > 1)

        first = ("truth, drawn once more" if several else "truth", truth, None)
        for row, sampler, window in (first, *samplers_of(held, options, tell)):
            numbers = measure(held, sampler, options.seeds, window=window)
            table.append({"set": name, "row": row, **{key: round(value, 4) for key, value in numbers.items()}})
            tell(f"{name}: {row}: SND {numbers.get('snd', numbers['snd_head']):.2f}")
    return table


TITLES = {
    "voices": "voices held out, against synthetic truth",
    "grid": "held-out clips of s1",
    "unseen": "clips of s4, a talker never seen",
    "address": "held-out addresses, heads without sound",
}


SAMPLING_COLUMNS = ("snd", "fid_fm", "fid_delta_fm", "snd_head", "var_ratio", "jitter_deg_s2", "above_6hz_deg")
"""Columns of the table that compares ways to sample one prior."""
SAMPLING_NOTE = "Guided. The sampler is DPM-Solver++ unless another is named."


def tables(measured: Sequence[Mapping[str, float | str]], command: str, alone: bool = False) -> list[Table]:
    """The rows as tables: for each set one table for each part of ``PARTS``, or one table of ways to sample
    (``alone``). Columns that a set lacks are left out.
    """
    found = []
    for name in dict.fromkeys(str(row["set"]) for row in measured):
        chosen = [row for row in measured if row["set"] == name]
        kind = TITLES[name.removeprefix(TO_CHOOSE_BY)]
        title = f"Motion prior, {f'training clips instead of {kind}' if name.startswith(TO_CHOOSE_BY) else kind}"
        if alone:
            heading = f"{title}: ways to sample"
            found.append(_table(chosen, f"prior/{name}-sampling", heading, command, SAMPLING_COLUMNS, SAMPLING_NOTE))
            continue
        for part, columns in PARTS.items():
            place = f"prior/{name}" if columns is DISTANCES else f"prior/{name}-{part}"
            found.append(_table(chosen, place, f"{title}: {part}", command, columns))
    return found


def _table(
    rows: Sequence[Mapping[str, float | str]], name: str, title: str, command: str, columns: Iterable[str], *notes: str
) -> Table:
    """A table with the columns for which some row has a number."""
    known = [key for key in columns if any(np.isfinite(float(row.get(key, np.nan))) for row in rows)]
    cells = tuple((str(row["row"]), *(_cell(row, key) for key in known)) for row in rows)
    return Table(name, title, command, ("", *(COLUMNS[key] for key in known)), cells, notes)


def _cell(row: Mapping[str, float | str], key: str) -> str:
    value, half = float(row.get(key, np.nan)), float(row.get(f"{key}_ci", np.nan))
    if not np.isfinite(value):
        return "–"
    return f"{value:.3g} ± {half:.2g}" if np.isfinite(half) else f"{value:.3g}"


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.prior.evaluate", description=(__doc__ or "").splitlines()[0])

    def listed(kind: type) -> Callable[[str], tuple[Any, ...]]:
        return lambda text: tuple(kind(item) for item in text.split(",") if item)

    parser.add_argument("--sets", type=listed(str), default=SETS, help=f"some of {', '.join(SETS)}")
    parser.add_argument("--clips", type=int, help=f"largest number of each set; default: {CLIPS}")
    for name in ("seeds", "draws"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Options, name))
    parser.add_argument("--prior", type=Path, default=Options.prior, help="folder of the shards")
    parser.add_argument("--steps", type=listed(int), default=(), help="more rows: step counts")
    parser.add_argument("--guidance", type=listed(float), default=(), help="more rows: guidance scales")
    parser.add_argument("--samplers", type=listed(str), default=(), help="more rows: samplers, as ddim or ddpm:1000")
    parser.add_argument(
        "--own-levels", action="store_true", help="one more row for filmed clips: with their own levels"
    )
    parser.add_argument("--alone", action="store_true", help="only the prior and --also, for a table of its own")
    parser.add_argument(
        "--also", nargs=2, metavar=("NAME", "FOLDER"), action="append", help="more rows: other runs or shards"
    )
    parser.add_argument("--out", type=Path, default=RUNS / "prior" / "evaluation.json")
    add_results_option(parser)
    options = vars(parser.parse_args(arguments))
    out, results = options.pop("out"), options.pop("results")
    also = {name: Path(folder) for name, folder in options.pop("also") or ()}
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    measured = rows(
        Options(**options, others=also if options["alone"] else COMPARED | also), lambda text: print(text, flush=True)
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    command = command_line("training.prior.evaluate", sys.argv[1:] if arguments is None else arguments)
    for table in tables(measured, command, options["alone"]):
        show(table, results)


if __name__ == "__main__":
    main()
