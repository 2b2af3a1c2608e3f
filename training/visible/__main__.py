"""Train and measure the models of what is seen of a face: ``python -m training.visible train|evaluate``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from core.compute.weight_files import open_weights, write_weights
from core.face.face_mesh import FaceMesh
from core.face.visible import FEATURES, FILE

from ..common.folders import data_folder
from ..common.results_page import Table, add_results_option, show
from .examples import Example, Examples

COVERS_EACH = 2
"""Times that every cover is laid on other skins of every portrait for training, besides once on the portrait itself."""
DECAY = {"eye": 5e-4, "mouth": 1e-3}
"""Weight of the squared weights in the loss."""
DARK_WEIGHT = 3.0
"""How many times a seen part counts on dark skin. There its picture differs most from that of the other examples."""
FOLDS = 5
LENIENCE = {"eye": 0.75, "mouth": 1.25}
"""Log odds added to the models. Of the portraits as they are, none is then refused while its fold is left out."""
TINY_LENIENCE = 100.0
"""The same for the size "tiny", whose models know four people and refuse nobody."""
INVENTED = 120
"""Invented people, spread over all skin tones; half of them also under covers."""
HEADS, HELD_OUT_HEADS = 150, 60
"""Plainly coloured heads for training and for measuring."""
FILMS = 60
"""Clips of GRID's talker s1 of which some frames are used."""


def portraits(data: Path, held_out: bool) -> list[Path]:
    """Every second portrait by name: those with odd numbers are for training, those with even ones for measuring."""
    return sorted((data / "portraits").glob("*.jpg"))[0 if held_out else 1 :: 2]


def gather(data: Path, held_out: bool, limit: int | None) -> list[Example]:
    """The examples of one half of the portraits, of invented people and of films."""
    films = sorted((data / ("grid_more" if held_out else "grid/s1")).rglob("*.mp*"))[:: 1 if held_out else 8]
    found: list[Example] = []
    with FaceMesh() as mesh:
        makes = Examples(mesh, seed=1 if held_out else 0)
        for index, path in enumerate(portraits(data, held_out)[:limit]):
            makes.wide = index % 2 == 0
            found += makes.of_portrait(path, 1 if held_out else COVERS_EACH)
            if index % 20 == 19:
                print(f"  {index + 1} portraits, {len(found)} faces", flush=True)
        count = INVENTED if limit is None else limit
        for index in range(count):
            # Training and measurement have people with different seeds.
            found += makes.of_person(2 * index + held_out, index / max(count - 1, 1), covers=index % 2 == 0)
        for index in range((HELD_OUT_HEADS if held_out else HEADS) if limit is None else limit):
            found += makes.of_head(2 * index + held_out)
        print(f"  {count} invented people, {len(found)} faces", flush=True)
        for path in films[: FILMS if limit is None else limit]:
            found += makes.of_film(path, 6)
    return found


def rows(examples: Sequence[Example], parts: Sequence[int]) -> tuple[np.ndarray, np.ndarray, list[Example]]:
    """Inputs (N, FEATURES), whether they are seen (N,), and the example of each row, where that is known."""
    chosen = [(e.inputs[p], e.seen[p], e) for e in examples for p in parts if e.seen[p] >= 0]
    return np.stack([c[0] for c in chosen]), np.array([c[1] for c in chosen]), [c[2] for c in chosen]


def fitted(inputs: np.ndarray, seen: np.ndarray, share: np.ndarray, decay: float) -> np.ndarray:
    """(FEATURES + 1,) weights and constant of a logistic regression.

    ``share`` (N,) says how much each row counts within its kind. Both kinds, seen and hidden, count equally.
    """
    x = torch.tensor(np.column_stack([inputs, np.ones(len(inputs))]), dtype=torch.float64)
    y = torch.tensor(seen, dtype=torch.float64)
    counts = torch.tensor(share, dtype=torch.float64)
    weight = counts * torch.where(y > 0, 0.5 / (counts * y).mean(), 0.5 / (counts * (1 - y)).mean())
    w = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([w], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimiser.zero_grad()
        misses = torch.nn.functional.binary_cross_entropy_with_logits(x @ w, y, reduction="none")
        value = (weight * misses).mean() + decay * w[:-1].square().sum()
        value.backward()
        return float(value.detach())

    optimiser.step(loss)
    result: np.ndarray = w.detach().numpy()
    return result


def train(examples: Sequence[Example], parts: Sequence[int], name: str, lenience: float | None = None) -> np.ndarray:
    """The model ``name`` of some parts; prints how good such models are on the people left out of them."""
    lenience = LENIENCE[name] if lenience is None else lenience
    inputs, seen, source = rows(examples, parts)
    dark = np.array([e.kind.endswith("dark skin") for e in source]) & (seen > 0)
    share = np.where(dark, DARK_WEIGHT, 1.0)
    people = sorted({e.name for e in source})
    fold = np.array([people.index(e.name) % FOLDS for e in source])
    scores = np.empty(len(seen))
    for k in range(FOLDS):
        w = fitted(inputs[fold != k], seen[fold != k], share[fold != k], DECAY[name])
        scores[fold == k] = inputs[fold == k] @ w[:-1] + w[-1]
    refused, as_it_is = scores + lenience < 0, np.array([e.kind == "as it is" for e in source])
    print(
        f"{name}, people left out: {len(seen)} parts; refused are {refused[seen == 0].mean():.1%} of the hidden, "
        f"{refused[seen > 0].mean():.2%} of the seen, {refused[as_it_is].mean():.2%} of those of untouched portraits"
    )
    w = fitted(inputs, seen, share, DECAY[name])
    w[-1] += lenience
    return w


def table(examples: Sequence[Example], models: dict[str, np.ndarray]) -> Table:
    """Shares refused, by what was done to the picture."""
    kinds = list(dict.fromkeys(e.kind for e in examples))
    cells = []
    for kind in kinds:
        of_kind = [e for e in examples if e.kind == kind]
        score = np.array(
            [
                [e.inputs[p] @ models[name][:-1] + models[name][-1] for p, name in enumerate(("eye", "eye", "mouth"))]
                for e in of_kind
            ]
        )
        eyes, mouth = (score[:, :2] < 0).any(1), score[:, 2] < 0
        hidden = np.array([0 in e.seen or -1 in e.seen for e in of_kind])
        refused = eyes | mouth
        shares = [f"{100 * share.mean():.1f}" if len(share) else "–" for share in (eyes, mouth, refused)]
        right = (refused == hidden).mean()
        cells.append((kind, str(len(of_kind)), *shares, f"{100 * right:.1f}"))
    return Table(
        name="visible",
        title="Hidden eyes and mouths",
        command="python -m training.visible evaluate",
        columns=("picture", "faces", "eyes refused, %", "mouth refused, %", "either, %", "right, %"),
        rows=tuple(cells),
        notes=(
            "The official portraits with even numbers, which training didn't use, and invented people and GRID talkers "
            'it didn\'t use. Covers "any skin" lie on portraits with skins of all tones. '
            "Turned pictures are right where exactly those are refused whose landmarks missed the face.",
        ),
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.visible", description=__doc__)
    parser.add_argument("command", choices=("train", "evaluate"))
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--weights", type=Path, default=FILE, help="file that train writes and evaluate reads")
    parser.add_argument("--size", choices=("tiny", "base"), default="base", help="tiny: four portraits only")
    add_results_option(parser)
    options = parser.parse_args()
    limit = 4 if options.size == "tiny" else None
    examples = gather(options.data, options.command == "evaluate", limit)
    if options.command == "train":
        lenience = TINY_LENIENCE if options.size == "tiny" else None
        models = {name: train(examples, parts, name, lenience) for name, parts in (("eye", (0, 1)), ("mouth", (2,)))}
        write_weights(options.weights, {name: torch.tensor(w, dtype=torch.float32) for name, w in models.items()})
        return
    with open_weights(options.weights, "model of what is seen of a face") as file:
        models = {name: file.tensors[name].double().numpy() for name in ("eye", "mouth")}
        assert models["eye"].shape == (FEATURES + 1,)
    show(table(examples, models), options.results)


if __name__ == "__main__":
    main()
