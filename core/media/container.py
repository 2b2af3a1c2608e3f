"""Containers of media files, opened with FFmpeg's libraries (PyAV), and the packets of one of their streams.

Such files come from strangers, and FFmpeg can do much more than read a file. So it gets an open file instead of a name,
no protocols, no further files, only the named containers and codecs, and a limit on what it may read.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

CONTAINERS = (
    *("mov", "matroska", "avi", "asf", "flv", "mpegts", "mpeg", "mxf", "dv", "ogg"),
    *("aac", "loas", "ac3", "eac3", "dts", "truehd", "amr", "mp3", "flac", "wv", "ape", "tta"),
    *("wav", "w64", "aiff", "caf", "au"),  # with codecs that libsndfile doesn't know
)
"""FFmpeg's names of the containers that are read. None of them is a device, a playlist or a list of other files."""
_OPTIONS = {
    "protocol_whitelist": "none",  # no protocol has this name
    "format_whitelist": ",".join(CONTAINERS),
    "max_streams": "256",
}
_PATIENCE = 60.0
"""Seconds that finding out what a file holds may take."""
_READ_FACTOR, _READ_MORE = 32, 64 << 20
"""FFmpeg may read this many times the size of the file, and this many bytes more. Then its file ends."""
_PROTECTED_TAGS = ("enca", "drms", "aavd", "encv", "drmi")
"""Codec tags of encrypted sound and pictures in MP4."""
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"styp", b"wide")
_MAGIC = (b"\x1a\x45\xdf\xa3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"FLV\1", b"#!AMR", b"wvpk", b"MAC ")
"""First bytes of Matroska and WebM, ASF (WMA and WMV), FLV, AMR, WavPack and APE."""


class UnknownMediaError(Exception):
    """FFmpeg finds none of the containers in the file."""


class MediaError(Exception):
    """A media file can't be used. The text is the reason, as a part of a sentence."""


def is_media(head: bytes) -> bool:
    """Whether a file that begins with ``head``, 12 bytes or more, is surely one for FFmpeg and not for libsndfile."""
    return head[4:8] in _MP4_BOXES or head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")


def opened(stream: BinaryIO, codecs: Sequence[str]) -> InputContainer:
    """The container, without access to anything but the bytes of ``stream``, and with these decoders only.

    Raises UnknownMediaError, or MediaError for a file that is surely one of the containers but can't be opened.
    """
    import av  # only for such files: it loads FFmpeg

    known = is_media(stream.read(12))
    stream.seek(0)
    options = _OPTIONS | {"codec_whitelist": ",".join(codecs)}
    try:
        return av.open(_MeteredStream(stream), "r", options=options, io_open=_refuse, timeout=(_PATIENCE, None))
    except (av.FFmpegError, ValueError, RuntimeError) as error:
        if known:
            raise MediaError("it is damaged, or its recording was broken off") from error
        raise UnknownMediaError(str(error)) from error


@contextlib.contextmanager
def damage_told() -> Iterator[None]:
    """Inside this context, errors of PyAV that stand for a damaged file become MediaError."""
    try:
        yield
    except (MediaError, UnknownMediaError, MemoryError, OSError):
        raise
    except Exception as error:  # PyAV takes what the file holds for names and numbers, and fails in any way
        raise MediaError("it is damaged") from error


def _refuse(*_: object) -> NoReturn:
    """In place of opening the further files that a container names."""
    raise PermissionError("no further files")


class _MeteredStream:
    """A file as FFmpeg reads it: without a name, without errors, and not for ever.

    A damaged container can send FFmpeg back to the same place again and again.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = _READ_FACTOR * os.fstat(stream.fileno()).st_size + _READ_MORE

    def read(self, size: int) -> bytes:
        try:
            content = self._stream.read(size) if self._left > 0 else b""
        except OSError:
            return b""
        self._left -= len(content)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._left -= 1
        try:
            return self._stream.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return self._stream.tell()

    def tell(self) -> int:
        return self._stream.tell()


def first_decodable(container: InputContainer, streams: Sequence[Stream], codecs: Sequence[str]) -> Stream | None:
    """The first of the streams whose codec is one of ``codecs``; None if there is none. All others are left unread.

    Blender, too, plays the first one, whatever the file prefers. Raises MediaError for a copy-protected stream.
    """
    from av.stream import Discard

    for stream in streams:
        context: Any = stream.codec_context  # None without a decoder
        if context is not None and _tag(context).lower() in _PROTECTED_TAGS:
            raise MediaError("it is copy-protected")
        if context is not None and context.name in codecs:
            for other in container.streams:
                if other.index != stream.index:
                    other.discard = Discard.all
            return stream
    return None


def _tag(context: Any) -> str:
    """Four letters that name the codec; empty where they are no letters."""
    try:
        return str(context.codec_tag)
    except UnicodeDecodeError:
        return ""


def decoded(container: InputContainer, stream: Any) -> Iterator[Any]:
    """Decoded frames of a stream up to its end or to the place where the container breaks.

    Packets with errors are left out. Raises MediaError for copy-protected packets.
    """
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            ending = packet is None
            if packet is not None and packet.has_sidedata("encryption_info"):
                raise MediaError("it is copy-protected")
        except (av.FFmpegError, ValueError, RuntimeError):
            packet, ending = None, True
        with contextlib.suppress(av.FFmpegError, ValueError):
            yield from stream.codec_context.decode(packet) if packet is None else packet.decode()
        if ending:
            return
