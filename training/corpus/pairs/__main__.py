"""Make and look at the pairs for the generator.

python -m training.corpus.pairs build --kind portraits      makes the pairs that do not exist yet
python -m training.corpus.pairs sheet --kind portraits      draws a contact sheet of some pairs
python -m training.corpus.pairs held-out                    lists portraits that nothing is trained on
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ...common.folders import RUNS, data_folder
from ...common.splits import portrait_split
from .build import build
from .pair import FOLDER, KINDS, SPLITS
from .sheet import write_sheet


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="training.corpus.pairs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="make the pairs that do not exist yet")
    building.add_argument("--kind", required=True, choices=("films", "portraits", "lids", "synthetic"))
    building.add_argument("--data", type=Path, default=data_folder())
    building.add_argument("--limit", type=int, help="use at most this many portraits, clips or people")
    building.add_argument("--split", action="append", choices=SPLITS, help="only this split; repeat for more")
    sheet = commands.add_parser("sheet", help="a contact sheet of some pairs")
    sheet.add_argument("--kind", required=True, choices=KINDS)
    sheet.add_argument("--split", default="train")
    sheet.add_argument("--count", type=int, default=8)
    sheet.add_argument("--seed", type=int, default=0)
    sheet.add_argument("--to", type=Path, default=RUNS / "pairs")
    held_out = commands.add_parser("held-out", help="files of portraits that nothing is trained on")
    held_out.add_argument("--data", type=Path, default=data_folder())
    held_out.add_argument("--count", type=int, default=12)
    for command in (building, sheet):
        command.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "build":
        build(options.kind, options.folder, options.data, options.limit, options.split or SPLITS)
    elif options.command == "held-out":
        files = sorted((options.data / "portraits").glob("*.jpg"))
        chosen = [str(path) for path in files if portrait_split(path.stem) == "test"]
        # Evenly spaced over all files, which are sorted by name.
        print(*chosen[:: max(1, len(chosen) // options.count)][: options.count])
    else:
        print(write_sheet(options.folder, options.kind, options.split, options.count, options.seed, options.to))


if __name__ == "__main__":
    main()
