"""What L_cl is worth: ``python -m training.lips.contrast_study``.

Both stages are trained with each weight of L_cl, once for each of :data:`FOLDS` without its talkers. Three things are
measured on people who are not trained on: how many phones are heard right, how well openings follow the film, and how
often a frame of the film finds its own sound in the clip. For the last, f_v is compared with f_a by the MLP_cl of the
run, and by a *probe*: MLP_cl and a linear layer on f_a, trained afterwards. The probe shows what f_a tells about the
face, whether L_cl trained it or not.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.head.head_model import HeadModel
from core.sound.lips import LipModel
from core.sound.whisper.encoder import OUTPUTS_PER_FRAME

from ..common.checkpoint import load_module
from ..common.contrastive import retrieval
from ..common.engine import CHECKPOINT, RunConfig, add_run_arguments, run_config
from ..common.folders import RUNS, data_folder
from ..common.results_page import Table, add_results_option, number, show
from .contrast import Contrast, contrast, spaced
from .data import Utterance, filmed_utterances, recorded_utterances, viseme_table
from .evaluation import correlation, heard_phones
from .hearing import Hearing, Version
from .mouth_geometry import MouthGeometry
from .sampler import Sampler, talker
from .seen import Sight
from .train import FINISH, RUN, TrainConfig, averaged_model, finishing, load_corpus, train

COMMAND = "python -m training.lips.contrast_study"
WEIGHTS = (0.0, 0.1, 0.3)
FOLDS = (("s2", "s20", "s30"), ("s3", "s5", "s22", "s23"))
"""Talkers of few clips without whom the runs are trained."""
LAG = 3
"""Frames by which each clip's opening may be early or late."""
PROBE = RunConfig(steps=600)
PROBE_RATE = 2e-3
Clips = Sequence[Utterance]


@torch.no_grad()
def f_a_of(model: LipModel, clip: Utterance) -> Tensor:
    """f_a (T, d_a) of a clip as it was recorded."""
    return model.adapter(torch.from_numpy(clip.versions[0].heard.astype(np.float32))[None])[0]


def probe_of(model: LipModel, clips: Clips, config: TrainConfig) -> Contrast:
    """MLP_cl and the linear layer on f_a, trained on the f_v of filmed clips and on an f_a that is fixed."""
    torch.manual_seed(PROBE.seed)
    sounds = [f_a_of(model, clip).repeat_interleave(OUTPUTS_PER_FRAME, 0).numpy() for clip in clips]
    pairs = [replace(clip, versions=(Version(f_a, 1.0),)) for clip, f_a in zip(clips, sounds, strict=True)]
    sampler = Sampler(pairs, {"grid": 1.0}, config.window)
    probe = Contrast.of([clip.f_v for clip in clips if clip.f_v is not None], sounds[0].shape[1]).train()
    optimiser = torch.optim.AdamW(probe.parameters(), betas=(0.9, 0.98), weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PROBE_RATE, PROBE.steps)
    for step in range(PROBE.steps):
        batch = sampler.draw(config.batch, np.random.default_rng([PROBE.seed, step]))
        f_cl, sound = probe(torch.from_numpy(batch.f_v), torch.from_numpy(batch.heard[:, ::OUTPUTS_PER_FRAME]))
        optimiser.zero_grad()
        contrast(f_cl, sound).backward()
        optimiser.step()
        schedule.step()
    return probe.eval()


@torch.no_grad()
def own_sound_found(model: LipModel, clips: Clips, compared: Contrast) -> list[float]:
    """For each filmed clip the share of its frames that find their own sound first; ``APART`` / T is chance."""
    shares = []
    for clip in clips:
        f_v = torch.from_numpy(np.asarray(clip.f_v, np.float32))[None]
        f_cl, sound = compared(f_v, f_a_of(model, clip)[None])
        shares.append(float(retrieval(spaced(f_cl), spaced(sound))))
    return shares


def openings(model: LipModel, clips: Clips, geometry: MouthGeometry) -> list[float]:
    """For each clip the correlation of the opening with the film's, at its own best lag."""
    found = []
    for clip in clips:
        curve = geometry.opening_curve(model.hear_and_predict(clip.whisper_mel.astype(np.float32)))
        found.append(max(correlation(curve, np.asarray(clip.opening), lag) for lag in range(-LAG, LAG + 1)))
    return found


class Study:
    """What both stages give with a weight of L_cl; runs are kept in folders below ``run``."""

    def __init__(self, data: Path, config: TrainConfig, settings: RunConfig, run: Path) -> None:
        self._config, self._settings, self._run = config, settings, run
        self._corpus, self._geometry = load_corpus(data, Sight(data)), MouthGeometry.of(HeadModel.load())
        self._filmed = [u for u in self._corpus if u.source == "grid"]
        self._read = recorded_utterances(data, viseme_table(self._filmed), True)
        validation = filmed_utterances("validation", Hearing(data, 1), Sight(data))
        self._addresses = [clip for clip in validation if talker(clip) == "president"]
        self._grid = [clip for clip in validation if talker(clip) != "president"]

    def trained(self, weight: float, fold: Sequence[str]) -> tuple[LipModel, Contrast | None, Contrast]:
        """The model, what it learned L_cl with, if it did, and a probe, all without the talkers of a fold."""
        folder = self._run / f"{weight:g}-without-{'-'.join(fold)}"
        config = replace(self._config, losses=replace(self._config.losses, contrast=weight))
        corpus = [u for u in self._corpus if u.source != "grid" or talker(u) not in fold]
        train(config, self._settings, corpus, folder)
        finish = replace(self._settings, steps=min(FINISH.steps, self._settings.steps), ema=FINISH.ema)
        train(finishing(config), finish, corpus, folder / "finish", folder)
        model = averaged_model(folder / "finish", finishing(config))
        filmed = [u for u in corpus if u.source == "grid"]
        probe = probe_of(model, filmed, config)
        if weight == 0.0:
            return model, None, probe
        return model, load_module(folder / CHECKPOINT, "contrast", copy.deepcopy(probe)), probe

    def row(self, weight: float) -> tuple[str, ...]:
        """A row of the table: medians over clips for openings, means for the others."""
        found: dict[str, list[float]] = {}

        def add(column: str, values: Sequence[float]) -> None:
            found.setdefault(column, []).extend(values)

        for fold in FOLDS:
            model, own, probe = self.trained(weight, fold)
            few = [u for u in self._filmed if talker(u) in fold]
            for name, clips in (("read", self._read), ("grid", [*few, *self._grid]), ("free", self._addresses)):
                add(f"phones {name}", [heard_phones(model, clips)])
            for name, clips in (("few", few), ("grid", self._grid), ("free", self._addresses)):
                add(f"opening {name}", openings(model, clips, self._geometry))
            for name, clips in (("grid", [*few, *self._grid]), ("free", self._addresses)):
                add(f"own {name}", own_sound_found(model, clips, own) if own else [np.nan])
                add(f"probe {name}", own_sound_found(model, clips, probe))
        middle = {name: np.median(v) if name.startswith("opening") else np.mean(v) for name, v in found.items()}
        order = [f"phones {name}" for name in ("read", "grid", "free")]
        order += [f"opening {name}" for name in ("few", "grid", "free")]
        order += [f"{how} {name}" for name in ("grid", "free") for how in ("own", "probe")]
        return f"{weight:g}", *(number(float(middle[name])) for name in order)


def table(rows: Sequence[tuple[str, ...]]) -> Table:
    """The table of the study."""
    columns = (
        "weight of L_cl",
        *(f"phones, {who}" for who in ("LibriSpeech", "GRID", "addresses")),
        *(f"opening, {who}" for who in ("talkers of few clips", "s32 to s34", "addresses")),
        *(f"own sound, {who}, by {how}" for who in ("GRID", "addresses") for how in ("MLP_cl", "a probe")),
    )
    note = (
        "All on people who were not trained on: both stages were trained twice, once without "
        f"{' and once without '.join(map(', '.join, FOLDS))}. Phones: share of the rows of 10 ms that are heard right. "
        "Opening: median correlation, each clip at its own best lag. Own sound: share of the frames whose own sound is "
        "the first among those of every third frame of the clip; chance is 0.04 for GRID and 0.03 for the addresses. "
        "*By a probe*: MLP_cl and a linear layer on f_a, trained afterwards."
    )
    return Table("lips-contrast", "What L_cl is worth", COMMAND, columns, tuple(rows), (note,))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run_arguments(parser, RUNS / "lips-contrast", RUN)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--weights", type=float, nargs="+", default=WEIGHTS, help="weights of L_cl that are compared")
    add_results_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    study = Study(options.data, TrainConfig(size=options.size), run_config(options, RUN), options.run)
    rows = []
    for weight in options.weights:
        rows.append(study.row(weight))
        print(rows[-1], flush=True)
    show(table(rows), options.results)


if __name__ == "__main__":
    main()
