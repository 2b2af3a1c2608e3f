"""What is said in a sound: the phones that are heard, or those of a transcript where it fits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .alignment import GOOD_SHARE, align
from .decoding import heard_segments
from .documents import HEARD, TRANSCRIPT, PhoneDocument
from .transcripts import FITS_IN_PART, NO_WORDS, OTHER_SOUND
from .words import words_of


def said(
    probabilities: np.ndarray,
    spoken: np.ndarray,
    seconds: float,
    transcript: str = "",
    notice: Callable[[str], None] = lambda sentence: None,
) -> PhoneDocument:
    """The phones of a sound.

    A transcript of another sound doesn't end the job, since the sound says what is said; the user is told. The same
    holds where words of it are missing or wrong.

    Parameters
    ----------
    probabilities
        (R, 40) of each phone in each 10 ms.
    spoken
        (R,) bool, False where nobody speaks.
    seconds
        Length of the sound.
    transcript
        The words that are said, or nothing.
    notice
        Receives sentences about the transcript.
    """
    if transcript:
        words = words_of(transcript)
        if words.notice is not None:
            notice(words.notice)
        if not words.words:
            notice(NO_WORDS)
        elif spoken.any():
            aligned = align(probabilities, words.words, spoken)
            if aligned.fits:
                if min(aligned.found, aligned.covered) < GOOD_SHARE:
                    notice(FITS_IN_PART)
                return PhoneDocument.of(TRANSCRIPT, seconds, aligned.segments)
            notice(OTHER_SOUND)
    return PhoneDocument.of(HEARD, seconds, heard_segments(probabilities, spoken))
