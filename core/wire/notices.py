"""Sentences about the sound and its transcript that a worker sends. The panel shows them in the user's language."""

from __future__ import annotations

from ..phones.transcripts import FITS_IN_PART, NO_WORDS, OTHER_SOUND

SILENT = "The sound is silent: the mouth stays closed, only the head moves."
NO_SPEECH = "No speech was heard in the sound: the mouth stays closed, only the head moves."
QUIET_SPEECH = (
    "The speech is very quiet. It was raised, and its noise with it: use a louder recording if the mouth moves wrongly."
)
CUT_OFF = (
    "The sound file is shorter than it says: it was streamed or cut off, or the recording was broken off. "
    "What is there is spoken."
)
ABOUT_SOUND = (SILENT, NO_SPEECH, QUIET_SPEECH, CUT_OFF, NO_WORDS, OTHER_SOUND, FITS_IN_PART)
"""All of them."""
