"""Phones heard in English speech by ``hama``, a network with connectionist temporal classification (CTC).

hama (Apache-2.0, https://github.com/hamanlp/hama) writes words in IPA. It tells in which order phones come;
``training.speech.phones`` finds where they begin and end. Only training needs it.

The network has learned pronunciations from dictionaries of many languages, English ones among them. So it writes some
frequent words as they are spelled (``o n e``), and a few as another language would say them.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np
from hama.asr import ASRModel

from core.sound.mel import SAMPLE_RATE

_ARPABET = {
    **{"p": "P", "b": "B", "m": "M", "f": "F", "v": "V", "w": "W", "θ": "TH", "ð": "DH", "t": "T", "d": "D", "n": "N"},
    **{"k": "K", "g": "G", "ɡ": "G", "ŋ": "NG", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "t͡ʃ": "CH", "d͡ʒ": "JH"},
    **{"l": "L", "ɫ": "L", "r": "R", "ɹ": "R", "ɾ": "R", "j": "Y", "h": "HH", "β": "V", "ʋ": "V"},
    **{"i": "IY", "ɪ": "IH", "ɨ": "IH", "ɛ": "EH", "e": "EH", "æ": "AE", "a": "AA", "ɑ": "AA", "ɒ": "AA", "ɔ": "AO"},
    **{"ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɝ": "ER", "ɚ": "ER", "ɜ": "ER", "ʊ": "UH", "u": "UW", "o": "OW"},
    **{"eɪ": "EY", "aɪ": "AY", "aʊ": "AW", "oʊ": "OW", "ɔɪ": "OY", "ɪə": "IY", "eə": "EH"},
}
"""What hama's symbols are in ARPAbet. The rest are marks of length and tone, and sounds that English lacks."""
_SPELLED = {
    **{
        "o n e": "W AH N",
        "s ʌ m o n e": "S AH M W AH N",
        "t oʊ": "T UW",
        "t w oʊ": "T UW",
        "m e": "M IY",
        "u s": "AH S",
    },
    **{"u p ɑ n": "AH P AA N", "b e k a m e": "B IH K EY M", "k oʊ m": "K AH M", "b i ŋ": "B IY IH NG", "i s": "IH Z"},
}
"""Frequent words that the network writes as they are spelled, and how they are said."""


@lru_cache(maxsize=1)
def _network() -> ASRModel:
    return ASRModel()


def heard_phones(samples: np.ndarray) -> list[str]:
    """The phones heard in (N,) samples at 16 kHz, in their order, as ``core.phones.phone_set`` names them, without
    silence."""
    words = _network().transcribe_waveform(samples.astype(np.float32), SAMPLE_RATE).word_phoneme_text.split(" | ")
    return [phone for word in words for phone in arpabet(word)]


def arpabet(word: str) -> list[str]:
    """A word as hama writes it, its IPA symbols separated by spaces, in ARPAbet."""
    if word in _SPELLED:
        return _SPELLED[word].split()
    said = word.removeprefix("h ") if word.startswith("h w ") else word  # which, as most speakers say it
    symbols = (_plain(symbol) for symbol in said.split())
    return [_ARPABET[symbol] for symbol in symbols if symbol in _ARPABET]


def _plain(symbol: str) -> str:
    """A symbol without nasal and other small marks, if it is unknown with them."""
    if symbol in _ARPABET:
        return symbol
    return "".join(part for part in unicodedata.normalize("NFD", symbol) if not unicodedata.combining(part))
