"""``python -m core``: exit codes, one line for every bad input, nothing half-written, odd paths."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw

from core.__main__ import main
from core.motion import Motion
from core.prior.style import PriorStyle
from core.processes import clean_environment
from core.take import Job
from tests.core.standins import install

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000


@pytest.fixture(scope="session")
def face() -> Image.Image:
    """The public-domain test photograph of scikit-image."""
    data = pytest.importorskip("skimage.data", reason="scikit-image's test photograph is not installed")
    return Image.fromarray(data.astronaut())


def voice(seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    """A buzz at 120 Hz that rises and falls four times a second, (N, channels)."""
    t = np.arange(round(seconds * RATE)) / RATE
    buzz = 0.2 * np.sign(np.sin(2 * np.pi * 120 * t)) * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * t))
    return np.tile(buzz[:, None], (1, channels))


class Place:
    """A folder with a good sound and a good picture, from which a test spoils one."""

    def __init__(self, folder: Path, face: Image.Image) -> None:
        self.folder = folder
        self.audio, self.portrait, self.out = folder / "speech.wav", folder / "face.png", folder / "out"
        soundfile.write(self.audio, voice(), RATE)
        face.save(self.portrait)

    def run(self, *more: str) -> int:
        base = ["generate", "--audio", str(self.audio), "--portrait", str(self.portrait), "--out", str(self.out)]
        return main([*base, "--device", "cpu", "--motion-only", *more])


@pytest.fixture
def place(tmp_path, face, monkeypatch) -> Place:
    monkeypatch.setenv("SOLILOQUY_CACHE", str(tmp_path / "cache"))
    return Place(tmp_path, face)


# What has to be refused -----------------------------------------------------------------------------------------------


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
    *(audio_missing, audio_folder, audio_empty, audio_text, audio_no_samples, audio_short, audio_all_nan, audio_cut),
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
        ["--no-such-option"],
    ],
    ids=" ".join,
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


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="needs root for a small disk",
)
def test_a_really_full_disk(place, tmp_path) -> None:
    """A file system of 64 kB in a mount namespace of its own."""
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


# What has to work -----------------------------------------------------------------------------------------------------


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


def some_nan(p: Place) -> None:
    samples = voice()
    samples[100:110] = math.nan
    soundfile.write(p.audio, samples, RATE, subtype="FLOAT")


def odd_paths(p: Place) -> None:
    odd = p.folder / "mit Leerzeichen ü 漢字"
    odd.mkdir()
    p.audio = p.audio.rename(odd / "rédè 声 1.wav")
    p.portrait = p.portrait.rename(odd / "gesicht 顔.png")
    p.out = odd / "aus 出力"


WORKS = [cmyk, rgba, rotated, surround, odd_paths]


@pytest.mark.parametrize("prepare", WORKS, ids=lambda f: f.__name__)
def test_unusual_input_works(place, capfd, monkeypatch, prepare) -> None:
    """Real decoding, real portrait fit; stand-ins only for the networks."""
    from core import models as real

    stand_in = install(monkeypatch.setattr)
    monkeypatch.setattr(stand_in, "portrait", real.Models("cpu").portrait, raising=False)
    prepare(place)
    assert place.run() == 0, capfd.readouterr().err
    folder = Path(capfd.readouterr().out.strip())
    assert folder.is_relative_to(place.out)
    assert len(Motion.load(folder / "motion.npz")) == 25


def test_not_a_number_in_the_sound_never_reaches_the_motion(place, capfd, monkeypatch) -> None:
    """Either refused with a sentence or repaired; never a motion of NaNs."""
    install(monkeypatch.setattr)
    some_nan(place)
    code = place.run()
    captured = capfd.readouterr()
    if code == 0:
        assert np.isfinite(Motion.load(Path(captured.out.strip()) / "motion.npz").channels()).all()
    else:
        assert code == 2 and len(captured.err.splitlines()) == 1


def test_silence_works_and_says_so(place, capfd) -> None:
    """With the shipped networks: the mouth rests, the head still moves."""
    soundfile.write(place.audio, np.zeros(4 * RATE), RATE)
    assert place.run() == 0
    captured = capfd.readouterr()
    assert "silent" in captured.err
    folder = Path(captured.out.strip())
    motion = Motion.load(folder / "motion.npz")
    assert len(motion) == 100
    assert motion.group("jaw").max() < 0.1
    assert motion.group("head").std(axis=0).max() > 1e-4
    assert Job.open(folder.parent).data["audio"]["silent"] is True


def test_takes_share_the_lips_and_differ_in_the_head(place, capfd) -> None:
    """With the shipped networks, and again to the bit."""
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


def test_style_options_reach_the_job_and_bad_ones_are_named(place, monkeypatch, capfd) -> None:
    models = install(monkeypatch.setattr)
    style = ("--liveliness", "0.5", "--blink-rate", "20", "--start-pose", "-5", "0", "2.5", "--loop")
    assert place.run(*style) == 0
    wanted = PriorStyle(liveliness=0.5, blink_rate=20.0, start_pose=(-5.0, 0.0, 2.5), loop=True)
    assert models.prior.asked["style"] == wanted
    job = capfd.readouterr().out.splitlines()[0].rpartition(os.sep)[0]
    assert main(["resample", "--job", job, "--take", "1", "--groups", "blink", "--head-amplitude", "0"]) == 0
    assert models.prior.asked["style"] == PriorStyle(head_amplitude=0.0)
    capfd.readouterr()
    assert place.run("--head-amplitude", "7") == 2
    assert "head_amplitude can't be 7.0. Choose a value of 0 to 3." in capfd.readouterr().err
