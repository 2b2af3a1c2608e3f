"""Numbers with their nouns, in English: one take, two takes. Standard library only."""

from __future__ import annotations


def counted(number: float, noun: str, plural: str = "", form: str = "g") -> str:
    """``1 take``, ``3 takes``, ``0.5 seconds``.

    Parameters
    ----------
    plural
        The noun for any number but one, where it isn't the noun with an "s".
    form
        Format of a number with decimals. What is shown decides: 1.04 as ``.1f`` is "1.0 seconds", as ``.0f`` it is
        "1 second".
    """
    shown = str(number) if isinstance(number, int) else format(number, form)
    return f"{shown} {noun if shown == '1' else plural or noun + 's'}"
