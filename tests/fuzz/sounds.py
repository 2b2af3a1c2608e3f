"""Damaged sound files into `core.sound.audio.load_audio`."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path

import numpy as np
import soundfile

from core.places import ASSETS
from core.sound.audio import load_audio
from tests.media_files import media_bytes

from .damage import Case, Kind, damaged

_FORMATS = (
    *(("a.wav", "WAV", "PCM_16", 1, 24000), ("b.wav", "WAV", "FLOAT", 2, 44100), ("c.wav", "WAV", "PCM_24", 2, 48000)),
    *(("d.wav", "WAV", "DOUBLE", 1, 22050), ("e.flac", "FLAC", "PCM_16", 1, 24000)),
    *(("f.flac", "FLAC", "PCM_24", 2, 48000), ("g.ogg", "OGG", "VORBIS", 1, 44100), ("h.ogg", "OGG", "OPUS", 1, 48000)),
    *(("i.mp3", "MP3", "MPEG_LAYER_III", 1, 44100), ("j.aiff", "AIFF", "PCM_16", 1, 24000)),
    *(("k.w64", "W64", "PCM_16", 1, 24000), ("l.caf", "CAF", "ALAC_16", 1, 24000)),
    *(("m.wav", "WAV", "MS_ADPCM", 1, 24000), ("n.wav", "WAV", "ULAW", 1, 8000), ("o.au", "AU", "PCM_16", 1, 24000)),
    *(("p.wav", "WAV", "GSM610", 1, 8000), ("q.wav", "WAVEX", "PCM_16", 6, 48000)),
)
_MEDIA = (
    *(("a.mp4", "aac", 44100), ("b.m4a", "aac", 16000), ("c.m4a", "alac", 44100), ("d.mov", "pcm_s16le", 48000)),
    *(("e.mkv", "aac", 48000), ("f.webm", "libopus", 48000), ("g.mka", "flac", 44100), ("h.ogg", "libopus", 48000)),
    *(
        ("i.mp4", "libmp3lame", 44100),
        ("j.avi", "libmp3lame", 44100),
        ("k.ts", "mp2", 48000),
        ("l.wma", "wmav2", 44100),
    ),
    *(("m.flv", "aac", 44100), ("n.aac", "aac", 44100), ("o.ac3", "ac3", 48000), ("p.wv", "wavpack", 44100)),
    *(("q.mpg", "mp2", 48000), ("r.tta", "tta", 44100)),
)
"""Names, codecs and rates of the sounds that FFmpeg's libraries read."""
_TRIMS = ((0.0, None),) * 4 + ((0.3, None), (0.0, 0.5), (0.2, 0.2), (5.0, None), (1e6, None), (1e308, 1e308))
_RATES = (0, 1, 7, 100, 3999, 191_999, 384_000, 655_350, 767_999, 999_983, 1_999_993, 9_999_991, 99_999_989, 2**32 - 1)
_ENDINGS = ("wav", "flac", "mp3", "ogg", "raw", "RAW", "vox", "gsm", "snd", "txt", "aiff", "sd2")
_HEADERS = (
    *(b"RIFF", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"ID3\4\0\0\x7f\x7f\x7f\x7f", b"\xff\xfb\x90\0", b"FORM", b"\0"),
    *(b"riff", b"caff\0\1", b".snd", b"NIST_1A\n   1024\n", b"Creative Voice File\x1a"),
)
_LOUDEST, _HOURS = 1e4, 10 * 3600.0


def bases() -> dict[str, bytes]:
    """A second of speech in the formats that are read."""
    voice, rate = soundfile.read(ASSETS / "self_test.flac", dtype="float32")
    made = {}
    for name, form, subtype, channels, at in _FORMATS:
        stream = io.BytesIO()
        with soundfile.SoundFile(stream, "w", at, channels, subtype, format=form) as file:
            file.write(np.repeat(voice[:rate, None], channels, axis=1))
        made[name] = stream.getvalue()
    for name, codec, at in _MEDIA:
        times = np.arange(at) / at
        made[name] = media_bytes(name, np.interp(times, np.arange(rate) / rate, voice[:rate]), at, codec)
    return made


def case(r: random.Random, made: dict[str, bytes]) -> Case:
    """A damaged sound, or one whose header was made up."""
    start, duration = r.choice(_TRIMS)
    if r.random() < 0.3:
        found = _made_up(r)
    elif r.random() < 0.1:
        name = r.choice(list(made))
        found = Case("another ending", f"{name.partition('.')[0]}.{r.choice(_ENDINGS)}", made[name])
    else:
        name = r.choice(list(made))
        found = damaged(r, name, made[name])
    return Case(found.what, found.name, found.content, {"start": start, "duration": duration})


def read(path: Path, found: Case) -> str:
    """Read the sound; the samples must be finite and no more than the file can hold."""
    audio = load_audio(path, **found.options)
    if not np.isfinite(audio.samples).all() or abs(audio.samples).max(initial=0.0) > _LOUDEST:
        return f"samples up to {abs(audio.samples).max()}"
    if audio.seconds > _HOURS:
        return f"{audio.seconds:.0f} s of {len(found.content)} bytes"
    return ""


def _wav(
    channels: int = 1,
    rate: int = 16000,
    bits: int = 16,
    codec: int = 1,
    data: bytes = b"\0\1" * 8000,
    declared: int | None = None,
    align: int | None = None,
) -> bytes:
    align = channels * bits // 8 if align is None else align
    head = struct.pack("<HHIIHH", codec, channels, rate & 0xFFFFFFFF, (rate * align) & 0xFFFFFFFF, align & 0xFFFF, bits)
    size = (len(data) if declared is None else declared) & 0xFFFFFFFF
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", (len(body) if declared is None else declared) & 0xFFFFFFFF) + body


def _floats(values: list[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def _made_up(r: random.Random) -> Case:
    some = [0.1, -0.1] * 4000
    choice = r.randrange(13)
    if choice == 0:
        return Case("no channels", "x.wav", _wav(channels=0, align=r.choice([0, 2])))
    if choice == 1:
        return Case("many channels", "x.wav", _wav(channels=r.choice([64, 255, 1024, 1025, 32767, 65535])))
    if choice in (2, 3):
        return Case("odd rates", "x.wav", _wav(rate=r.choice(_RATES), data=b"\0\1" * r.choice([8000, 200_000])))
    if choice == 4:
        return Case("huge sizes", "x.wav", _wav(declared=r.choice([2**31 - 1, 2**32 - 1, 2**32 - 2, 10**9, 0])))
    if choice == 5:
        spoiled = list(some)
        for _ in range(r.choice([1, 10])):
            spoiled[r.randrange(len(spoiled))] = r.choice([float("nan"), float("inf"), -float("inf"), 3e38, 1e7, 1e-45])
        return Case("NaN and infinity", "x.wav", _wav(bits=32, codec=3, data=_floats(spoiled)))
    if choice == 6:
        return Case("large floats", "x.wav", _wav(bits=32, codec=3, data=_floats([s * 9e6 for s in some])))
    if choice == 7:
        return Case("hardly a sample", "x.wav", _wav(data=b"\1\0" * r.choice([0, 1, 2, 3])))
    if choice == 8:
        bits, align = r.choice([0, 1, 4, 7, 12, 17, 33, 48, 64, 65535]), r.choice([0, 1, 2, 3, 65535])
        return Case("odd bits", "x.wav", _wav(bits=bits, align=align))
    if choice == 9:
        return Case("odd codecs", "x.wav", _wav(codec=r.choice([0, 2, 6, 7, 0x11, 0x31, 0x50, 0x55, 0xFFFE, 0xFFFF])))
    if choice == 10:
        return Case("a header and nothing else", f"x.{r.choice(_ENDINGS)}", r.choice(_HEADERS))
    if choice == 11:
        return Case("no header", f"x.{r.choice(_ENDINGS)}", r.randbytes(4000))
    info = bytes([0, 0, 0, 34]) + struct.pack(">HH", 4096, 4096) + bytes(6)
    rate, total = r.choice([16000, 2**20 - 1, 0]), r.choice([2**36 - 1, 2**32, 0])
    body = info + ((rate << 44) | (15 << 36) | total).to_bytes(8, "big") + bytes(16) + b"\xff\xf8" + bytes(2000)
    return Case("FLAC of a huge length", "x.flac", b"fLaC" + body)


KIND = Kind(bases, case, read, most_memory=700_000_000)
