"""The page that listeners open, and the key that says which film is whose.

The page is one folder that needs neither network nor server: a HTML file and the films. Nothing in it says which system
made a film; only the key does, and it lies outside the folder.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

from core.errors import BadInputError
from core.files import make_folder, write_bytes, write_json

from .films import Source, encode

QUESTIONS = {
    "sync": "How well do the lips fit the speech?",
    "naturalness": "How natural are the movements of head and face?",
    "richness": "How rich and varied are they?",
}
"""Questions on one film, answered from 1 (bad) to 5 (excellent), as in the paper's user study (Table 3)."""
CHOICES = ("left", "right", "equal")
"""Answers to the question which of two films looks more like a real recording."""
TEMPLATE = Path(__file__).with_name("page.html")
KEY_FILE = "key.json"


@dataclass(frozen=True)
class Film:
    """Which system made a film, and of which clip."""

    system: str
    clip: str


@dataclass(frozen=True)
class Key:
    """The name of a test, and what its films are, by their names on the page."""

    test: str
    films: dict[str, Film]

    @classmethod
    def read(cls, path: Path) -> Key:
        """Raises BadInputError ``key_unreadable``."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(content["test"], {name: Film(**film) for name, film in content["films"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInputError(
                "key_unreadable", f"{path} isn't the key of a blind test ({error}).", f"Name its {KEY_FILE}."
            ) from error


def write_test(
    films: Mapping[str, Mapping[str, Source]], out: Path, seed: int, height: int, pairs: int | None = None
) -> Key:
    """Write the folder ``out/page`` for listeners, and ``out/key.json``, which they must not see.

    Parameters
    ----------
    films
        Source by clip and system.
    seed
        Names of the films and the choice of pairs depend on it.
    height
        Pixels of the films' height.
    pairs
        How many pairs a listener compares; None: every pair of systems on every clip.

    Raises BadInputError ``test_exists`` if ``out`` holds a test, and as `encode`.
    """
    if (out / KEY_FILE).exists():
        raise BadInputError(
            "test_exists", f"There is a test in {out} already.", "Choose another folder: its answers need its key."
        )
    rng = random.Random(seed)
    key = Key(f"{rng.getrandbits(64):016x}", {})
    names: dict[tuple[str, str], str] = {}
    make_folder(out / "page" / "films")
    order = [(clip, system) for clip, systems in films.items() for system in systems]
    rng.shuffle(order)
    for clip, system in order:
        names[clip, system] = name = f"{rng.getrandbits(48):012x}"
        key.films[name] = Film(system, clip)
        encode(films[clip][system], out / "page" / "films" / f"{name}.mp4", height)
    compared = [
        (names[clip, a], names[clip, b]) for clip, systems in films.items() for a, b in combinations(systems, 2)
    ]
    rng.shuffle(compared)
    facts = {
        "test": key.test,
        "films": [names[place] for place in order],
        "pairs": compared[:pairs],
        "questions": QUESTIONS,
    }
    # "<" can't end the script's element when it is written as an escape.
    page = TEMPLATE.read_text(encoding="utf-8").replace("/*FACTS*/", json.dumps(facts).replace("<", "\\u003c"))
    write_bytes(out / "page" / "index.html", page.encode())
    write_json(out / KEY_FILE, asdict(key))
    return key
