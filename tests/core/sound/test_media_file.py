"""The sound of movies and recordings, made with PyAV: as the same sound in a WAV file, or one sentence."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from core.errors import BadInputError
from core.media import container
from core.media.container import CONTAINERS
from core.places import ASSETS
from core.sound import media_file
from core.sound.audio import load_audio
from core.sound.media_file import CODECS, MediaSound
from core.sound.sound_file import open_sound
from core.sound.speech import write_spoken_part
from tests.media_files import encode, write_media


def speech(rate: int, repeats: int = 3) -> np.ndarray:
    """(n,) some seconds of a voice, with silence around it."""
    voice, at = soundfile.read(ASSETS / "self_test.flac", dtype="float32")
    voice = np.concatenate([np.zeros(at // 4, np.float32), *[voice] * repeats, np.zeros(at // 4, np.float32)])
    times = np.arange(round(len(voice) * rate / at) // rate * rate) / rate
    return np.interp(times, np.arange(len(voice)) / at, voice).astype(np.float32)


def lag_and_likeness(found: np.ndarray, wanted: np.ndarray) -> tuple[int, float]:
    """Samples by which ``found`` comes late, and the correlation at that lag."""
    size = len(found) + len(wanted)
    products = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(wanted, size)), size)
    lag = int(products.argmax())
    likeness = float(products[lag] / np.linalg.norm(found) / np.linalg.norm(wanted))
    return (lag if lag < size // 2 else lag - size), likeness


def refused(path: Path, code: str = "audio_unreadable") -> str:
    with pytest.raises(BadInputError) as caught:
        load_audio(path)
    error = caught.value
    assert error.code == code and error.message.endswith(".") and error.hint.endswith(".") and "\n" not in str(error)
    return error.message


SAME = [
    ("clip.mp4", "aac", 48_000, True),
    ("clip.mov", "pcm_s16le", 48_000, True),
    ("memo.m4a", "aac", 44_100, False),
    ("memo.m4a", "alac", 44_100, False),
    ("old phone.m4a", "aac", 16_000, False),
    ("clip.webm", "libopus", 48_000, False),
    ("clip.mkv", "libopus", 48_000, True),
    ("clip.mkv", "flac", 44_100, True),
    ("voice.opus", "libopus", 48_000, False),
    ("music.mp4", "libmp3lame", 44_100, True),
    ("clip.avi", "pcm_s16le", 44_100, True),
    ("voice.wv", "wavpack", 44_100, False),
]


@pytest.mark.parametrize(
    ("name", "codec", "rate", "picture"), SAME, ids=[f"{name} {codec}" for name, codec, *_ in SAME]
)
def test_the_same_sound_as_in_a_wav_file(tmp_path: Path, name: str, codec: str, rate: int, picture: bool) -> None:
    """Also where the codec begins and ends with filling: no lag, and the same number of video frames."""
    voice = speech(rate)
    soundfile.write(tmp_path / "a.wav", voice, rate)
    write_media(tmp_path / name, voice, rate, codec, picture=picture)
    found, wanted = load_audio(tmp_path / name), load_audio(tmp_path / "a.wav")
    lag, likeness = lag_and_likeness(found.samples, wanted.samples)
    assert abs(lag) <= 1 and likeness > 0.97
    assert found.frames == wanted.frames and abs(found.seconds - wanted.seconds) < 0.01


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("a.aac", "aac", 48_000), ("a.ac3", "ac3", 48_000), ("a.wma", "wmav2", 44_100), ("a.flv", "aac", 44_100),
     ("a.ts", "mp2", 48_000), ("a.mpg", "mp2", 48_000), ("a.mkv", "aac", 48_000), ("a.avi", "libmp3lame", 44_100)],
)  # fmt: skip
def test_formats_that_do_not_declare_their_filling_are_read_as_they_are_heard(
    tmp_path: Path, name: str, codec: str, rate: int
) -> None:
    """As Blender plays them, with filling before the sound, or with FFmpeg's WMA without its first 2048 samples."""
    voice = speech(rate)
    soundfile.write(tmp_path / "a.wav", voice, rate)
    write_media(tmp_path / name, voice, rate, codec)
    lag, likeness = lag_and_likeness(load_audio(tmp_path / name).samples, load_audio(tmp_path / "a.wav").samples)
    assert abs(lag) <= 2048 * 16_000 / rate and likeness > 0.97


def test_five_channels_and_the_bass(tmp_path: Path) -> None:
    voice = speech(48_000)
    sides = np.zeros((len(voice), 6), np.float32)
    sides[:, 2] = voice  # the centre
    write_media(tmp_path / "a.mp4", sides, 48_000, "aac", layout="5.1")
    soundfile.write(tmp_path / "a.wav", voice, 48_000)
    found, wanted = load_audio(tmp_path / "a.mp4"), load_audio(tmp_path / "a.wav")
    lag, likeness = lag_and_likeness(found.samples, wanted.samples)
    assert abs(lag) <= 1 and likeness > 0.97 and found.frames == wanted.frames


@pytest.mark.parametrize(("head", "packet"), [(b"#!AMR\n", (0x3C, 31)), (b"#!AMR-WB\n", (0x44, 60))])
def test_recordings_of_telephones(tmp_path: Path, head: bytes, packet: tuple[int, int]) -> None:
    """AMR, 50 packets a second at 8 or 16 kHz. Nobody here can encode it, so the packets hold noise."""
    noise = np.random.default_rng(2)
    (tmp_path / "a.amr").write_bytes(head + b"".join(bytes([packet[0]]) + noise.bytes(packet[1]) for _ in range(100)))
    assert load_audio(tmp_path / "a.amr").seconds == 2.0


def test_a_part_is_the_part_of_the_whole(tmp_path: Path) -> None:
    write_media(tmp_path / "a.mp4", speech(48_000), 48_000, "aac", picture=True)
    whole, part = load_audio(tmp_path / "a.mp4").samples, load_audio(tmp_path / "a.mp4", 0.5, 0.75).samples
    assert len(part) == 12_000
    assert np.corrcoef(part[100:-100], whole[8_100:19_900])[0, 1] > 0.9999


def test_the_spoken_part_is_written_with_the_same_samples(tmp_path: Path) -> None:
    voice = speech(44_100)
    write_media(tmp_path / "a.m4a", voice, 44_100, "alac")
    write_spoken_part(tmp_path / "a.m4a", 0.25, 0.5, tmp_path / "part.wav")
    part, rate = soundfile.read(tmp_path / "part.wav", dtype="int16")
    assert rate == 44_100 and len(part) == 22_050
    assert np.abs(part / 32768 - voice[11_025 : 11_025 + 22_050]).max() < 1.1 / 32768


def test_libsndfile_keeps_what_it_reads(tmp_path: Path) -> None:
    for name, kind in (("a.wav", "WAV"), ("a.flac", "FLAC"), ("a.ogg", "OGG"), ("a.mp3", "MP3"), ("a.aiff", "AIFF")):
        soundfile.write(tmp_path / name, speech(44_100), 44_100, format=kind)
        with open_sound(tmp_path / name) as sound:
            assert isinstance(sound, soundfile.SoundFile)


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    write_media(tmp_path / "a.m4a", speech(44_100), 44_100, "aac")
    wanted = load_audio(tmp_path / "a.m4a").samples
    for name in ("a.mp3", "a.wav", "a.txt", "a.m3u8", "a"):
        (tmp_path / name).write_bytes((tmp_path / "a.m4a").read_bytes())
        assert np.array_equal(load_audio(tmp_path / name).samples, wanted)


def test_the_first_sound_of_several_is_spoken(tmp_path: Path) -> None:
    """Blender plays the first one, whatever the file prefers."""
    with av.open(tmp_path / "both.mkv", "w") as out:
        streams = [out.add_stream("flac", 48_000, layout="mono") for _ in range(2)]
        streams[1].disposition = av.stream.Disposition.default
        for stream, samples in zip(streams, (speech(48_000), speech(48_000)[::-1]), strict=True):
            encode(out, stream, samples[None], 48_000, "mono")
    write_media(tmp_path / "1.mkv", speech(48_000), 48_000, "flac")
    assert np.array_equal(load_audio(tmp_path / "both.mkv").samples, load_audio(tmp_path / "1.mkv").samples)


def test_a_film_without_sound(tmp_path: Path) -> None:
    with av.open(tmp_path / "silent film.mp4", "w") as out:
        film = out.add_stream("mpeg4", 25)
        film.width = film.height = 64
        film.pix_fmt = "yuv420p"
        out.mux([*film.encode(av.VideoFrame(64, 64, "yuv420p")), *film.encode(None)])
    assert refused(tmp_path / "silent film.mp4", "audio_no_samples") == "silent film.mp4 has no sound."


def test_a_protected_recording(tmp_path: Path) -> None:
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "0" * 32, "encryption_kid": "1" * 32}
    write_media(tmp_path / "a.mp4", speech(44_100), 44_100, "aac", options=key)
    assert "(it is copy-protected)" in refused(tmp_path / "a.mp4")


def test_recordings_that_were_broken_off(tmp_path: Path) -> None:
    """An MP4 has its index at the end: without it there is nothing. A Matroska file is read as far as it goes."""
    write_media(tmp_path / "a.mp4", speech(44_100), 44_100, "aac")
    content = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(content[: len(content) // 2])
    assert "its recording was broken off" in refused(tmp_path / "half.mp4")
    write_media(tmp_path / "a.mkv", speech(44_100), 44_100, "aac")
    content = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "half.mkv").write_bytes(content[: len(content) // 2])
    assert 0.2 < load_audio(tmp_path / "half.mkv").seconds < 0.8 * load_audio(tmp_path / "a.mkv").seconds


def test_a_damaged_packet_is_left_out(tmp_path: Path) -> None:
    write_media(tmp_path / "a.mkv", speech(44_100), 44_100, "aac")
    content = bytearray((tmp_path / "a.mkv").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20] = b"\xff" * 20
    (tmp_path / "b.mkv").write_bytes(content)
    assert load_audio(tmp_path / "b.mkv").seconds > 0.8 * load_audio(tmp_path / "a.mkv").seconds


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{target}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{target}</BaseURL></MPD>',
    "subtitles": "1\n00:00:00,000 --> 00:00:02,000\nHello\n\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_files_that_lead_to_other_files_are_refused(tmp_path: Path, kind: str) -> None:
    write_media(tmp_path / "secret.mp4", speech(44_100), 44_100, "aac")
    text = PLAYLISTS[kind].format(target=tmp_path / "secret.mp4")
    for name in ("a.mp4", "a.m3u8", "a.txt"):
        (tmp_path / name).write_text(text)
        refused(tmp_path / name)
    assert not {"hls", "concat", "sdp", "rtsp", "dash", "image2", "lavfi", "v4l2", "alsa"} & set(CONTAINERS)


def test_only_the_named_containers_and_codecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_media(tmp_path / "a.mp4", speech(44_100), 44_100, "aac")
    assert set(CONTAINERS) <= {part for name in av.formats_available for part in name.split(",")}
    monkeypatch.setattr(media_file, "CODECS", tuple(set(CODECS) - {"aac"}))
    assert "(its sound has a codec that isn't known)" in refused(tmp_path / "a.mp4")
    monkeypatch.setattr(container, "_OPTIONS", {"format_whitelist": "avi"})
    refused(tmp_path / "a.mp4")


def test_what_is_read_of_a_file_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails, and a container that leads in circles, end the sound; neither is a traceback."""
    write_media(tmp_path / "a.mkv", speech(44_100, 12), 44_100, "flac")
    whole = load_audio(tmp_path / "a.mkv").seconds
    monkeypatch.setattr(container, "_READ_FACTOR", 0)
    monkeypatch.setattr(container, "_READ_MORE", 150_000)
    assert load_audio(tmp_path / "a.mkv").seconds < 0.8 * whole

    class Failing(io.BytesIO):
        def fileno(self) -> int:
            return 0

        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    stream = container._MeteredStream(Failing(b"abc"))
    assert stream.read(2) == b"" and stream.seek(-9) == 0 and stream.tell() == 0


def test_a_long_movie_takes_no_more_memory_than_its_samples(tmp_path: Path) -> None:
    """Ten minutes at 48 kHz are 115 MB as float32; decoding holds a packet at a time."""
    voice = np.tile(speech(48_000), 200)[: 48_000 * 600]
    write_media(tmp_path / "a.mp4", voice, 48_000, "aac")
    tracemalloc.start()
    with open_sound(tmp_path / "a.mp4") as sound:
        count = 0
        while len(block := sound.read(1 << 16)):
            count += len(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == len(voice) and peak < 8e6


def test_a_rate_and_a_number_of_channels_that_change(tmp_path: Path) -> None:
    """Broadcasts do that, for instance between a film and its advertisements."""
    first, second = speech(48_000), np.repeat(speech(24_000)[:, None], 2, axis=1)
    write_media(tmp_path / "1.aac", first, 48_000, "aac")
    write_media(tmp_path / "2.aac", second, 24_000, "aac", layout="stereo")
    (tmp_path / "both.aac").write_bytes((tmp_path / "1.aac").read_bytes() + (tmp_path / "2.aac").read_bytes())
    with (tmp_path / "both.aac").open("rb") as stream, MediaSound(stream) as sound:
        samples = sound.read(10**9)
    assert sound.samplerate == 48_000 and samples.shape[1] == 1
    assert abs(len(samples) - len(first) - 2 * len(second)) < 8 * 1024


@pytest.mark.parametrize("tag", [b"\xff\xff", b"\x80\xfe", b"\0\0", b"\xaa\xaa"])
def test_a_codec_whose_name_is_no_text(tmp_path: Path, tag: bytes) -> None:
    """FFmpeg reads a container's number of the codec, which may be any."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(1600), 16000)
    content = bytearray(path.read_bytes())
    content[20:22] = tag
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught, open_sound(path):
        pass
    assert caught.value.code == "audio_unreadable"
