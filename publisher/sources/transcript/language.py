"""Language: which one a page is written in, by its commonest words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMMON = {
    "en": "the and of to in is was for that with on said as at are have",
    "de": "der die das und ist nicht den dem mit sich auf wird von für ein eine im",
    "fr": "le la les et des est dans une un pour que qui sur pas du au",
    "es": "el los las y de que en una por con para es del se no al",
    "it": "il gli di che è un una per non sono con della nel alle dei",
    "nl": "de het een van in is niet dat op te zijn met voor er aan",
    "pt": "o os as de que em um uma por com para não do da no",
}
_WORDS = {
    word: [code for code, said in _COMMON.items() if word in said.split()]
    for words in _COMMON.values()
    for word in words.split()
}
_WORD = re.compile(r"[^\W\d_]+")
_FEWEST = 4
"""Common words of another language that speak for nothing yet."""
_ENOUGH = 200_000
"""Characters of a page that are read for this."""


def find_language(texts: Iterable[str]) -> str:
    """Tell the language of lines as an ISO 639-1 code; English where nothing speaks for another."""
    counts = dict.fromkeys(_COMMON, 0)
    read = 0
    for text in texts:
        for word in _WORD.findall(text.lower()):
            for code in _WORDS.get(word, ()):
                counts[code] += 1
        read += len(text)
        if read > _ENOUGH:
            break
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] > max(_FEWEST, 2 * counts["en"]) else "en"
