"""What our files say about themselves: that they are synthetic. Standard library only."""

from __future__ import annotations

SYNTHETIC_HEAD = "Synthetic: a head that Soliloquy made from a portrait, moved by a program. This never happened."
"""On the head that *Add Head* makes, as a custom property, and in what is exported of it."""
HEAD_PROPERTY = "soliloquy_synthetic"
"""Name of that custom property."""
SYNTHETIC_MOTION = "Synthetic: the motion of a take that Soliloquy made. This never happened."
"""In the files of a take's motion."""
FILMED_MOTION = "Read by Soliloquy from a video of a person, whose motion this is."
"""In the files of a motion that a job's takes follow."""


def picture_marks(version: str, description: str) -> dict[str, str]:
    """PNG text entries (Latin-1) of every picture that is made."""
    return {
        "Software": f"Soliloquy {version}",
        "Description": f"Synthetic picture: {description}",
        "Source": "synthetic",
    }
