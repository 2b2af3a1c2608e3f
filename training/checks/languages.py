"""Lips for other languages: ``python -m training.checks.languages``.

Held-out voices of espeak-ng read sentences in six languages and tell which phoneme they say when. Counted is how often
the mouth that the product makes of the sound shows what a phoneme needs whatever the language is: closed lips, the
lower lip on the teeth, rounded lips. English is the measure of the others.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from core.head.head_model import HeadModel
from core.phones.phone_set import SILENCE, Segment
from core.sound.lips import LipModel
from core.sound.speech import Speech
from core.takes.mouth import Mouth

from ..common.results_page import Table, add_results_option, number, show
from ..common.splits import HELD_OUT_VOICES
from ..lips.evaluation import gestures
from ..lips.mouth_geometry import MouthGeometry
from ..speech import espeak
from ..speech.visemes import GESTURES

VARIANTS = tuple(name.removeprefix("espeak-") for name in HELD_OUT_VOICES if name.startswith("espeak-"))
WORDS_A_MINUTE, PITCH = 150, 50

LANGUAGES: dict[str, tuple[str, str]] = {
    "English": (
        "en-us",
        "Bob may push the blue apple up before two boats move over. My mother bought five pairs of brown boots. "
        "Few people believe the mayor's promise. We chew food slowly and move our lips. Pam found a famous map above "
        "the piano. The farmer's wife whispers about warm weather. Who threw the big balloon into the pool? Maybe "
        "February will be a beautiful month. Open the window and view the moon. Vivian packed forty empty bottles.",
    ),
    "German": (
        "de",
        "Der Apfel fiel vom Baum und fünf böse Buben pflückten Möhren. Meine Mutter kauft ein Paar braune Stiefel. "
        "Wir öffnen pünktlich um vier die Tür. Im Sommer blühen überall bunte Blumen. Wo wohnst du, und wann kommst du "
        "vorbei? Bitte bringen Sie mir zwölf frische Brötchen. Das Boot fuhr über den großen blauen See. Viele Vögel "
        "fliegen im Herbst nach Süden. Der Müller mahlt das Mehl in der Mühle. Vielleicht haben wir morgen Besuch.",
    ),
    "French": (
        "fr",
        "Le petit bébé mange une pomme rouge. Deux voitures bleues passent devant la boutique. Vous avez un beau feu "
        "de bois. Mon ami Philippe vend de bons fromages. Tu veux boire un peu d'eau fraîche? Nous voulons voir la "
        "lune au mois de mai. La musique du vieux film est douce. Ma famille part pour Bordeaux au printemps. "
        "Beaucoup de peuples vivent au bord du fleuve. Il faut ouvrir la porte et fermer les volets.",
    ),
    "Spanish": (
        "es",
        "Mi padre compra pan y fruta para mi familia. Un perro muy pequeño busca a su amo. Me gusta mucho el café con "
        "un poco de azúcar. El profesor explica el problema otra vez. Hoy fuimos a ver la luna llena. Mañana por la "
        "mañana vamos al campo. Pablo pone el plato sobre la mesa. Todos los alumnos cantan una canción bonita. La "
        "fiesta fue una buena sorpresa. Mi primo habla muy bien el portugués.",
    ),
    "Mandarin": (
        "cmn-latn-pinyin",
        "ma1 ma5 mai3 ping2 guo3. wo3 men5 dou1 bu2 pa4 lao3 hu3. fei1 ji1 fei1 de5 hen3 gao1. ta1 de5 fang2 zi5 hen3 "
        "piao4 liang5. nv3 peng2 you3 mei2 you3 mao4 zi5. bao4 zhi3 fang4 zai4 zhuo1 zi5 shang4. ba4 ba5 he1 bei1 "
        "pu3 tao2 jiu3. wu3 fen1 zhong1 yi3 hou4 chu1 fa1. mu3 qin1 bu4 xi3 huan1 fei1 ji1. qing3 ba3 men2 he2 "
        "chuang1 hu5 da3 kai1.",
    ),
    "Hindi": (
        "hi",
        "बच्चे फूल और पत्ते भी माँगते हैं। मेरी माँ बाज़ार से फल लाती है। पिताजी सुबह पानी पीते हैं। मुझे बहुत भूख लगी है। "
        "वह पुराना मकान बहुत बड़ा है। बूढ़ा आदमी धूप में बैठा है। आप मेरे भाई से मिले। मौसम बहुत अच्छा है। "
        "फूफा ने आम और पपीता भेजा। दोपहर को सब लोग सो गए।",
    ),
}
"""espeak-ng's voice and ten sentences, which are full of lip sounds."""

_ON_TEETH = {"f", "v"}
_ROUNDED = {"u", "u:", "y", "y:", "Y", "Y:", "o", "o:", "O~", "oU", "uo", "ou", "iou", "w"}
_OPEN = {"a", "a:", "aa", "A", "A:", "0", "a~", "A~", "aI", "ai", "V"}
_SPREAD = {"i", "i:", "I", "e", "e:", "E", "E:", "E~", "eI", "ei"}


def stand_in(phoneme: str, language: str) -> str:
    """An English phone that needs the same lips as a phoneme of espeak-ng; silence where nothing is needed."""
    if phoneme[:1] in ("p", "b", "m"):  # also pH, bH, pF; Spanish B is open
        return "M"
    if phoneme in _ON_TEETH and not (phoneme == "v" and language == "Hindi"):  # Hindi's v does not need the teeth
        return "F"
    if phoneme in _ROUNDED:
        return "UW"
    if phoneme in _OPEN:
        return "AA"
    return "IY" if phoneme in _SPREAD else SILENCE


@dataclass(frozen=True)
class Reading:
    """A sentence that was read: its stand-in phones, and the product's mouth (T, 27)."""

    segments: tuple[Segment, ...]
    mouth: np.ndarray

    @property
    def frames(self) -> int:
        """T."""
        return len(self.mouth)


def read(language: str, mouth: Callable[[Path], np.ndarray]) -> list[Reading]:
    """All sentences of a language by all voices. ``mouth`` gives (T, 27) for a sound file."""
    name, text = LANGUAGES[language]
    out = []
    for variant in VARIANTS:
        for sentence in (part.strip() for part in text.replace("।", ".").replace("?", ".").split(".")):
            if not sentence:
                continue
            samples, rate, said = espeak.utter(sentence + ".", f"{name}+{variant}", WORDS_A_MINUTE, PITCH)
            segments = tuple(Segment(stand_in(p.phone, language), p.start, p.end) for p in said)
            with tempfile.TemporaryDirectory() as folder:
                soundfile.write(Path(folder) / "sound.wav", samples, rate, subtype="PCM_16")
                out.append(Reading(segments, mouth(Path(folder) / "sound.wav")))
    return out


def table(mouth: Callable[[Path], np.ndarray], geometry: MouthGeometry) -> Table:
    """How often the gestures of each language are made, and made where the opposite is needed."""
    rows = []
    for language in LANGUAGES:
        found = gestures(read(language, mouth), lambda reading: reading.mouth, geometry)
        cells = []
        for gesture in GESTURES[1:]:
            counts = found.get(gesture.name)
            if counts is None:
                cells.append("–")
                continue
            made, unwanted = (number(100 * counts[key], 0) for key in ("made", "made where unwanted"))
            cells.append(f"{made} % of {counts['phones']:.0f} ({unwanted} %)")
        rows.append((language, *cells))
    notes = (
        "Phonemes whose gesture is made, by two held-out voices of espeak-ng. In brackets: the gesture in phonemes "
        "that need the opposite. Closed: p, b, m and their like. On teeth: f, v. Rounded: close and mid rounded "
        "vowels, and w. espeak-ng's voices are made by formulas; people may fare otherwise.",
    )
    columns = ("language", *(gesture.name for gesture in GESTURES[1:]))
    command = "python -m training.checks.languages"
    return Table("lips-languages", "Lips in other languages", command, columns, tuple(rows), notes)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_results_option(parser)
    options = parser.parse_args()
    lips, geometry = LipModel.load(), MouthGeometry.of(HeadModel.load())
    show(table(lambda path: Mouth(lips, Speech(path, 0.0, None)).channels(1.0), geometry), options.results)


if __name__ == "__main__":
    main()
