"""User-facing sentences, in the language of the program that shows them.

`say` is for sentences that name something (a take, a file, a number): it translates the sentence first and then fills
it in. The command lines speak English; Blender's add-on gives its translator to `translate_with`.
Standard library only, because Blender imports this module.
"""

from __future__ import annotations

from collections.abc import Callable


class _Language:
    """The translator in use."""

    translate: Callable[[str], str] = staticmethod(lambda text: text)


def translate_with(translator: Callable[[str], str]) -> None:
    """Let every sentence go through ``translator``, which returns a text that it doesn't know unchanged."""
    _Language.translate = staticmethod(translator)


def say(text: str, /, **parts: object) -> str:
    """``text`` translated, with its ``{names}`` filled in from ``parts``.

    The call must contain ``text`` as a literal: the test of the catalogues reads the source to find all texts.
    """
    translated = _Language.translate(text)
    return translated.format(**parts) if parts else translated


def say_count(number: int, one: str, many: str, /, **parts: object) -> str:
    """``one`` for 1 and ``many`` for any other number, translated; ``{count}`` in them is the number.

    As with `say`, both texts must be literals in the call.
    """
    text = one if number == 1 else many
    return say(text, count=number, **parts)


def later(text: str) -> str:
    """``text`` unchanged. This marks it for the catalogues; ``say(word)`` translates it where it is shown.

    For constants, which are made before the language is known, and for threads, which must not call Blender.
    """
    return text


def size(count: float) -> str:
    """A number of bytes: ``180 MB``, ``1.3 GB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def duration(seconds: float) -> str:
    """``75`` → ``1 min 15 s``."""
    whole = max(0, round(seconds))
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
