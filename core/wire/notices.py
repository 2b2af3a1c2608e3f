"""Sentences about the sound that a worker sends as a notice. The panel shows them in the user's language."""

from __future__ import annotations

SILENT = "The sound is silent: the mouth stays closed, only the head moves."
NO_SPEECH = "No speech was heard in the sound: the mouth stays closed, only the head moves."
QUIET_SPEECH = (
    "The speech is very quiet. It was raised, and its noise with it: use a louder recording if the mouth moves wrongly."
)
CUT_OFF = (
    "The sound file is shorter than it says: it was streamed or cut off, or the recording was broken off. "
    "What is there is spoken."
)
ABOUT_SOUND = (SILENT, NO_SPEECH, QUIET_SPEECH, CUT_OFF)
"""All of them."""
