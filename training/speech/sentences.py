"""Random English sentences for speech synthesis: a small grammar over our own word lists, rich in lip sounds."""

from __future__ import annotations

import numpy as np


def _words(text: str, separator: str | None = None) -> list[str]:
    return text.split(separator)


_NAMES = _words(
    "Bob Emma Philip Maya Paul Vivian Thomas Beth Oliver Phoebe Hugo Wendy Boris Amy Joyce Martha Pam Victor"
)
_ADJECTIVES = _words(
    "blue big empty warm quiet awful brave smooth happy bitter famous purple wooden foggy simple clumsy remarkable "
    "invisible beautiful cheap sharp thin rough joyful thirsty azure yellow huge weak fresh obvious important"
)
_NOUNS = _words(
    "boat window paper mother father problem morning village apple thumb book moon coffee machine river wave beach "
    "watch church garage engine bridge feather brother mountain puppy voice oyster toy house cloud measure treasure "
    "picture shop bubble swamp room roof elephant fever promise map lamp mirror pipe umbrella opera fire hour farmer"
)
_PLURALS = _words(
    "people boats apples waves children mushrooms bumps leaves watches voices thieves bees jobs wolves rooms"
)
_PAST = _words(
    "moved opened bought followed painted washed imagined measured chewed joined wrapped borrowed improved pushed "
    "remembered believed robbed pumped gave found threw carried watched mapped enjoyed avoided heard"
)
_VERBS = _words(
    "move open buy follow paint wash imagine measure chew join wrap borrow improve push remember believe rob pump "
    "give find throw carry watch map enjoy avoid hear keep stop beat move shape swim climb"
)
_ADVERBS = _words(
    "slowly often perhaps never usually bravely together above below tomorrow maybe again outside quickly"
)
_PLACES = _words(
    "by the bay/in the old barn/behind my house/over the bridge/at the top of the map/from Paris to Bombay/"
    "under five umbrellas/before the film/through thick fog/near both farms/on the first of February/without any help",
    "/",
)
_OPENERS = _words(
    "Well/Oh my/I believe/Of course/You know what/Maybe/Before we move on/If I may/To be honest/Wow/Hmm/Look/"
    "Good morning/Thank you very much/By the way/As far as I can see/Whenever it pleases you",
    "/",
)
_NUMBERS = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fifteen twenty thirty forty fifty "
    "seventy ninety hundred thousand million"
)
_LETTERS = _words("A B C D E F G H I J K L M N O P Q R S T U V W X Y Z")
_SYLLABLE_STARTS = _words("b p m f v w sh ch j th t d k g l r s z h y bl pr fl br tw sm sp")
_SYLLABLE_ENDS = _words("ah ee oo oh ay eye ow oy ab eep oom off ive ush each orm air earth oob amp ip ebb")


def sentence(rng: np.random.Generator) -> str:
    """A random sentence of about 4 to 20 words; it depends only on ``rng``."""
    pattern = int(rng.integers(len(_PATTERNS)))
    text = _PATTERNS[pattern](rng)
    if rng.random() < 0.25:
        text = f"{_pick(rng, _OPENERS)}, {text}"
    return text[0].upper() + text[1:] + str(rng.choice([".", ".", ".", "!", "?"]))


def _pick(rng: np.random.Generator, words: list[str]) -> str:
    return words[int(rng.integers(len(words)))]


def _thing(rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < 0.2:
        return _pick(rng, _NAMES)
    if kind < 0.4:
        return f"{_pick(rng, ['some', 'my', 'five', 'both', 'these', 'many', 'our'])} {_pick(rng, _PLURALS)}"
    article = _pick(rng, ["the", "my", "your", "every", "that", "another"])
    return f"{article} {_pick(rng, _ADJECTIVES)} {_pick(rng, _NOUNS)}"


def _statement(rng: np.random.Generator) -> str:
    return f"{_thing(rng)} {_pick(rng, _PAST)} {_thing(rng)} {_pick(rng, _PLACES)}"


def _adverbial(rng: np.random.Generator) -> str:
    return f"{_pick(rng, _ADVERBS)} {_thing(rng)} {_pick(rng, _PAST)} {_thing(rng)}, but {_statement(rng)}"


def _question(rng: np.random.Generator) -> str:
    asks = ["why would", "when should", "how could", "will", "where did", "who says that"]
    return f"{_pick(rng, asks)} {_thing(rng)} {_pick(rng, _VERBS)} {_thing(rng)}"


def _command(rng: np.random.Generator) -> str:
    return f"please {_pick(rng, _VERBS)} {_thing(rng)} and {_pick(rng, _VERBS)} {_thing(rng)} {_pick(rng, _PLACES)}"


def _spelling(rng: np.random.Generator) -> str:
    items = [_pick(rng, _LETTERS if rng.random() < 0.5 else _NUMBERS) for _ in range(int(rng.integers(4, 10)))]
    return ", ".join(items)


def _counting(rng: np.random.Generator) -> str:
    return f"{_thing(rng)} {_pick(rng, _PAST)} {_pick(rng, _NUMBERS)} {_pick(rng, _NUMBERS)} {_pick(rng, _PLURALS)}"


def _nonsense(rng: np.random.Generator) -> str:
    words = []
    for _ in range(int(rng.integers(3, 7))):
        syllables = [_pick(rng, _SYLLABLE_STARTS) + _pick(rng, _SYLLABLE_ENDS) for _ in range(int(rng.integers(1, 3)))]
        words.append("".join(syllables))
    return " ".join(words)


_PATTERNS = (_statement, _adverbial, _question, _command, _spelling, _counting, _nonsense)
