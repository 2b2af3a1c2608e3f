"""core.wire.protocol: every message survives the line, and every wrong one is refused with a sentence."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import schema
from core.errors import EXIT_BAD_INPUT, EXIT_CANCELLED, BadInputError, CancelledError, SoliloquyError
from core.places import ROOT
from core.wire import lines, protocol, style
from core.wire.protocol import Generate, PriorStyle, Progress, Resample, TakeReady

REQUESTS = [
    protocol.Probe(),
    Generate(audio="/päth with spaces/声.wav", portrait="p.jpg", out="/o", takes=3, duration=2.5),
    Generate(
        audio="a", portrait="p", out="o", style=PriorStyle(blink_rate=20.0, start_pose=(0.0, -5.0, 1.0), loop=True)
    ),
    Resample(job="/job", take=2, renew=("head", "gaze"), seed=8, first_frame=10, last_frame=20),
    Resample(job="/job", take=2, transition=20, style=PriorStyle(liveliness=-0.5)),
    protocol.Render(job="/job", motion="edited.npz", size=512, framing="crop"),
    Generate(audio="a", portrait="p", out="o", source="diffusion", pose_style=3, renderer="warp"),
    protocol.Render(job="/job", picture=640),
    protocol.Render(job="/job", picture="fit"),
    protocol.UpdateLips(job="/job", take=2, phones="phones.json", transcript=None, articulation=1.2),
    protocol.Extract(job="/job", take=2),
    protocol.Head(portrait="p.jpg", out="/o"),
    protocol.Cancel(job="7"),
    protocol.Shutdown(),
]
EVENTS = [
    protocol.Hello(
        protocol=1, version="0.1.0", device="cpu", device_name="x", python="3.11.2", torch="2.13.0+cpu", pid=4
    ),
    protocol.Alive(id="1"),
    Progress(id="1", stage="frames", done=3, total=10, eta=1.5, take=2),
    protocol.Notice(id="1", message="The sound is silent."),
    TakeReady(
        id="1",
        job="/job",
        index=1,
        seed=0,
        folder="/job/take-001",
        motion="m.npz",
        curves="c.csv",
        curves_extracted=None,
        frames=None,
        contact=None,
        frame_count=25,
        fps=25.0,
        width=None,
        height=None,
        start=0.0,
        seconds=1.0,
    ),
    protocol.Done(id="1", result={"job": "/job", "takes": [1, 2]}),
    protocol.Error(id=None, code="x", message="A sentence.", hint="Another."),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: r.request)
def test_requests_survive_the_line(request_) -> None:
    line = lines.encode_request("17", request_)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert lines.decode_request(line) == ("17", request_)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.event)
def test_events_survive_the_line(event) -> None:
    line = lines.encode_event(event)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert lines.decode_event(line) == event


def test_the_lists_above_are_complete() -> None:
    assert {type(r) for r in REQUESTS} == set(lines._REQUESTS.values())
    assert {type(e) for e in EVENTS} == set(lines._EVENTS.values())


@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_a_legal_path_and_stays_itself(text) -> None:
    request = Generate(audio=text, portrait=text, out=text)
    assert lines.decode_request(lines.encode_request("1", request))[1] == request


HOSTILE = [
    {"audio": "/tmp/\udcff.wav"},
    {"out": "/tmp/\ud800"},
    {"portrait": "/tmp/a\0b.png"},
    {"device": "\ud800"},
    {"device": "\U000e0001" * 250_000},
    {"start": 10**400},
    {"start": 10**5000},
    {"start": 1e308},
    {"duration": -(10**400)},
    {"seed": 10**5000},
    {"takes": functools.reduce(lambda inner, _: [inner], range(900), [])},
    {"takes": "\U000e0001" * 250_000},
    {"\ud800": 1},
    {"x" * 300_000: 1},
]


@pytest.mark.parametrize("changes", HOSTILE, ids=lambda changes: next(iter(changes))[:9].encode("ascii", "replace"))
def test_hostile_values_are_bad_settings_on_both_sides(changes) -> None:
    fields = {"audio": "a", "portrait": "p", "out": "o", **changes}
    with pytest.raises(BadInputError) as caught:
        schema.build(Generate, fields)
    assert caught.value.code == "bad_setting"
    answer = lines.encode_event(protocol.error_event("1", caught.value))
    assert len(answer) < 20_000 and lines.decode_event(answer).message.encode("utf-8")
    if set(changes) <= {f.name for f in dataclasses.fields(Generate)}:
        with pytest.raises(BadInputError) as caught:
            lines.encode_request("1", Generate(**fields))
        assert caught.value.code == "bad_setting"


def test_a_line_over_the_limit_is_one_line_and_nothing_in_it_is_a_request() -> None:
    hidden = b'{"request":"cancel","id":"smuggled","job":"x"}'
    start = b'{"request":"generate","id":"big","audio":"'
    start += b"x" * (lines.MAX_LINE + 1 - len(start))
    good = b'{"request":"probe","id":"1"}\n'
    for long in (start + hidden + b"\n", start + b"\n", b"x" * (5 * lines.MAX_LINE) + hidden + b"\n"):
        first, second = lines.read_lines(io.BytesIO(long + good))
        assert second == good and len(first) > lines.MAX_LINE
        with pytest.raises(BadInputError, match="longer than the limit"):
            lines.decode_request(first)
        assert lines.identifier_in(first) is None
    assert list(lines.read_lines(io.BytesIO(start + hidden))) == [start], "the stream ends within the line"
    exact = b" " * (lines.MAX_LINE - len(good)) + good
    assert list(lines.read_lines(io.BytesIO(exact + good))) == [exact, good], "the longest line that is accepted"
    assert lines.decode_request(exact)[0] == "1"


def test_ids_are_short_texts() -> None:
    for identifier in ("x" * 201, 7, None, ["1"], "x" * 1_040_000):
        line = json.dumps({"request": "probe", "id": identifier}).encode()
        with pytest.raises(BadInputError, match="in “id”"):
            lines.decode_request(line)
        assert lines.identifier_in(line) is None
    assert lines.decode_request(b'{"request":"probe","id":"\\ud800"}')[0] == "\ud800", "answered with its own id"


def test_errors_can_be_sent_and_shown_whatever_they_quote() -> None:
    error = SoliloquyError("x", "no \udcff\0" + "y" * 10**6, "\ud800")
    assert error.message.startswith("no \\udcff\\x00yyy") and len(error.message) < 2100 and error.hint == "\\ud800"
    assert str(error).encode("utf-8")


@given(line=st.binary(max_size=80))
def test_any_garbage_is_one_kind_of_error(line) -> None:
    for decode in (lines.decode_request, lines.decode_event):
        with pytest.raises(BadInputError):
            decode(line)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"takes": 0}, "takes"),
        ({"takes": True}, "takes"),
        ({"takes": "2"}, "takes"),
        ({"takes": 1.5}, "takes"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**31}, "seed"),
        ({"start": -0.1}, "start"),
        ({"guidance_scale": "much"}, "guidance_scale"),
        ({"size": 64}, "size"),
        ({"framing": "wide"}, "framing"),
        ({"picture": "wide"}, "picture"),
        ({"picture": "640"}, "picture"),
        ({"picture": 63}, "picture"),
        ({"picture": 2161}, "picture"),
        ({"picture": 640.5}, "picture"),
        ({"picture": True}, "picture"),
        ({"picture": None}, "picture"),
        ({"renderer": "oil"}, "renderer"),
        ({"source": "puppet"}, "source"),
        ({"source": None}, "source"),
        ({"pose_style": -1}, "pose_style"),
        ({"pose_style": 100}, "pose_style"),
        ({"pose_style": "calm"}, "pose_style"),
        ({"device": "tpu"}, "device"),
        ({"motion_only": 1}, "motion_only"),
        ({"audio": None}, "audio"),
        ({"colour": "red"}, "colour"),
        ({"kind": "generate"}, "kind"),
        ({"style": "lively"}, "style"),
        ({"style": {"head_amplitude": 9}}, "head_amplitude"),
        ({"style": {"hat": True}}, "hat"),
        ({"style": {"kind": "calm"}}, "kind"),
        ({"style": {"end_pose": [1, 2]}}, "end_pose"),
    ],
)
def test_wrong_settings_are_named(changes, word) -> None:
    fields = {"request": "generate", "id": "1", "audio": "a", "portrait": "p", "out": "o", **changes}
    with pytest.raises(BadInputError, match=word) as caught:
        lines.decode_request(json.dumps(fields).encode())
    assert caught.value.code == "bad_setting" and caught.value.exit_code == EXIT_BAD_INPUT


def test_a_size_of_the_picture_is_a_word_or_a_number_and_the_hint_says_so() -> None:
    with pytest.raises(BadInputError, match="photograph, fit, or a number of 64 to 2160"):  # str() has the hint too
        schema.build(protocol.Generate, {"audio": "a", "portrait": "p", "out": "o", "picture": "wide"})
    for value in ("photograph", "fit", 64, 2160):
        assert schema.build(protocol.Render, {"job": "/j", "picture": value}).picture == value


def test_missing_settings_are_named() -> None:
    with pytest.raises(BadInputError, match="audio, out, portrait"):
        lines.decode_request(b'{"request":"generate","id":"1"}')
    with pytest.raises(BadInputError, match="renew"):
        lines.encode_request("1", Resample(job="j", renew=("hair",)))


def test_every_style_setting_is_explained() -> None:
    """The description lists each setting once."""
    for field in dataclasses.fields(PriorStyle):
        assert style.__doc__.count(f"\n``{field.name}``") == 1, field.name


def test_not_a_number_never_travels() -> None:
    with pytest.raises(BadInputError):
        lines.encode_request("1", Generate(audio="a", portrait="p", out="o", start=math.nan))
    with pytest.raises(BadInputError):
        lines.decode_request(b'{"request":"generate","id":"1","audio":"a","portrait":"p","out":"o","start":NaN}')


def test_whole_numbers_become_floats_where_floats_belong() -> None:
    line = b'{"request":"generate","id":"1","audio":"a","portrait":"p","out":"o","duration":3}'
    duration = lines.decode_request(line)[1].duration
    assert duration == 3.0 and isinstance(duration, float)


def test_errors_keep_their_exit_code() -> None:
    for error, code in ((BadInputError("a", "b"), EXIT_BAD_INPUT), (CancelledError(), EXIT_CANCELLED)):
        event = lines.decode_event(lines.encode_event(protocol.error_event("1", error)))
        assert event.exit_code == code
        assert event.exception().exit_code == code
    assert protocol.error_event(None, SoliloquyError("a", "b")).exit_code == 1


def test_progress_speaks_plainly() -> None:
    assert Progress(id="1", stage="frames", done=0, total=1).text == "Rendering frames"
    assert Progress(id="1", stage="frames", done=0, total=1, take=2).text == "Take 2: rendering frames"


def test_defaults_keep_their_own_limits() -> None:
    for request in REQUESTS:
        assert schema.checked(request) == request
    assert all(f.metadata["text"] for f in dataclasses.fields(Generate))


def test_blender_gets_the_standard_library_only() -> None:
    """Importing what Blender imports must load nothing outside the standard library."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "import core.wire.protocol, core.wire.lines, core.wire.client, core.runtime.environment\n"
        "new = {m.split('.')[0] for m in set(sys.modules) - before} - {'core'}\n"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
