"""``python -m core``: bad input gives one line and the right exit code, and leaves no half-written file."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw

from core.__main__ import main
from core.runtime.processes import clean_environment
from tests.core.cli_place import RATE, Place, voice

ROOT = Path(__file__).resolve().parents[2]


def audio_missing(p: Place) -> None:
    p.audio = p.folder / "none.wav"


def audio_folder(p: Place) -> None:
    p.audio = p.folder


def audio_empty(p: Place) -> None:
    p.audio.write_bytes(b"")


def audio_text(p: Place) -> None:
    p.audio.write_text("This is not a sound.\n" * 50, encoding="utf-8")


def audio_no_samples(p: Place) -> None:
    soundfile.write(p.audio, np.zeros(0), RATE)


def audio_short(p: Place) -> None:
    soundfile.write(p.audio, voice(0.05), RATE)


def audio_all_nan(p: Place) -> None:
    soundfile.write(p.audio, np.full(RATE, math.nan), RATE, subtype="FLOAT")


def audio_some_nan(p: Place) -> None:
    samples = voice()
    samples[100:110] = math.nan
    soundfile.write(p.audio, samples, RATE, subtype="FLOAT")


def audio_cut(p: Place) -> None:
    p.audio.write_bytes(p.audio.read_bytes()[:20])


def portrait_missing(p: Place) -> None:
    p.portrait = p.folder / "none.png"


def portrait_empty(p: Place) -> None:
    p.portrait.write_bytes(b"")


def portrait_text(p: Place) -> None:
    p.portrait.write_text("not a picture", encoding="utf-8")


def portrait_cut(p: Place) -> None:
    p.portrait.write_bytes(p.portrait.read_bytes()[:5000])


def portrait_no_face(p: Place) -> None:
    Image.effect_noise((400, 400), 40).convert("RGB").save(p.portrait)


def portrait_wide(p: Place) -> None:
    Image.new("RGB", (20000, 300), (120, 100, 90)).save(p.portrait)


def portrait_two_faces(p: Place) -> None:
    with Image.open(p.portrait) as one:
        both = Image.new("RGB", (one.width * 2, one.height))
        both.paste(one, (0, 0))
        both.paste(one, (one.width, 0))
    both.save(p.portrait)


def portrait_cartoon(p: Place) -> None:
    picture = Image.new("RGB", (400, 400), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((80, 60, 320, 340), fill=(255, 220, 60), outline="black", width=6)
    for x in (150, 250):
        draw.ellipse((x - 15, 150, x + 15, 190), fill="black")
    draw.arc((140, 200, 260, 290), 20, 160, fill="black", width=8)
    picture.save(p.portrait)


def out_is_a_file(p: Place) -> None:
    p.out.write_bytes(b"mine")


REFUSED = [
    *(audio_missing, audio_folder, audio_empty, audio_text, audio_no_samples, audio_short, audio_all_nan),
    *(audio_some_nan, audio_cut),
    *(portrait_missing, portrait_empty, portrait_text, portrait_cut, portrait_no_face, portrait_wide),
    *(portrait_two_faces, portrait_cartoon, out_is_a_file),
]


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda f: f.__name__)
def test_bad_input_is_one_line_and_exit_code_2(place, capfd, spoil) -> None:
    spoil(place)
    assert place.run() == 2
    captured = capfd.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and lines[0].endswith("."), captured.err
    assert "Traceback" not in captured.err and captured.out == ""
    assert not place.out.exists() or place.out.read_bytes() == b"mine"


def test_a_few_samples_that_are_not_numbers_are_told(place, capfd) -> None:
    """They are refused and not repaired, because only the user knows the right samples."""
    audio_some_nan(place)
    assert place.run() == 2
    assert "not numbers" in capfd.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--takes", "0"],
        ["--takes", "two"],
        ["--seed", "-1"],
        ["--size", "10"],
        ["--guidance-scale", "nan"],
        ["--framing", "wide"],
        ["--device", "abacus"],
        ["--start", "-1"],
        ["--start", "50"],
        ["--duration", "0.01"],
        ["--start", "1e308"],
        ["--duration", "1e308"],
        ["--preview", "1e308"],
        ["--seed", "9" * 400],
        ["--audio", "/tmp/\udcff.wav"],
        ["--portrait", "/tmp/\udcff.png"],
        ["--out", "/tmp/\udcff"],
        ["--audio", "/tmp/" + "a" * 300],
        ["--portrait", "/tmp/" + "a" * 300],
        ["--out", "/tmp/" + "a" * 300],
        ["--articulation", "1.6"],
        ["--transcript", "nowhere.txt"],
        ["--transcript", "a\0b"],
        ["--transcript", "word " * 25_000],
        ["--no-such-option"],
    ],
    ids=lambda options: " ".join(options).encode("ascii", "replace").decode()[:40],
)
def test_bad_options_are_one_line_and_exit_code_2(place, capfd, options) -> None:
    assert place.run(*options) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    assert not place.out.exists()


def test_jobs_that_are_not_there(tmp_path, capfd) -> None:
    for command in (["resample"], ["render"], ["extract"]):
        assert main([*command, "--job", str(tmp_path)]) == 2
        assert "no job" in capfd.readouterr().err


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="needs a folder nobody may write to")
def test_an_unwritable_folder(place, capfd) -> None:
    place.out = Path("/sys/soliloquy")
    assert place.run() == 2
    captured = capfd.readouterr().err.splitlines()
    assert len(captured) == 1 and "can't be written" in captured[0]


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="needs root for a small disk",
)
def test_a_really_full_disk(place, tmp_path) -> None:
    """A file system of 64 kB in its own mount namespace."""
    disk = tmp_path / "disk"
    disk.mkdir()
    place.out = disk / "out"
    soundfile.write(place.audio, voice(20.0), RATE)
    script = 'mount -t tmpfs -o size=64k none "$1" && shift && "$@"; code=$?; ls -AR "$0" >&2; exit $code'
    command = [sys.executable, "-m", "core", "generate", "--audio", place.audio, "--portrait", place.portrait]
    command += ["--out", place.out, "--motion-only", "--device", "cpu"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, disk, disk, *command],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 1, done.stderr
    assert "error: The disk is full" in done.stderr and ".part" not in done.stderr
