"""``python -m core``: unusual input and paths, the output, and the end after an interruption."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from core.__main__ import main
from core.motion.motion import Motion
from core.takes.job import Job
from core.wire.protocol import Request
from core.wire.style import PriorStyle
from tests.core.cli_place import RATE, Place, voice
from tests.core.standins import install

ROOT = Path(__file__).resolve().parents[2]


def cmyk(p: Place) -> None:
    p.portrait = p.folder / "cmyk.jpg"
    Image.open(p.folder / "face.png").convert("CMYK").save(p.portrait)


def rgba(p: Place) -> None:
    picture = Image.open(p.portrait).convert("RGBA")
    picture.putalpha(255)
    picture.save(p.portrait)


def rotated(p: Place) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.open(p.portrait).rotate(90, expand=True)
    p.portrait = p.folder / "rotated.jpg"
    picture.save(p.portrait, exif=exif)


def surround(p: Place) -> None:
    soundfile.write(p.audio, voice(channels=8), RATE)


def odd_paths(p: Place) -> None:
    odd = p.folder / "mit Leerzeichen ü 漢字"
    odd.mkdir()
    p.audio = p.audio.rename(odd / "rédè 声 1.wav")
    p.portrait = p.portrait.rename(odd / "gesicht 顔.png")
    p.out = odd / "aus 出力"


WORKS = [cmyk, rgba, rotated, surround, odd_paths]


@pytest.mark.parametrize("prepare", WORKS, ids=lambda f: f.__name__)
def test_unusual_input_works(place, capfd, monkeypatch, prepare) -> None:
    """Decoding and portrait fit are real; only the networks are stand-ins."""
    from core.takes import models as real

    stand_in = install(monkeypatch.setattr)
    monkeypatch.setattr(stand_in, "portrait", real.Models("cpu").portrait, raising=False)
    prepare(place)
    assert place.run() == 0, capfd.readouterr().err
    folder = Path(capfd.readouterr().out.strip())
    assert folder.is_relative_to(place.out)
    assert len(Motion.load(folder / "motion.npz")) == 25


@pytest.mark.parametrize(
    ("given", "words"), [("line.txt", "Bin blue at F two"), ("Bin\n blue", "Bin blue"), ('"line.txt"', "line.txt")]
)
def test_a_transcript_is_words_or_a_text_file(tmp_path, monkeypatch, given, words) -> None:
    (tmp_path / "line.txt").write_text("Bin blue\nat F two\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    sent: list[Request] = []
    monkeypatch.setattr("core.__main__._run", lambda request, _printer: sent.append(request) or {"takes": []})
    assert main(["generate", "--audio", "a", "--portrait", "p", "--out", "o", "--transcript", given]) == 0
    assert main(["update-lips", "--job", "j", "--transcript", given]) == 0
    assert [request.transcript for request in sent] == [words, words]


def test_silence_works_and_says_so(place, capfd) -> None:
    """With the shipped networks the mouth rests and the head still moves."""
    soundfile.write(place.audio, np.zeros(4 * RATE), RATE)
    assert place.run() == 0
    captured = capfd.readouterr()
    assert "silent" in captured.err
    folder = Path(captured.out.strip())
    motion = Motion.load(folder / "motion.npz")
    assert len(motion) == 100
    assert motion.group("jaw").max() < 0.1
    assert motion.group("head").std(axis=0).max() > 1e-4
    assert Job.open(folder.parent).facts.audio.silent


def test_takes_share_the_lips_and_differ_in_the_head(place, capfd) -> None:
    """With the shipped networks; a second run gives the same motion bit for bit."""
    assert place.run("--takes", "2", "--seed", "3") == 0
    first, second = (Path(line) for line in capfd.readouterr().out.split("\n")[:2])
    one, two = (Motion.load(folder / "motion.npz") for folder in (first, second))
    assert np.array_equal(one.group("lips"), two.group("lips")) and np.array_equal(one.group("jaw"), two.group("jaw"))
    assert np.abs(one.rotation - two.rotation).max() > 1e-3
    place.out = place.folder / "again"
    assert place.run("--seed", "4") == 0
    again = Motion.load(Path(capfd.readouterr().out.strip()) / "motion.npz")
    assert np.array_equal(again.channels(), two.channels())


def test_start_and_duration_are_honoured(place, capfd, monkeypatch) -> None:
    install(monkeypatch.setattr)
    assert place.run("--start", "0.2", "--duration", "0.52") == 0
    folder = Path(capfd.readouterr().out.strip())
    assert len(Motion.load(folder / "motion.npz")) == 13
    samples, _ = soundfile.read(folder.parent / "audio.wav", dtype="int16")
    whole, _ = soundfile.read(place.audio, dtype="int16")
    assert np.array_equal(samples, whole[3200 : 3200 + 8320])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_ctrl_c_is_130_and_keeps_what_is_finished(place, name) -> None:
    code = (
        "import sys; from tests.core.standins import install; install()._renderer.seconds_a_frame = 0.02\n"
        "from core.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "generate", "--audio", place.audio, "--portrait", place.portrait]
    command += ["--out", place.out, "--takes", "20", "--device", "cpu"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        first = process.stdout.readline().strip()
        time.sleep(0.1)
        process.send_signal(getattr(signal, name))
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1] == "error: Cancelled."
    assert Job.open(Path(first).parent).take(1).finished()


def test_help_names_every_option(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["generate", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for option in ("--audio", "--takes", "--guidance-scale", "--steps", "--motion-only", "--framing", "--device"):
        assert option in text


@pytest.mark.parametrize("command", [[], ["generate"], ["head"]])
def test_help_has_whole_sentences(command, capsys) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert not re.search(r"\s\.\s", capsys.readouterr().out), "a full stop by itself"


def test_style_options_reach_the_job_and_bad_ones_are_named(place, monkeypatch, capfd) -> None:
    models = install(monkeypatch.setattr)
    style = ("--liveliness", "0.5", "--persona", "7", "--blink-rate", "20", "--start-pose", "-5", "0", "2.5", "--loop")
    assert place.run(*style) == 0
    wanted = PriorStyle(liveliness=0.5, persona=7, blink_rate=20.0, start_pose=(-5.0, 0.0, 2.5), loop=True)
    assert models.prior.asked.style == wanted
    job = capfd.readouterr().out.splitlines()[0].rpartition(os.sep)[0]
    assert main(["resample", "--job", job, "--take", "1", "--renew", "blink", "--head-amplitude", "0"]) == 0
    assert models.prior.asked.style == PriorStyle(head_amplitude=0.0)
    capfd.readouterr()
    assert place.run("--head-amplitude", "7") == 2
    assert "head_amplitude can't be 7.0. Choose a value of 0 to 3." in capfd.readouterr().err
