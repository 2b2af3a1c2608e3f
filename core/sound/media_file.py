"""The sound of movies, phone memos and screen recordings: what libsndfile doesn't read is read with FFmpeg's libraries.

Blender decodes with the same libraries. So what is read here is what Blender plays: the first audio stream, from its
first sample on, packet after packet. Gaps between time stamps aren't filled, because Blender doesn't fill them. What a
file declares to be filling before and after the sound (AAC, Opus and MP3 need some) is left out.

``core.media.container`` keeps FFmpeg from doing more with such files than reading them. It decodes no pictures here.
"""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self, cast

import numpy as np

from ..media.container import MediaError, damage_told, decoded, first_decodable, opened

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

CODECS = (
    *("aac", "aac_latm", "ac3", "eac3", "alac", "opus", "vorbis", "speex", "flac", "dca", "truehd", "mlp"),
    *("mp1float", "mp2float", "mp3float", "mp1", "mp2", "mp3", "mp3adufloat", "mp3on4float"),
    *("wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "wavpack", "ape", "tta", "dvaudio", "s302m"),
    *("amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "gsm", "gsm_ms", "g722", "g726", "g729", "ilbc"),
    *("nellymoser", "qdm2", "qdmc", "qcelp", "mace3", "mace6", "truespeech", "atrac3", "atrac3plus"),
    *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_swf", "adpcm_yamaha"),
    *("pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8", "pcm_bluray", "pcm_dvd", "pcm_s16le_planar", "pcm_s16be_planar"),
    *(f"pcm_{kind}{order}e" for kind in ("s16", "s24", "s32", "u16", "u24", "u32", "f32", "f64") for order in "lb"),
)
"""FFmpeg's names of the audio decoders that are used: those of recorders, editors and messengers."""
_MOST_FILLING = 4096
"""Samples by which a sound may go on after the end that its container gives, for the filling of its last packet."""


class NoSoundError(MediaError):
    """The media file has no audio stream."""


class MediaSound:
    """The open sound of a media file, read in blocks as a ``soundfile.SoundFile`` is.

    Attributes
    ----------
    samplerate, channels
        Those of the first decoded packet. Later packets that differ are converted.
    format
        FFmpeg's names of the container.
    frames
        Number of samples by the container; 0 where it doesn't count them.
    """

    def __init__(self, stream: BinaryIO) -> None:
        """Open the container and decode the first packet.

        Raises UnknownMediaError, NoSoundError, or MediaError for sound that is damaged, copy-protected or of a codec
        that isn't decoded.
        """
        with contextlib.ExitStack() as unless_begun, damage_told():
            self._container = unless_begun.enter_context(opened(stream, CODECS))
            self.format: str = self._container.format.name
            sound = _stream_of(self._container)
            frames = _frames(self._container, sound)
            first = next(frames, None)
            if first is None:
                raise MediaError("none of its sound can be decoded; it may be damaged or copy-protected")
            self.samplerate, self.channels = first.sample_rate, first.layout.nb_channels
            # MP4 and its relatives count samples. Other containers round, or guess from the bit rate.
            seconds = (sound.duration or 0) * (sound.time_base or 0) if self.format.startswith("mov") else 0
            self.frames = max(0, round(seconds * self.samplerate))
            blocks = _steady(itertools.chain([first], frames), self.samplerate, self.channels)
            self._blocks = _without_filling(blocks, self.frames)
            self._ahead = np.zeros((0, self.channels), np.float32)
            unless_begun.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def seekable(self) -> bool:
        """Always False: these sounds are decoded from their beginning."""
        return False

    def seek(self, frames: int) -> int:
        """Raises io.UnsupportedOperation."""
        raise io.UnsupportedOperation(f"seek to sample {frames}")

    def read(self, frames: int, dtype: str = "float32", *, always_2d: bool = True) -> np.ndarray:
        """The next ``frames`` samples, fewer at the end: (n, channels), float32 or int16. Full scale is 1 or 32768."""
        parts, missing = [self._ahead[:frames]], frames - len(self._ahead)
        self._ahead = self._ahead[frames:]
        while missing > 0 and (block := next(self._blocks, None)) is not None:
            parts.append(block[:missing])
            self._ahead = block[missing:]
            missing -= len(block)
        samples = np.concatenate(parts)
        return samples if dtype == "float32" else np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)


def _stream_of(container: InputContainer) -> AudioStream:
    """The first audio stream that can be decoded."""
    if not container.streams.audio:
        raise NoSoundError("it has no sound")
    stream = first_decodable(container, container.streams.audio, CODECS)
    if stream is None:
        raise MediaError("its sound has a codec that isn't known")
    stream.codec_context.thread_count = 1
    return cast("AudioStream", stream)


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Decoded packets up to the end or up to the place where the container breaks. Packets with errors are left out."""
    import av

    for frame in decoded(container, stream):
        if isinstance(frame, av.AudioFrame) and frame.samples:
            yield frame


def _steady(frames: Iterable[AudioFrame], rate: int, channels: int) -> Iterator[np.ndarray]:
    """Blocks of (n, ``channels``) float32 at one rate. Broadcasts change both, and streams of HE-AAC their rate."""
    from av.audio.resampler import AudioResampler

    for found, group in itertools.groupby(frames, lambda f: (f.sample_rate, f.format.name, f.layout.name)):
        if found[0] == rate:
            blocks: Iterator[np.ndarray] = map(_samples, group)
        else:
            resampler = AudioResampler(format="fltp", rate=rate)
            blocks = (_samples(out) for frame in (*group, None) for out in resampler.resample(frame))
        for block in blocks:
            fits = block.shape[1] == channels
            yield block if fits else np.repeat(block.mean(1, keepdims=True), channels, axis=1)


def _samples(frame: AudioFrame) -> np.ndarray:
    """(n, channels) float32 of a decoded packet; full scale is 1."""
    values = frame.to_ndarray()  # (channels, n), or (1, n * channels) where the channels take turns
    values = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
    if values.dtype.kind == "u":
        return (values.astype(np.float32) - 128.0) / 128.0
    if values.dtype.kind == "i":
        return (values / float(1 << (8 * values.itemsize - 1))).astype(np.float32)
    return values.astype(np.float32)


def _without_filling(blocks: Iterator[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """``blocks`` up to ``length`` samples, if little more follows; all of them if the length is 0 or plainly wrong."""
    position = 0
    for block in blocks:
        after = position + len(block) - length
        if length == 0 or after <= 0:
            position += len(block)
            yield block
            continue
        held = [block]
        while after <= _MOST_FILLING:
            following = next(blocks, None)
            if following is None:
                yield np.concatenate(held)[: length - position]
                return
            held.append(following)
            after += len(following)
        yield from held
        yield from blocks
