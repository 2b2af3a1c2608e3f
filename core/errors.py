"""The errors that users see: a code for programs, a sentence, and what to do about it.

Standard library only, because Blender imports this module.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_TRY_AGAIN = 75
"""The same command may succeed later or on another machine (EX_TEMPFAIL of sysexits.h)."""
EXIT_CANCELLED = 130


MOST_LETTERS = 2000
"""Longest text of an error or a notice, in letters."""


def printable(text: str) -> str:
    """``text`` as every program can show and encode it, and at most `MOST_LETTERS` long.

    Lone surrogates, which Python puts in place of bytes that aren't UTF-8, become ``\\udc80``; so does NUL (``\\x00``).
    """
    if len(text) > MOST_LETTERS:
        half = MOST_LETTERS // 2 - 1
        text = f"{text[:half]} … {text[1 - half :]}"
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


class SoliloquyError(Exception):
    """An error that ends a job, with a reason that a user can read.

    Parameters
    ----------
    code
        Stable lower-case identifier (``audio_missing``, ``portrait_no_face``, ``out_of_memory``, …).
    message
        One sentence that says what is wrong.
    hint
        One sentence that says what to do; may be empty.
    """

    exit_code = EXIT_FAILED

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        self.code = code
        self.message = printable(message)
        self.hint = printable(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInputError(SoliloquyError):
    """The user's file or setting can't be used (exit code 2)."""

    exit_code = EXIT_BAD_INPUT


class CancelledError(SoliloquyError):
    """The user stopped the job (exit code 130)."""

    exit_code = EXIT_CANCELLED

    def __init__(self, message: str = "Cancelled.") -> None:
        super().__init__("cancelled", message)
