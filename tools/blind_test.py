"""A blind test of talking heads with people, as in the paper's Table 3: builds its page, and reads the answers back.

    python tools/blind_test.py build --system film=films --system ours=ours --system ar=ar --out runs/blind
    python tools/blind_test.py read runs/blind/key.json answers-*.json

Each system has a folder with one film for each clip: a movie ``CLIP.mp4``, or a folder ``CLIP`` that holds a take with
frames. Send listeners the folder ``page`` that ``build`` writes, and nothing else. They open its ``index.html``, which
needs no network, and send back the file with their answers. ``key.json`` says which film is whose; keep it to yourself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.errors import SoliloquyError  # noqa: E402
from core.files import write_bytes  # noqa: E402
from tools.listening.answers import read_answers, tables  # noqa: E402
from tools.listening.films import find_films  # noqa: E402
from tools.listening.page import Key, write_test  # noqa: E402


def folder_of(text: str) -> tuple[str, Path]:
    """Name and folder of a system, from ``NAME=FOLDER``."""
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER")
    return name, Path(folder)


def at_least(lowest: int) -> Callable[[str], int]:
    """Reads a whole number that is not smaller."""

    def read(text: str) -> int:
        if int(text) < lowest:
            raise argparse.ArgumentTypeError(f"{text} is less than {lowest}")
        return int(text)

    return read


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = main.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="Write the page for listeners and the key.")
    build.add_argument(
        "--system",
        action="append",
        required=True,
        type=folder_of,
        metavar="NAME=FOLDER",
        help="A system and the folder of its films. Give it once for each system.",
    )
    build.add_argument("--out", type=Path, required=True, help="Folder for the page and the key.")
    build.add_argument("--seed", type=int, default=0, help="Seed of the films' names and of the pairs. Default: 0.")
    build.add_argument("--height", type=at_least(16), default=512, help="Height of all films in pixels. Default: 512.")
    build.add_argument(
        "--pairs",
        type=at_least(0),
        help="Pairs that a listener compares. Default: every pair of systems on every clip.",
    )
    read = commands.add_parser("read", help="Put answers into a table.")
    read.add_argument("key", type=Path, help="The test's key.json.")
    read.add_argument("answers", type=Path, nargs="+", help="Files that listeners saved.")
    read.add_argument("--out", type=Path, help="Also write the table to this file.")
    return main


def main(arguments: list[str] | None = None) -> int:
    """Run a command; bad input is one sentence and exit code 2."""
    options = parser().parse_args(arguments)
    try:
        if options.command == "build":
            key = write_test(find_films(dict(options.system)), options.out, options.seed, options.height, options.pairs)
            print(f"{len(key.films)} films in {options.out / 'page'}; the key is beside it.")
        else:
            key = Key.read(options.key)
            text = tables(key, read_answers(key, options.answers))
            print(text)
            if options.out:
                write_bytes(options.out, text.encode())
    except SoliloquyError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
