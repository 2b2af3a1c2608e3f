"""A new mouth for a take: all else stays to the bit, and frames that don't change are those of the source.

The networks are stand-ins. The stand-in sound is noise, in which nobody speaks.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.__main__ import main
from core.errors import BadInputError, CancelledError
from core.motion.channels import CHANNELS, LIP_COLUMNS, NONLIP_COLUMNS
from core.motion.motion import Motion
from core.phones.documents import EDITED, HEARD, PhoneDocument, read_phones
from core.phones.phone_set import PHONES, Segment
from core.takes.mouth import corrected_mouth
from core.wire.emotions import EmotionAt
from core.wire.protocol import Progress, Render, Resample, UpdateLips
from core.wire.style import PriorStyle
from core.wire.take_file import TakeFacts
from tests.core.job_runs import Heard, contents, run

FRAMES = 30
AH = [Segment("AH", 0.4, 0.5)]


def channels(take) -> np.ndarray:
    return Motion.load(take.motion).channels()


def phones(folder: Path, segments=AH, name: str = "edited.json") -> str:
    PhoneDocument.of(EDITED, 1.2, segments).write(folder / name)
    return str(folder / name)


def update(take, **fields) -> UpdateLips:
    return UpdateLips(job=take.job, take=take.index, device="cpu", **fields)


@pytest.fixture
def first(models, request_):
    """A take of noise."""
    return run(replace(request_, takes=1)).takes()[0]


def test_each_take_has_the_phones_that_are_heard(models, request_) -> None:
    """Nobody speaks in the noise, so there is nothing but silence, whatever the network hears."""
    for take in run(request_).takes():
        assert read_phones(Path(take.folder) / "phones.json") == PhoneDocument(HEARD, 1.2, ())
        assert "phones.json" in TakeFacts.read(Path(take.folder)).files


def test_only_the_mouth_near_the_changed_phones_is_new(first, tmp_path) -> None:
    take = run(update(first, phones=phones(tmp_path))).takes()[0]
    old, new = channels(first), channels(take)
    assert np.array_equal(old[:, NONLIP_COLUMNS], new[:, NONLIP_COLUMNS])
    changed = np.flatnonzero((old != new).any(axis=1))
    assert changed.tolist() == [10, 11, 12], "the mouth rests around them, so the blend can't be seen"
    # Stand-in lips open with the number of the phone; frame 12 is half silence.
    assert np.allclose(new[10:12, LIP_COLUMNS], PHONES.index("AH") / len(PHONES))
    document = read_phones(Path(take.folder) / "phones.json")
    assert (document.source, document.segments) == (EDITED, tuple(AH))
    assert take.seed == first.seed and take.index == 2
    assert run(update(first, phones=phones(tmp_path, name="copy.json"))).takes() == [take], "the same phones again"


def test_a_new_mouth_shows_the_emotion_of_its_take(models, request_, tmp_path) -> None:
    """Also of the take from which a resampled one keeps its mouth, and where only a phone is corrected."""
    smiling = PriorStyle(emotions=(EmotionAt(seconds=0.0, emotion="happy", strength=1.0),))
    plain = run(replace(request_, takes=1)).takes()[0]
    felt = run(replace(request_, takes=1, style=smiling)).takes()[0]
    brows = run(Resample(job=felt.job, take=1, renew=("brows",), style=PriorStyle(), device="cpu")).takes()[0]
    smile, jaw = (CHANNELS.index(name) for name in ("mouthSmile_L", "jawOpen"))
    for change in ({"phones": phones(tmp_path)}, {"articulation": 0.5}):
        expected, *made = (channels(run(update(take, **change)).takes()[0]) for take in (plain, felt, brows))
        for mouth in made:
            assert np.allclose(mouth[:, jaw], expected[:, jaw], atol=1e-6)
            assert (mouth[:, smile] > expected[:, smile] + 0.1).all()


def test_other_channels_stay_for_every_kind_of_source(first, tmp_path) -> None:
    edited = Motion.load(first.motion).with_group("brows", np.full((FRAMES, 6), 0.25))
    edited.save(tmp_path / "edited.npz")
    rendered = run(Render(job=first.job, take=1, motion=str(tmp_path / "edited.npz"), device="cpu")).takes()[0]
    again = run(Resample(job=first.job, take=1, renew=("head",), device="cpu")).takes()[0]
    whole = run(Resample(job=first.job, device="cpu")).takes()[0]
    for source in (rendered, again, whole):
        take = run(update(source, phones=phones(tmp_path), articulation=1.5)).takes()[0]
        assert np.array_equal(channels(take)[:, NONLIP_COLUMNS], channels(source)[:, NONLIP_COLUMNS])
        assert (channels(take)[8, LIP_COLUMNS] == 0).all(), "all of the mouth is made from the phones"
        assert np.allclose(channels(take)[10, LIP_COLUMNS], 1.5 * PHONES.index("AH") / len(PHONES))


def test_a_motion_that_is_longer_than_the_sound_keeps_its_length(first, tmp_path) -> None:
    longer = Motion.from_channels(np.concatenate([channels(first), channels(first)]))
    longer.save(tmp_path / "longer.npz")
    source = run(Render(job=first.job, take=1, motion=str(tmp_path / "longer.npz"), device="cpu")).takes()[0]
    late = phones(tmp_path, [Segment("B", 2.0, 2.2)])
    take = run(update(source, phones=late)).takes()[0]
    assert len(channels(take)) == 2 * FRAMES == take.frame_count
    assert np.allclose(channels(take)[51, LIP_COLUMNS], PHONES.index("B") / len(PHONES))
    assert np.array_equal(channels(take)[:44], channels(source)[:44])
    heard = run(update(take, transcript="", articulation=1.5)).takes()[0]
    assert np.array_equal(channels(heard)[FRAMES:], channels(take)[FRAMES:]), "no sound says anything about the rest"


def test_the_takes_own_phones_with_another_articulation(first, tmp_path, models) -> None:
    """Heard phones are spoken by the sound, edited ones by themselves; both are found again."""
    heard = run(update(first, articulation=1.5)).takes()[0]
    assert np.allclose(channels(heard)[:, LIP_COLUMNS], np.clip(1.5 * channels(first)[:, LIP_COLUMNS], 0, 1))
    assert read_phones(Path(heard.folder) / "phones.json").source == HEARD
    edited = run(update(first, phones=phones(tmp_path))).takes()[0]
    far = run(update(edited, articulation=0.5)).takes()[0]
    assert np.allclose(channels(far)[10, LIP_COLUMNS], 0.5 * PHONES.index("AH") / len(PHONES))
    near = run(update(far, phones=phones(tmp_path, [Segment("S", 0.4, 0.5)]))).takes()[0]
    assert np.allclose(channels(near)[10, LIP_COLUMNS], 0.5 * PHONES.index("S") / len(PHONES)), "it stays at 0.5"


def test_resampling_keeps_phones_with_the_mouth(first, tmp_path) -> None:
    edited = run(update(first, phones=phones(tmp_path, [*AH, Segment("S", 0.8, 1.0)]))).takes()[0]
    head = run(Resample(job=first.job, take=edited.index, renew=("head",), device="cpu")).takes()[0]
    assert read_phones(Path(head.folder) / "phones.json") == read_phones(Path(edited.folder) / "phones.json")
    end = Resample(job=first.job, take=edited.index, renew=("lips", "jaw"), first_frame=15, device="cpu")
    assert read_phones(Path(run(end).takes()[0].folder) / "phones.json").segments == tuple(AH)


def test_takes_of_earlier_versions_without_phones_are_updated(first, tmp_path) -> None:
    (Path(first.folder) / "phones.json").unlink()
    data = json.loads((Path(first.folder) / "take.json").read_text(encoding="utf-8"))
    data["files"].remove("phones.json")
    (Path(first.folder) / "take.json").write_text(json.dumps(data), encoding="utf-8")
    rendered = run(Render(job=first.job, take=1, device="cpu")).takes()[0]
    assert not (Path(rendered.folder) / "phones.json").exists()
    take = run(update(rendered, phones=phones(tmp_path))).takes()[0]
    assert np.array_equal(channels(take)[:4], channels(first)[:4]) and channels(take)[10, LIP_COLUMNS].any()


def test_frames_that_do_not_change_are_copied(first, tmp_path, models) -> None:
    """They are equal to a full rendering, but for the marks, which name the new take."""
    models._renderer.rendered = 0
    take = run(update(first, phones=phones(tmp_path))).takes()[0]
    differs = (channels(take) != channels(first)).any(1)
    assert 0 < models._renderer.rendered == differs.sum() <= 8
    models._renderer.rendered = 0
    path = tmp_path / "alone.npz"
    Motion.load(take.motion).save(path)
    (Path(take.frames) / "000030.png").rename(tmp_path / "last.png")  # so that the source has nothing to copy
    whole = run(Render(job=first.job, take=take.index, motion=str(path), device="cpu")).takes()[0]
    (tmp_path / "last.png").rename(Path(take.frames) / "000030.png")
    assert models._renderer.rendered == FRAMES
    for name, data in contents(Path(take.frames)).items():
        with Image.open(Path(whole.frames) / name) as picture, Image.open(Path(take.frames) / name) as copied:
            assert np.array_equal(np.asarray(picture), np.asarray(copied))
            assert copied.text == picture.text | {"Soliloquy-Take": str(take.index)}
            assert len(data) == len((Path(whole.frames) / name).read_bytes())


@pytest.mark.parametrize("spoil", ["cut", "bit", "gone", "drawn"])
def test_only_intact_frames_of_the_same_program_are_copied(first, tmp_path, models, spoil) -> None:
    picture = Path(first.frames) / "000028.png"
    data = bytearray(picture.read_bytes())
    if spoil == "cut":
        picture.write_bytes(data[:-20])
    elif spoil == "bit":
        data[-30] ^= 1
        picture.write_bytes(data)
    elif spoil == "gone":
        picture.unlink()
    else:
        path = Path(first.folder) / "take.json"
        path.write_text(path.read_text(encoding="utf-8").replace('"drawn_with": "', '"drawn_with": "0'))
    models._renderer.rendered = 0
    take = run(update(first, phones=phones(tmp_path))).takes()[0]
    differs = (channels(take) != channels(first)).any(1)
    assert not differs[27]
    assert models._renderer.rendered == (FRAMES if spoil == "drawn" else differs.sum() + 1)


def test_a_take_without_frames_gets_none(models, request_, tmp_path) -> None:
    first = run(replace(request_, takes=1, motion_only=True)).takes()[0]
    take = run(update(first, phones=phones(tmp_path))).takes()[0]
    assert take.frames is None and not list(Path(take.folder).rglob("*.png"))
    shown = run(Render(job=first.job, take=1, device="cpu")).takes()[0]
    assert run(update(shown, phones=phones(tmp_path))).takes()[0].frames, "the look is that of the source"


def test_a_cancelled_update_goes_on(first, tmp_path) -> None:
    heard = Heard(lambda e: isinstance(e, Progress) and e.stage == "frames")
    with pytest.raises(CancelledError):
        run(update(first, phones=phones(tmp_path)), heard)
    take = run(update(first, phones=phones(tmp_path))).takes()[0]
    assert take.index == 2 and len(list(Path(take.frames).glob("*.png"))) == FRAMES


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"take": 9}, "take_missing"),
        ({"phones": "/no/such/phones.json"}, "phones_missing"),
        ({"phones": "/no/such/phones.json", "transcript": "Hello"}, "bad_setting"),
    ],
)
def test_impossible_updates_are_sentences_and_add_no_take(first, fields, code) -> None:
    with pytest.raises(BadInputError) as caught:
        run(replace(update(first), **fields))
    assert caught.value.code == code and not (Path(first.job) / "take-002").exists()


def test_a_corrected_mouth_moves_evenly_into_the_old_one() -> None:
    old, new = np.zeros((40, 27), np.float32), np.ones((40, 27), np.float32)
    before = PhoneDocument.of(HEARD, 1.6, [Segment("B", 0.0, 0.1), Segment("AA", 0.6, 0.8)])
    after = PhoneDocument.of(EDITED, 1.6, [Segment("B", 0.0, 0.1), Segment("AH", 0.6, 0.8)])
    mouth = corrected_mouth(old, new, before, after)[:, 0]
    assert mouth[12:23].tolist() == [1.0] * 11 and mouth[8:12].tolist() == [0.0, 0.25, 0.5, 0.75]
    assert not mouth[:9].any() and not mouth[26:].any()
    assert corrected_mouth(old, new, before, before) is old


def test_the_command_line_makes_the_same_request(first, tmp_path, models, capfd) -> None:
    """``update-lips`` finds the take that the same request made before."""
    edited = phones(tmp_path)
    take = run(update(first, phones=edited)).takes()[0]
    command = ["update-lips", "--job", first.job, "--take", "1", "--phones", edited, "--device", "cpu"]
    assert main(command) == 0
    assert capfd.readouterr().out.strip() == take.folder
    assert main([*command, "--transcript", "Hello there"]) == 2
    assert "can't both shape the mouth" in capfd.readouterr().err
