"""English letters → phones, for words that no dictionary has: names, brands, new words.

English spelling is read from left to right by rules. A rule says which phones a few letters stand for between what is
left and what is right of them. For each place the first rule that fits is used, so long and special ones come first.
The reasoning behind the groups of rules:

- A vowel letter before one consonant and a final *e* is long ("name"), before two consonants it is short ("napkin").
  Before one consonant and another vowel it is long in a first syllable ("paper"), but short further on ("animal").
- *c* and *g* are soft before *e*, *i* and *y*; in short words *g* often stays hard ("get", "girl").
- Endings that carry no stress have their own vowels: "-tion", "-able", "-ous", "-er".
- Unstressed vowels are AH or IH in the dictionary of Carnegie Mellon University, so they are here.

Standard library only. ``docs/results/phones.md`` says how many phones the rules get right.
"""

from __future__ import annotations

import functools
import re

_RULES = r"""
;augh;t;AO | ;augh;;AE F | ;au;;AO | ;aw;;AO | ;ay$;;EY | ;ai;r;EH | ;ai;;EY | ;ay;;EY | ;a;re$;EH | ;arr;;AE R
;ar;[eiou];EH R | ;ar;$;AA R | [^wq];ar;d$;ER | w;ar;;AO R | ;ar;;AA R | ;a;lk;AO | ;al;[dt];AO L | ;all$;;AO L
;a;ll;AE | [wq]u?;a;[^aeiouy];AA | ^[^aeiouy]*;age$;;EY JH | ;age$;;IH JH | ;ange;;EY N JH
^[^aeiouy]*;able$;;EY B AH L | ;able$;;AH B AH L | ;ably$;;AH B L IY | [aeiouy][^aeiouy]*;al$;;AH L
[aeiouy][^aeiouy]*;als$;;AH L Z | [aeiouy][^aeiouy]*;ally$;;AH L IY | [aeiouy][^aeiouy]*;an$;;AH N
[aeiouy][^aeiouy]*;ans$;;AH N Z | [aeiouy][^aeiouy]*;ant$;;AH N T | [aeiouy][^aeiouy]*;ance$;;AH N S
[aeiouy][^aeiouy]*;ard$;;ER D | ;a;ste?$;EY | ;a;[bcdfghjklmnpqstvxz]e(ly|ness|ful|fully|ment|ments|less)$;EY
;a;[bcdfghjklmnpqrstvxz]e$;EY | ;a;[bcdfghjklmnpqrstvxz]es$;EY | ;a;[bcdfghjklmnpqrstvxz]ed$;EY
;a;[bcdfghjklmnpqrstvxz]ing$;EY | ;a;t[ei]on;EY | ;a;tion;EY | ;a;tio;EY | ;a;[cst]i[aou];EY
^[bcdfghjklmnpqrstvwxz]*;a;[bcdfghklmnpstvz][aeouy];EY | ^;a;[^aeiouy]{2};AE | ^;a;[bcdfgklmnpstvz][aeiouy];AH
;aa;;AA | ;ae;;IY | ;ao;;EY OW | ;a$;;AH | ;a;[bcdfghjklmnpqrstvwxz][aeiouy];AH | ;a;;AE
m;b;$; | m;bs;$;Z | ;bb;;B | ;b;;B
;ch;[lr];K | s;ch;[^aeiou];K | ^;ch;r;K | ;tch;;CH | ;ch;;CH | ;ck;;K | ;cc;[eiy];K S | ;cc;;K | s;ci;[aou];
;ci;[aou];SH | s;c;[eiy]; | ;cqu;;K W | ;c;[eiy];S | ;c;;K
;dge?;;JH | ;dj;;JH | ;dd;;D | ;d;;D
;eau;;OW | ;eigh;;EY | ;ei;[gn];EY | c;ei;;IY | ;ei;;AY | ;ee;r;IH | ;ee;;IY | ;ear;[nlt][^s];ER | ;ear;;IH R
;ea;d$;EH | ;ea;th;EH | ;ea;su;EH | ;ea;;IY | [rlcjds];ew;;UW | ;ew;;Y UW | [rlcjds];eu;;UW | ;eu;;Y UW | ;ey$;;IY
;eys$;;IY Z | ;ey;;EY | ;ere$;;IH R | ;err;;EH R | ;er;[aiou];EH R | ;ers$;;ER Z | ;ered$;;ER D | ;er;;ER
[td];ed$;;IH D | [ckfpshx];ed$;;T | ;ed$;;D | [sxz];es$;;IH Z | (ch|sh|ce|ge|s|z|c|g);es$;;IH Z | ;es$;;Z | ;e's$;;Z
[aeiouy][^aeiouy]*;en$;;AH N | [aeiouy][^aeiouy]*;ens$;;AH N Z | [aeiouy][^aeiouy]*;ent$;;AH N T
[aeiouy][^aeiouy]*;ents$;;AH N T S | [aeiouy][^aeiouy]*;ence$;;AH N S | [aeiouy][^aeiouy]*;ency$;;AH N S IY
[aeiouy][^aeiouy]*;el$;;AH L | [aeiouy][^aeiouy]*;els$;;AH L Z | [aeiouy][^aeiouy]*;ess$;;AH S
[aeiouy][^aeiouy]*;est$;;AH S T | [aeiouy][^aeiouy]*;et$;;IH T | .;ey$;;IY | ;ement$;;M AH N T | ;eous$;;IY AH S
;eon;;IY AH N | ;eo;;IY OW | ^[^aeiouy]+;e;$;IY | .;e;$; | [aeiouy][^aeiouy]+;e;(ly|ment|ness|ful|less|s)$;
^(b|d|pr|r|s);e;[^aeiouy][aeiouy];IH | ^[^aeiouy]*;e;[^aeiouyrwx][aeiouy];IY | ^;e;[^aeiouyrx][aeiouy];IH
[^aeiouy];e;[^aeiouyrx][aeiouy][^$];AH | ;e;[iou];IY | ;e;;EH
;ff;;F | ;f;;F
;gh;t; | ^;gh;;G | [aeiou];gh$;; | [aeiou];gh;; | ;gg;;G | ;gn$;;N | ^;gn;;N | ;gu;[eiy];G | ;gi;[aou];JH
^;g;(et|ir|iv|ea|ee|el|if|il);G | ;g;e;JH | ;g;[iy];JH | ;g;;G
^;h;(our|on[eo]|eir); | [cgpstwr];h;; | [aeiouy];h$;; | [aeiouy];h;[^aeiouy]; | ;h;;HH
;igh;;AY | ;ign$;;AY N | ;ild$;;AY L D | ;ind$;;AY N D | ;ier$;;IY ER | ;iers$;;IY ER Z | ;ies$;;IY Z | ;ied$;;IY D
;ie;[dr];IY | ;ie$;;IY | ;ie;;IY | ;io;us$;IY AH | ;ious$;;IY AH S | ;io;n;Y AH | ;ia$;;IY AH | ;ia;[nl]s?$;IY AH
;ia;;IY AE | ;io$;;IY OW | ;io;;IY OW | ;iu;;IY AH | ;ire$;;AY ER | ;ir;[aeiou];IH R | ;irr;;IH R | ;ir;;ER
;ibl[ey]$;;AH B AH L | ;ing$;;IH NG | ;ings$;;IH NG Z | ;ise$;;AY Z | ;ize$;;AY Z | ;ized$;;AY Z D
^[^aeiouy]*;ine$;;AY N | ;ine$;;IY N | ^[^aeiouy]*;ive$;;AY V | ;ive$;;IH V | ;ite$;;AY T | ^[^aeiouy]*;ice$;;AY S
;ice$;;AH S | ;ism$;;IH Z AH M | ;ique$;;IY K | ;i;[bcdfghjklmnpqstvxz]e(ly|ness|ful|fully|ment|ments|less)$;AY
;i;[bcdfghjklmnpqstvxz]e$;AY | ;i;[bcdfghjklmnpqstvxz]e[sd]$;AY | ^[^aeiouy]+;i;[^aeiouyxvrg][aeou];AY | ;i$;;IY
[^aeiou];is$;;IH S | .;i;[^aeiouy][aeiouy];AH | ;i;;IH
;j;;JH
^;kn;;N | ;kk;;K | ;k;;K
[aeiouy];ll;;L | [^aeiouylr];le$;;AH L | [^aeiouylr];les$;;AH L Z | [^aeiouylr];led$;;AH L D | a;l;[km]; | ;ll;;L
;l;;L
;mm;;M | ^;mcc;;M AH K | ^;mc;[kq];M AH | ^;mc;;M AH K | ;m;;M
;nn;;N | ;ng;[eiy];N JH | ;ng$;;NG | ;ngs$;;NG Z | ;ngl;;NG G L | ;ng;[aour];NG G | ;ng;;NG | ;nk;;NG K
;nc;[^eiyh];NG K | ;nx;;NG K S | ;n;;N
;ough;t;AO | ;ough;;OW | ;oul;d$;UH | ;oar;;AO R | ;oa;;OW | ;oor;;AO R | ;ook;;UH K | ;oo;;UW | ;our$;;ER
;our;;AO R | ;ous$;;AH S | ;ously$;;AH S L IY | ;ou;;AW | ;own$;;OW N | ;ow$;;OW | ;ows$;;OW Z | ;ow;[^aeiouy];AW
;ow;;OW | ;oi;;OY | ;oy;;OY | ;oe$;;OW | ;oes$;;OW Z | ;oe;;OW | ;ore$;;AO R | ;orr;;AO R | w;or;;ER
.[^aeiouy];or$;;ER | .[^aeiouy];ors$;;ER Z | ;or;;AO R | [aeiouy][^aeiouy]*;on$;;AH N
[aeiouy][^aeiouy]*;ons$;;AH N Z | [aeiouy][^aeiouy]*;om$;;AH M | [aeiouy][^aeiouy]*;ol$;;AH L | ;old;;OW L D
;ology;;AA L AH JH IY | ;olog;;AH L AA JH | ;oll$;;OW L | ;o;[st]t$;OW
;o;[bcdfghjklmnpqstvxz]e(ly|ness|ful|fully|ment|ments|less)$;OW | ;o;[bcdfghjklmnpqstvxz]e$;OW
;o;[bcdfghjklmnpqstvxz]e[sd]$;OW | ;os$;;OW Z | ;o$;;OW | ^[^aeiouy]*;o;[^aeiouyrvx][aeiouy];OW
.[^aeiouy];o;[^aeiouyr][aeiouy].;AH | ;o;;AA
;ph;;F | ^;p;[nst][^r]; | ;pp;;P | ;p;;P
;que$;;K | ;ques$;;K S | ;qu;;K W | ;q;;K
^;rh;;R | ;rr;;R | ;r;;R
;sch;;SH | s;ion;;SH AH N | ;ssi;on;SH | [aeiouy];sion;;ZH AH N | ;sion;;SH AH N | ;ssure;;SH ER
[aeiouy];sure;;ZH ER | ;sh;;SH | ;sc;[eiy];S | ;sm$;;Z AH M | ;ss;;S | [aeiouy];se$;;Z | [bdglmnrvw];s$;;Z
[aeo]i?;s;[aeiou];Z | [aeiouy];s;m;Z | [ieoy];s$;;Z | ;s;;S
;tion;;SH AH N | ;tial;;SH AH L | ;tient;;SH AH N T | ;tious;;SH AH S | ;ti;[aou];SH | ;ture;;CH ER | ;tur;[aei];CH ER
;tu;[ao];CH UW | s;t;(le|en); | ;tch;;CH | ;th;(er$|ers$|ing$|e$|at|is|ey|em|ese|ose|us$);DH | ;th;;TH | ;tt;;T
;t;;T
^;uni;;Y UW N AH | ^;un;;AH N | ^[rljs];u;[^aeiouy][aeiouy];UW | ^[^aeiouy]*;u;[^aeiouyr][aeiouy];Y UW | ;u;y;AY
[gq];u;[aeiouy];W | ;ue$;;UW | ;ui;[ltc];UW | ;ure$;;Y UH R | [rlj];u;[^aeiouy][aeiouy];UW | ;ur;[aeiou];Y UH R
;urr;;ER | ;ur;;ER | ;ful$;;F AH L | [rljsdtn];u;[bcdfghjklmnpqstvxz]e[sd]?$;UW | ;u;[bcdfghjklmnpqstvxz]e[sd]?$;Y UW
[aeiouy][^aeiouy]*;um$;;AH M | [aeiouy][^aeiouy]*;us$;;AH S | [bcfghmpv];u;[^aeiouy][aeiouy];Y UW
;u;[^aeiouy][aeiouy];UW | ;u$;;UW | ;ue;;UW | ;u;;AH
;vv;;V | ;v;;V
^;wh;o;HH | ^;wr;;R | ;wh;;W | [aeo];w$;; | ;w;;W
^;x;;Z | e;x;[aeiou];G Z | ;x;;K S
^;y;[aeiou];Y | ^[^aeiouy]*;y;$;AY | ^[^aeiouy]+;y;[^aeiouy][aeiouy];AY | .[aeiou];y;[aeiou];Y | ;yr;;ER | .;y;$;IY
;y;[aeiou];Y | ;y;;IH
;zz;;Z | ;z;;Z
"""
"""Rules, parted by " | ": what is left of the letters; the letters; what is right of them; the phones. Left and right
are regular expressions that end and begin at the letters. ``$`` after the letters means the word's end."""
_VOICELESS = ("CH", "F", "K", "P", "S", "SH", "T", "TH")


@functools.cache
def _rules() -> dict[str, list[tuple[re.Pattern[str], str, re.Pattern[str], tuple[str, ...]]]]:
    """The rules by their first letter: what must be left, the letters, what must be right, and the phones."""
    found: dict[str, list[tuple[re.Pattern[str], str, re.Pattern[str], tuple[str, ...]]]] = {}
    for rule in filter(None, (part.strip() for line in _RULES.splitlines() for part in line.split(" | "))):
        left, letters, right, phones = rule.split(";")
        end = "$" if letters.endswith("$") else ""
        letters = letters.removesuffix("$")
        for one in _spellings(letters):
            entry = (re.compile(f"(?:{left})$"), one, re.compile(end or right), tuple(phones.split()))
            found.setdefault(one[0], []).append(entry)
    return found


def _spellings(letters: str) -> list[str]:
    """The letters that a rule names; one of them may be optional (``dge?``) or a choice (``ibl[ey]``)."""
    if letters.endswith("?"):
        return [letters[:-1], letters[:-2]]
    match = re.fullmatch(r"(.*)\[(.*)\]", letters)
    return [match[1] + choice for choice in match[2]] if match else [letters]


def phones_of_letters(word: str) -> tuple[str, ...]:
    """The phones of a word in small letters a to z; other characters are left out. Empty for a word without letters."""
    letters = re.sub("[^a-z]", "", word)
    phones: list[str] = []
    place = 0
    while place < len(letters):
        for left, target, right, spoken in _rules().get(letters[place], ()):
            end = place + len(target)
            if letters.startswith(target, place) and right.match(letters, end) and left.search(letters[:place]):
                phones += spoken
                place = end
                break
        else:
            place += 1
    if len(phones) > 1 and letters.endswith(("s", "ed")) and phones[-2] in _VOICELESS:
        phones[-1] = {"Z": "S", "D": "T"}.get(phones[-1], phones[-1])  # the voice of the sound before it: "dykes"
    return tuple(phones)
