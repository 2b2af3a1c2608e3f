"""Numbers, signs and abbreviations → the English words for them. Standard library only.

A number can be read in several ways ("1990": nineteen ninety, one thousand nine hundred ninety). All of them are given;
the sound decides which one was said.
"""

from __future__ import annotations

import re

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_POWERS = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
_ORDINALS = {
    **{"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"},
    "twelve": "twelfth",
}
_MONEY = {"$": ("dollar", "cent"), "£": ("pound", "pence"), "€": ("euro", "cent"), "¥": ("yen", ""), "₹": ("rupee", "")}
_MOST_DIGITS = 15
"""Longer numbers are read digit by digit."""
SIGNS = {
    **{"&": "and", "@": "at", "+": "plus", "=": "equals", "%": "percent", "°": "degrees", "×": "times", "÷": "over"},
    **{"<": "less than", ">": "greater than", "½": "a half", "¼": "a quarter", "¾": "three quarters", "№": "number"},
    **{"€": "euros", "£": "pounds", "$": "dollars", "¥": "yen", "₹": "rupees", "²": "squared", "³": "cubed"},
    "#": "number",
}
"""Signs that are said."""
ABBREVIATIONS = {
    **{"dr": ("doctor", "drive"), "mr": ("mister",), "mrs": ("misses",), "ms": ("miz",), "st": ("saint", "street")},
    **{"prof": ("professor",), "sr": ("senior",), "jr": ("junior",), "vs": ("versus",), "etc": ("et cetera",)},
    **{"no": ("number", "no"), "ft": ("feet", "fort"), "mt": ("mount",), "rev": ("reverend",), "gen": ("general",)},
    **{"col": ("colonel",), "sgt": ("sergeant",), "capt": ("captain",), "lt": ("lieutenant",), "gov": ("governor",)},
    **{"sen": ("senator",), "rep": ("representative",), "ave": ("avenue",), "blvd": ("boulevard",), "rd": ("road",)},
    **{"inc": ("incorporated", "ink"), "ltd": ("limited",), "co": ("company", "co"), "corp": ("corporation",)},
    **{"dept": ("department",), "est": ("established",), "approx": ("approximately",), "hon": ("honorable",)},
    **{"e.g": ("for example", "e. g."), "i.e": ("that is", "i. e.")},
    **{"jan": ("january",), "feb": ("february",), "aug": ("august",), "sept": ("september",), "oct": ("october",)},
    **{"nov": ("november",), "dec": ("december",)},
}
"""What is said for an abbreviation before a full stop."""
UNITS = {
    **{"km": "kilometers", "cm": "centimeters", "mm": "millimeters", "kg": "kilograms", "mg": "milligrams"},
    **{"mph": "miles per hour", "kmh": "kilometers per hour", "hz": "hertz", "khz": "kilohertz", "ghz": "gigahertz"},
    **{"gb": "gigabytes", "mb": "megabytes", "kb": "kilobytes", "tb": "terabytes", "lb": "pounds", "lbs": "pounds"},
    **{"oz": "ounces", "ml": "milliliters", "min": "minutes", "hrs": "hours", "sec": "seconds", "m": "meters"},
    **{"c": "celsius", "f": "fahrenheit", "k": "thousand", "bn": "billion", "g": "grams", "w": "watts", "v": "volts"},
}
"""Units directly after a number."""
_LARGE = {"k": "thousand", "m": "million", "mn": "million", "bn": "billion", "b": "billion", "tn": "trillion"}
"""Sizes directly after a sum of money."""
_NUMBER = re.compile(
    r"(?P<sign>[-−]?)(?P<money>[$£€¥₹]?)(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?P<part>\.\d+)?"
    r"(?P<end>st|nd|rd|th|s|'s|%|[a-z]{1,3})?"
)
_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)(?::[0-5]\d)?(am|pm)?")
_FRACTION = re.compile(r"(\d{1,2})/(\d{1,2})")


def readings(token: str) -> list[str]:
    """The ways to say a token with digits, in words with spaces between; empty if it is no number that is understood.

    ``token`` is in small letters, without punctuation around it.
    """
    if match := _CLOCK.fullmatch(token):
        return _clock(int(match[1]), int(match[2]), match[3])
    if (match := _FRACTION.fullmatch(token)) and int(match[2]) > 1:
        return _fraction(int(match[1]), int(match[2]))
    match = _NUMBER.fullmatch(token)
    if match is None:
        return []
    whole, part, end = match["whole"], match["part"], match["end"] or ""
    if match["money"]:
        ways = _money(whole.replace(",", ""), (part or "")[1:], *_MONEY[match["money"]], _LARGE.get(end, ""))
    elif part:
        digits = " ".join(_ONES[int(digit)] for digit in part[1:])
        ways = [f"{way} point {digits}" for way in whole_number(whole)]
    else:
        ways = whole_number(whole)
    if match["sign"]:
        ways = [f"minus {way}" for way in ways] + ways
    if end in ("st", "nd", "rd", "th"):
        return [_ordinal(way) for way in ways]
    if end in ("s", "'s"):
        return [_plural(way) for way in ways]
    if end == "%":
        return [f"{way} percent" for way in ways]
    if end and not match["money"]:
        return [f"{way} {UNITS.get(end) or ' '.join(f'{letter}.' for letter in end)}" for way in ways]
    return ways


def whole_number(digits: str) -> list[str]:
    """The ways to say a number of digits, with or without commas between thousands."""
    plain = digits.replace(",", "")
    one_by_one = " ".join(_ONES[int(digit)] for digit in plain)
    if len(plain) > _MOST_DIGITS:
        return [one_by_one]
    if plain[0] == "0" and len(plain) > 1:
        return [one_by_one, one_by_one.replace("zero", "oh")]
    number = int(plain)
    ways = [_cardinal(number), _cardinal(number, " and")]
    if plain == digits and 1000 < number < 10_000 and number % 1000 >= 10:
        hundreds, rest = divmod(number, 100)
        year = "hundred" if rest == 0 else f"oh {_ONES[rest]}" if rest < 10 else _cardinal(rest)
        ways.insert(0 if 1100 <= number < 2100 else len(ways), f"{_cardinal(hundreds)} {year}")
    if plain == digits and 2 < len(plain) < 12:
        ways += [one_by_one, one_by_one.replace("zero", "oh")]
        if len(plain) == 3 and plain[1] != "0":
            ways.append(f"{_ONES[int(plain[0])]} {_cardinal(int(plain[1:]))}")
    return list(dict.fromkeys(ways))


def _cardinal(number: int, joint: str = "") -> str:
    """``joint`` stands between hundreds and tens: " and" in British English."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return f"{_TENS[number // 10]} {_ONES[number % 10]}" if number % 10 else _TENS[number // 10]
    if number < 1000:
        tens = f"{joint} {_cardinal(number % 100)}" if number % 100 else ""
        return f"{_ONES[number // 100]} hundred{tens}"
    unit, word = next((unit, word) for unit, word in _POWERS if number >= unit)
    rest = number % unit
    link = joint if 0 < rest < 100 else ""
    tail = f"{link} {_cardinal(rest, joint)}" if rest else ""
    return f"{_cardinal(number // unit, joint)} {word}{tail}"


def _ordinal(words: str) -> str:
    before, _, last = words.rpartition(" ")
    said = _ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return f"{before} {said}".strip()


def _plural(words: str) -> str:
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}es" if words.endswith("x") else f"{words}s"


def _money(whole: str, part: str, unit: str, small: str, size: str) -> list[str]:
    plural = unit if unit == "yen" or (whole == "1" and not size and not part) else f"{unit}s"
    plural = f"{size} {plural}".strip()
    found = []
    for way in whole_number(whole)[:3]:
        if not part:
            found.append(f"{way} {plural}")
        elif len(part) == 2 and small and not size:
            cents = _cardinal(int(part))
            coin = small if small == "pence" or int(part) == 1 else f"{small}s"
            found += [f"{way} {plural} {cents}", f"{way} {plural} and {cents} {coin}", f"{way} {cents}"]
        else:
            found.append(f"{way} point {' '.join(_ONES[int(digit)] for digit in part)} {plural}")
    return found


def _clock(hour: int, minute: int, half: str | None) -> list[str]:
    tail = f" {half[0]}. m." if half else ""
    said = _cardinal(hour)
    if minute == 0:
        return [f"{said}{tail}", f"{said} o'clock{tail}", f"{said} hundred{tail}"]
    minutes = f"oh {_ONES[minute]}" if minute < 10 else _cardinal(minute)
    return [f"{said} {minutes}{tail}", f"{said} {_cardinal(minute)}{tail}"]


def _fraction(above: int, below: int) -> list[str]:
    part = {2: "half", 4: "quarter"}.get(below) or _ordinal(_cardinal(below))
    many = {"half": "halves"}.get(part, f"{part}s")
    ways = [f"{_cardinal(above)} {part if above == 1 else many}", f"{_cardinal(above)} over {_cardinal(below)}"]
    return [*ways, f"{_cardinal(above)} {_cardinal(below)}"]
