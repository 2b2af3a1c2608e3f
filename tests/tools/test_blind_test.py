"""The blind test: films that tell nothing of their system, a page that asks about each, and tables of known answers."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import combinations

import av
import numpy as np
import pytest

from core.errors import BadInputError
from core.places import ASSETS
from core.wire.protocol import Generate
from tests.core.job_runs import run
from tests.media_files import write_media
from tools import blind_test
from tools.listening.answers import Ratings, preference, ratings_of, read_answers, tables
from tools.listening.films import encode, find_films
from tools.listening.page import QUESTIONS, Film, Key

SYSTEMS, CLIPS = ("filmed", "secretsystem"), ("lecture", "poem")


@pytest.fixture
def films(tmp_path):
    """Folders of two systems with two films each, at other rates of sound."""
    for number, system in enumerate(SYSTEMS):
        (tmp_path / system).mkdir()
        for clip in CLIPS:
            rate = (16_000, 44_100)[number]
            tone = 0.3 * np.sin(np.arange(rate) * 2 * np.pi * 440 / rate).astype(np.float32)
            write_media(tmp_path / system / f"{clip}.mkv", tone, rate, "pcm_s16le", picture=True)
    return [f"--system={system}={tmp_path / system}" for system in SYSTEMS]


@pytest.fixture
def built(films, tmp_path):
    """The folder of a test with two systems and two clips."""
    assert blind_test.main(["build", *films, "--out", str(tmp_path / "out"), "--height", "128"]) == 0
    return tmp_path / "out"


def test_nothing_that_listeners_get_names_a_system_or_a_clip(built):
    key = Key.read(built / "key.json")
    assert sorted((film.system, film.clip) for film in key.films.values()) == sorted(
        (system, clip) for system in SYSTEMS for clip in CLIPS
    )
    files = [path for path in (built / "page").rglob("*") if path.is_file()]
    assert len(files) == 1 + len(key.films)
    for path in files:
        for word in (*SYSTEMS, *CLIPS):
            assert word not in path.name and word.encode() not in path.read_bytes()


def test_films_are_encoded_alike(built):
    seen = set()
    for path in (built / "page" / "films").iterdir():
        with av.open(path) as film:
            picture, sound = film.streams.video[0], film.streams.audio[0]
            seen.add((picture.width, picture.height, float(picture.average_rate), picture.frames, sound.rate))
            assert "title" not in film.metadata and "comment" not in film.metadata
            assert abs(film.duration / 1e6 - 1) < 0.05
            loud = np.concatenate([frame.to_ndarray()[0] for frame in film.decode(sound)])
            assert np.abs(loud[10_000:30_000]).max() == pytest.approx(0.3, abs=0.03)
    assert seen == {(128, 128, 25.0, 25, 48_000)}


def test_the_same_seed_gives_the_same_test(films, built, tmp_path):
    assert blind_test.main(["build", *films, "--out", str(tmp_path / "again"), "--height", "128"]) == 0
    assert (tmp_path / "again" / "key.json").read_bytes() == (built / "key.json").read_bytes()
    for path in (built / "page").rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(built)).read_bytes() == path.read_bytes()


def test_systems_with_other_clips_are_refused(films, tmp_path, capsys):
    (tmp_path / SYSTEMS[1] / "poem.mkv").unlink()
    assert blind_test.main(["build", *films, "--out", str(tmp_path / "out")]) == 2
    assert "secretsystem lacks poem" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadInputError, match="There is no folder"):
        find_films({"a": tmp_path / "nowhere"})


def test_a_test_is_not_overwritten(films, built, capsys):
    before = (built / "key.json").read_bytes()
    assert blind_test.main(["build", *films, "--out", str(built), "--seed", "1"]) == 2
    assert "There is a test in" in capsys.readouterr().err
    assert (built / "key.json").read_bytes() == before


@pytest.mark.parametrize("option", ["--height=0", "--pairs=-1", "--pairs=all"])
def test_numbers_that_make_no_test_are_refused(films, tmp_path, capsys, option):
    with pytest.raises(SystemExit):
        blind_test.main(["build", *films, "--out", str(tmp_path / "out"), option])
    assert option.partition("=")[0] in capsys.readouterr().err


def test_a_take_without_frames_is_told(tmp_path):
    (tmp_path / "ours" / "poem" / "take-001" / "frames").mkdir(parents=True)
    [source] = find_films({"ours": tmp_path / "ours"})["poem"].values()
    with pytest.raises(BadInputError, match="holds no frames"):
        encode(source, tmp_path / "film.mp4", 128)


@pytest.mark.slow
def test_a_take_is_a_film(tmp_path):
    request = Generate(
        audio=str(ASSETS / "self_test.flac"),
        portrait=str(ASSETS / "self_test.jpg"),
        out=str(tmp_path / "ours" / "poem"),
        start=0.2,
        duration=0.8,
        renderer="warp",
        extract=False,
        device="cpu",
    )
    run(request)
    [source] = find_films({"ours": tmp_path / "ours"})["poem"].values()
    assert len(list(source.frames())) == 20
    samples, rate = source.sound()
    assert len(samples) == round(0.8 * rate)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's script")
def test_the_page_asks_about_each_film_and_each_pair_once(built, tmp_path):
    page = (built / "page" / "index.html").read_text(encoding="utf-8")
    script = page.split("<script>")[1].split("</script>")[0]
    (tmp_path / "page.js").write_text(script)
    (tmp_path / "try.js").write_text(
        "const page = require('./page.js'); let state = page.begin();"
        "for (const step of state.steps) page.answered(state, step,"
        " step.film ? {sync: 4, naturalness: 2, richness: 5} : {chosen: 'left'});"
        "console.log(page.answers(state));"
    )
    made = subprocess.run(["node", str(tmp_path / "try.js")], capture_output=True, text=True, check=True).stdout
    (tmp_path / "answers.json").write_text(made)
    key = Key.read(built / "key.json")
    [sheet] = read_answers(key, [tmp_path / "answers.json"])
    assert sorted(rating["film"] for rating in sheet["ratings"]) == sorted(key.films)
    pairs = [{choice["left"], choice["right"]} for choice in sheet["choices"]]
    same_clip = [{a, b} for a, b in combinations(key.films, 2) if key.films[a].clip == key.films[b].clip]
    assert len(pairs) == len(same_clip) and all(pair in pairs for pair in same_clip)
    assert ratings_of(key, [sheet], "filmed", "richness").mean() == (5.0, 5.0, 5.0)


KEY = Key("t", {f"{system}{clip}": Film(system, f"c{clip}") for system in ("film", "ours") for clip in range(8)})


def sheet(listener: str, sync: dict[str, int], chosen: str = "left") -> dict:
    """Answers of one listener; the film is always on the left."""
    ratings = [
        {"film": name, "sync": sync[film.system], "naturalness": 3, "richness": 1} for name, film in KEY.films.items()
    ]
    choices = [{"left": f"film{clip}", "right": f"ours{clip}", "chosen": chosen} for clip in range(8)]
    return {"test": "t", "listener": listener, "ratings": ratings, "choices": choices}


def test_known_answers_make_known_tables():
    sheets = [sheet("a", {"film": 5, "ours": 2}), sheet("b", {"film": 4, "ours": 4}, "right")]
    sheets.append(sheet("c", {"film": 5, "ours": 3}, "equal"))
    mean, low, high = ratings_of(KEY, sheets, "ours", "sync").mean()
    assert mean == 3 and low == 2 and high == 4
    assert preference(KEY, sheets, "film", "ours").mean()[0] == preference(KEY, sheets, "ours", "film").mean()[0] == 0.5
    text = tables(KEY, sheets)
    assert "3 listeners gave 48 ratings" in text
    assert "| ours | 3.00 (2.00 to 4.00) | 3.00 (3.00 to 3.00) | 1.00 (1.00 to 1.00) |" in text
    assert "| film | ours | 50 (0 to 100) | 24 |" in text


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Listeners and clips have leanings of their own. Intervals from single answers would hold it in two fifths."""
    rng, held = np.random.default_rng(1), 0
    for _ in range(60):
        listener, clip = (values.ravel() for values in np.meshgrid(np.arange(20), np.arange(20)))
        value = rng.normal(0, 0.5, 20)[listener] + rng.normal(0, 0.5, 20)[clip] + rng.normal(0, 0.5, 400)
        _, low, high = Ratings(listener, clip, value).mean()
        held += low <= 0 <= high
    assert held / 60 >= 0.85


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"test": "other"}, "another test"),
        ({"ratings": [{"film": "film0", "sync": 6, "naturalness": 3, "richness": 1}]}, "no such rating"),
        ({"ratings": [{"film": "nobody", "sync": 3, "naturalness": 3, "richness": 1}]}, "no such rating"),
        ({"choices": [{"left": "film0", "right": "ours0", "chosen": "both"}]}, "no such choice"),
        ({"ratings": 3}, "not iterable"),
    ],
)
def test_answers_that_the_page_cannot_have_written_are_refused(tmp_path, change, word):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(sheet("a", {"film": 5, "ours": 2}) | change))
    with pytest.raises(BadInputError, match=word):
        read_answers(KEY, [path])


def test_a_listener_counts_once(tmp_path):
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_text(json.dumps(sheet("a", {"film": 5, "ours": 2})))
    with pytest.raises(BadInputError, match="there already"):
        read_answers(KEY, [tmp_path / "one.json", tmp_path / "two.json"])
    assert set(QUESTIONS) == {"sync", "naturalness", "richness"}
