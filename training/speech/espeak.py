"""espeak-ng through its C library: samples, and phones with their times, which its command line does not give."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np

from core.phones.phone_set import SILENCE, Segment

_LIBRARY = "libespeak-ng.so.1"
_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: AUDIO_OUTPUT_SYNCHRONOUS
_PHONEME_EVENTS = 1  # espeak_Initialize's option espeakINITIALIZE_PHONEME_EVENTS
_EVENT_END, _EVENT_PHONEME = 0, 7  # espeak_EVENT_TYPE
_UTF8 = 1
_EVENT_DELAY = 0.01
"""Seconds by which phoneme events lag behind the samples (0.02 by loudness, 0.005 by forced alignment)."""
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER

_ARPABET = {
    **{"p": "P", "b": "B", "m": "M", "f": "F", "v": "V", "w": "W", "T": "TH", "D": "DH", "t": "T", "d": "D", "n": "N"},
    **{"k": "K", "g": "G", "N": "NG", "s": "S", "z": "Z", "S": "SH", "Z": "ZH", "tS": "CH", "dZ": "JH", "l": "L"},
    **{"r": "R", "j": "Y", "h": "HH", "?": "T", "*": "D", "t2": "T", "t#": "D", "r-": "R", "n-": "N", "L": "L"},
    **{"i": "IY", "i:": "IY", "I": "IH", "I2": "IH", "I#": "IH", "E": "EH", "E2": "EH", "a": "AE", "aa": "AE"},
    **{"a#": "AH", "A:": "AA", "A": "AA", "0": "AA", "0#": "AA", "O": "AO", "O:": "AO", "O2": "AO", "V": "AH"},
    **{"@": "AH", "@2": "AH", "@5": "AH", "@L": "L", "3": "ER", "3:": "ER", "U": "UH", "u": "UW", "u:": "UW"},
    **{"eI": "EY", "aI": "AY", "aU": "AW", "oU": "OW", "OI": "OY", "@-": "AH", "aI@": "AY", "aI3": "AY", "aU@": "AW"},
}
"""espeak-ng's phoneme mnemonics of en-us. Its r-coloured vowels are in ``_R_COLOURED``."""
_R_COLOURED = {"A@": "AA", "O@": "AO", "o@": "AO", "e@": "EH", "i@": "IY", "i@3": "IY", "U@": "UH", "E@": "EH"}


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@lru_cache(maxsize=1)
def _engine() -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL(_LIBRARY)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
    if rate <= 0:
        raise OSError("espeak-ng could not be initialised")
    return library, rate


def speak(
    text: str, voice: str, words_a_minute: int, pitch: int, pitch_range: int = 50
) -> tuple[np.ndarray, int, list[Segment]]:
    """Synthesise one English sentence, as :func:`utter`. The phones are ARPAbet."""
    samples, rate, said = utter(text, voice, words_a_minute, pitch, pitch_range)
    return samples, rate, _segments(said)


def utter(
    text: str, voice: str, words_a_minute: int, pitch: int, pitch_range: int = 50
) -> tuple[np.ndarray, int, list[Segment]]:
    """Synthesise one sentence of any language.

    Parameters
    ----------
    text, voice
        The text and espeak-ng's voice, such as ``en-us+f3``.
    words_a_minute, pitch, pitch_range
        80–450; 0–100; 0–100 (espeak-ng's own scales).

    Returns
    -------
    (N,) int16 samples, their rate in Hz, and the phones with times in seconds, as espeak-ng names them; names that
    begin with ``_``, and empty ones, are pauses.

    Raises
    ------
    OSError
        If the library or the voice is missing.
    """
    library, rate = _engine()
    pieces: list[np.ndarray] = []
    starts: list[tuple[str, float]] = []

    # ctypes' pointers: samples (count,) of int16, and an array of events that ends with _EVENT_END.
    def receive(wave: Any, count: int, events: Any) -> int:
        if count > 0:
            pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:
            if events[index].type == _EVENT_PHONEME:
                name = ctypes.string_at(ctypes.addressof(events[index].id), 8).split(b"\0")[0].decode()
                starts.append((name, max(0.0, events[index].sample / rate - _EVENT_DELAY)))
            index += 1
        return 0

    callback = _Callback(receive)  # must stay alive until the synthesis is finished
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise OSError(f"espeak-ng has no voice {voice}")
    for parameter, value in ((_RATE, words_a_minute), (_PITCH, pitch), (_RANGE, pitch_range)):
        library.espeak_SetParameter(parameter, value, 0)
    encoded = text.encode() + b"\0"
    library.espeak_Synth(encoded, len(encoded), 0, 1, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    samples = np.concatenate(pieces)
    ends = [start for _, start in starts[1:]] + [len(samples) / rate]
    said = [Segment(name, start, end) for (name, start), end in zip(starts, ends, strict=True) if end > start]
    return samples, rate, said


def _segments(said: list[Segment]) -> list[Segment]:
    """espeak-ng's phonemes as ARPAbet segments. An unknown phoneme counts as AH."""
    out: list[Segment] = []
    for phoneme in said:
        name, start, end = phoneme.phone, phoneme.start, phoneme.end
        if name in _R_COLOURED:
            middle = start + 0.6 * (end - start)
            out += [Segment(_R_COLOURED[name], start, middle), Segment("R", middle, end)]
        elif name.startswith("_") or not name:
            out.append(Segment(SILENCE, start, end))
        else:
            out.append(Segment(_ARPABET.get(name, "AH"), start, end))
    return out
