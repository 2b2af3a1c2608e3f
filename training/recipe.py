"""Make everything that ships from the data: ``python -m training.recipe [--size tiny|base]``.

Runs all commands in order, each in a process of its own. Every command goes on where it was stopped, so the recipe may
be stopped and started again. ``--list`` shows the commands, ``--from`` starts in the middle. The size ``tiny`` takes a
few steps of each: its weights run in the product but are useless. It shows that the recipe is complete.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .common.folders import data_folder


@dataclass(frozen=True)
class Command:
    """One command of the recipe.

    Attributes
    ----------
    words
        Module and arguments; ``{data}`` is the folder of the data.
    tiny
        Further arguments for the size "tiny".
    """

    words: str
    tiny: str = ""

    def line(self, size: str, data: Path) -> list[str]:
        """The command line for a size."""
        words = f"{self.words} {self.tiny if size == 'tiny' else ''}".format(data=data)
        return [sys.executable, "-m", *words.split()]


def _network(module: str, steps: int, *, train: str = "train", export: str = "export") -> list[Command]:
    """The commands that train and export one network."""
    return [
        Command(f"training.{module} {train}", f"--size tiny --steps {steps}"),
        Command(f"training.{module} {export}", "--size tiny"),
    ]


PARTS: dict[str, list[Command]] = {
    "teeth": [Command("training.teeth train --data {data}", "--size tiny")],
    "tracks": [
        Command("training.tracking grid --data {data}"),
        Command("training.tracking talkers --data {data}"),
        Command("training.tracking addresses --data {data}"),
        Command("training.tracking obama --data {data}"),
    ],
    "videos": [Command("training.corpus.videos --source {data}/grid --out .cache/corpus/grid", "--processes 1")],
    "neural head": [
        Command("training.neural_head people", "--count 3 --points 60"),
        Command("training.neural_head people --held-out --count 40", "--count 1 --points 60"),
        *_network("neural_head", 2),
    ],
    "speech": [Command("training.speech.synthesis", "--sentences 2"), Command("training.speech.phones --data {data}")],
    "people": [
        Command("training.corpus.synthetic.skins --data {data}", "--limit 2"),
        Command("training.corpus.synthetic.views --split train", "--count 24"),
        Command("training.corpus.synthetic.views --split test --count 750", "--count 8"),
    ],
    "reconstruction": _network("reconstruction", 4),
    "visible": [Command("training.visible train --data {data}", "--size tiny")],
    "gaze": _network("generator.gaze", 4),
    "judge": [
        Command("training.judge.data --data {data}", "--train 2 --test 1"),
        Command("training.judge.voices"),
        *_network("judge", 3),
    ],
    "lips": [
        Command("training.lips train", "--size tiny --steps 4"),
        Command("training.lips finish", "--size tiny --steps 2"),
        Command("training.lips export", "--size tiny"),
        Command("training.lips.sound_offsets"),
    ],
    "sadtalker": [
        *(Command(f"training.sadtalker {name}", "--size tiny --steps 2") for name in ("posevae", "reader", "expnet")),
        Command("training.sadtalker export", "--size tiny"),
    ],
    "representation": [
        Command("training.representation prepare --data {data}"),
        *(
            Command(f"training.representation {stage}", "--size tiny --steps 2")
            for stage in ("pretrain", "contrastive", "curves", "disentangle")
        ),
        Command("training.representation export", "--size tiny"),
    ],
    "pairs": [
        *(
            Command(f"training.corpus.pairs build --kind {kind} --data {{data}}", "--limit 2")
            for kind in ("films", "portraits", "lids", "synthetic")
        ),
    ],
    "face render": [
        *(Command(f"training.sadtalker {name}", "--size tiny --steps 2") for name in ("keypoints", "mapping")),
        Command("training.sadtalker keypoints-export", "--size tiny"),
    ],
    "facetalk": _network("facetalk", 2, train="diffusion"),
    "generator": _network("generator", 2),
    "paper": _network(
        "generator",
        2,
        train="train --model paper --run runs/generator-paper",
        export="export --model paper --run runs/generator-paper",
    ),
    "prior": [
        Command("training.prior train", "--size tiny --steps 2"),
        Command("training.prior export --steps 10 --guidance-scale 1.5"),
        Command("training.prior.calibration", "--batches 1"),
        Command("training.prior.spread", "--rounds 1 --seeds 1"),
        Command("training.prior.spectrum", "--rounds 1 --seeds 1"),
        Command("training.prior.spectrum --still --rounds 12", "--rounds 1 --seeds 1"),
        Command(
            "training.prior.distil --from 8 --to 4 --steps 1250 --learning-rate 2e-4 --run runs/pupil "
            "--out runs/pupil/weights",
            "--steps 1 --batch 2",
        ),
        Command("training.prior.spread --prior runs/pupil/weights --steps 6", "--rounds 1 --seeds 1"),
        Command(
            "training.prior.autoregressive --size small --steps 1200 --learning-rate 1e-3 --run runs/autoregressive "
            "--export",
            "--size tiny --steps 2",
        ),
        Command(
            "training.prior train --learned --size small --steps 2400 --learning-rate 1e-3 --decay-from 0.4 "
            "--listening-weight 0.5 --run runs/prior_learned",
            "--size tiny --steps 2",
        ),
        Command("training.prior export --run runs/prior_learned --steps 10"),
    ],
}
"""The parts in the order in which they need each other."""


def main(arguments: list[str] | None = None) -> int:
    """Command line. Ends at the first command that fails, with its exit code."""
    parser = argparse.ArgumentParser(prog="training.recipe", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", choices=("tiny", "base"), default="base")
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--from", dest="first", choices=tuple(PARTS), default=next(iter(PARTS)))
    parser.add_argument("--list", action="store_true", help="only show the commands")
    options = parser.parse_args(arguments)
    names = list(PARTS)
    for name in names[names.index(options.first) :]:
        for command in PARTS[name]:
            line = command.line(options.size, options.data)
            print(f"== {name}: python {' '.join(line[1:])}", flush=True)
            if options.list:
                continue
            started = time.monotonic()
            code = subprocess.run(line, check=False).returncode
            if code != 0:
                print(f"{name} failed (exit code {code}); go on with --from {name}.", file=sys.stderr)
                return code
            print(f"   {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
