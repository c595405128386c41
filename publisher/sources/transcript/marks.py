"""Marks: moments or numbers at the edge of a line that has other words too; grammars decide which of them open posts.

``8.43am: text`` · ``+++ 15:25 Headline +++`` · ``Jo Doe 9/7/2016 4:57:09 PMText`` · ``Tom (7:40pm) - text`` ·
``CITY (AP) - 12:30 p.m.`` · ``VOTE 20:55`` · ``3 January 2024: text`` · ``3. Headline``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from publisher.sources.transcript.bylines import is_name
from publisher.sources.transcript.dates import read_day
from publisher.sources.transcript.stamps import LONGEST, Stamp, day_alone, may_hold, read_stamp, scan

Form = Literal["lead", "at", "ticker", "author", "label", "dateline", "day", "number", "tail", "figure"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark and the words around it.

    Attributes:
        form: where in the line it stands.
        stamp: the moment; None of ``number``.
        before: what stands in front of it: a name, a label, a dateline.
        after: what stands behind it.
        joint: what parts it from that: ``:``, ``-``, a space, or nothing where they are glued.
        number: the item's number.
        closed: ``after`` is a headline by its own marks.
    """

    form: Form
    stamp: Stamp | None
    before: str = ""
    after: str = ""
    joint: str = ""
    number: int | None = None
    closed: bool = False


_ITEM = re.compile(
    r"(?:[•‣◦●▪*|–—-] |#{1,6} )?(?:\*\*|[\[(])?(?:(?P<number>[0-9]{1,4})[.)] )?"
    r"(?:(?:Update|UPDATE|Posted|Ore|Alle ore|(?:Original|ORIGINAL)(?: (?:story|post|report|STORY|POST|REPORT))?|"
    r"(?P<at>At))[:,]? (?=[0-9]))?"
)
_PARTS = frozenset(":-–—")
_NUMBERED = re.compile(r"(?P<number>[0-9]{1,4})[.)] (?P<after>\S.*)")
_JOINT = re.compile(r"(?:\*\*|[\])])?(?P<joint> ?: ?[>»]?| ?[-–—|·>»]| ?, ?)?(?:\*\*)? ?")
_TICKER = re.compile(r"(?:\+{2,}|[•#*]{2,}) ?(?=[0-9])")
_TICKER_ENDS = re.compile(r" ?\+{2,} ?")
_AUTHOR = re.compile(
    r"(?:[•‣◦●▪*–—-] )?(?P<by>(?:(?:Posted|Published|Written|Reported) )?[Bb]y )?(?P<name>[^\W\d_][^\d(]{0,60}?)"
    r"(?P<open> ?\(| ?[|·,–-] | (?:at|on) | ?)(?=[0-9]|just now)"
)
# In capitals, or parted from the moment: "VOTE 20:55", "Toss, 6.00 pm", "## Morning, 8:15 a.m.:".
_LABELLED = re.compile(
    r"(?:[•‣◦●▪*–—-] |#{1,6} )?(?:(?P<capitals>(?!.*[a-z].{0,30}[0-9])[^\W\d_][^\d:.;!?()]{1,28}?) ?[,:|–—-]?"
    r"|(?P<parted>[^\W\d_][^\d,:.;!?()]{1,28})[,:]) (?=[0-9])"
)
_DAY_JOINT = re.compile(r" ?[:–—-] (?=\S)")
_PARTING = re.compile(r" ?[|·–—-] ?| ?\(")
_DATELINE = re.compile(r"(?P<before>[^\W\d_][^:]{2,70}\([^\W\d_]{2,20}\)) ?[-_–—]+ ?(?=[0-9])")
_LONGEST_TAILED = 240
"""Characters of a headline with its moment."""
_DIGIT = re.compile(r"[0-9]")


def find_mark(text: str) -> Mark | None:
    """Find the mark of a cleaned line that is no stamp itself; None if it has none."""
    first = text[0]
    if first == "+" or text.startswith(("•• ", "***", "###")):
        return _ticker(text)
    if first.isdigit() or first in "•‣◦●▪*|–—-([#" or first.isalpha():
        readers = (_lead, _number, _author, _label, _day, *((_dateline, _tail) if first.isalpha() else (_figure,)))
        return next((mark for read in readers if (mark := read(text))), None)
    return _tail(text)


def ends_in_stamp(text: str) -> bool:
    """Tell whether a line is a place and a stamp: a strip of world clocks, ``Kyiv Feb. 26, 2:59 a.m.``."""
    if len(text) > LONGEST or not text[:1].isupper():
        return False
    words = text.split(" ")
    return any(read_stamp(" ".join(words[count:])) for count in (1, 2, 3) if count < len(words))


def _lead(text: str) -> Mark | None:
    """Read a line that begins with a moment; of a table's row, without the last bar."""
    if text[0] == "|":
        text = text.rstrip("| ")
    item = _ITEM.match(text) if may_hold(text[:40]) else None
    found = scan(text, item.end(), before_words=True) if item else None
    if item is None or found is None or found[0].flaw:
        return None
    stamp, end = found
    joint = _JOINT.match(text, end)
    parted = (joint["joint"] or "").strip()[:1] if joint else ""
    after = text[joint.end() :] if joint else text[end:]
    glued = end < len(text) and not parted and text[end] not in " )]*"
    if after and glued:
        fits = _may_be_glued(text, end)
    elif after and not parted:
        fits = item["at"] is None and _may_follow_a_space(stamp, after)
    elif after:
        fits = item["at"] is None or parted in _PARTS  # "At 9 p.m., the gates were shut"
    else:
        fits = bool(item["number"] and parted)
    said = "" if glued else "-" if parted in {"–", "—"} else parted or " "
    if item["at"] and parted == "," and not fits:
        return Mark("at", stamp, "", text, parted)
    return Mark("lead", stamp, "", after, said, int(item["number"]) if item["number"] else None) if fits else None


def _may_be_glued(text: str, end: int) -> bool:
    """Tell whether what follows a stamp at once is a new word: ``4:57:09 PMText`` yes, ``43'`` no."""
    return text[end].isupper() or (text[end] in "\"“'[" and text[end - 1].isalpha())


def _may_follow_a_space(stamp: Stamp, after: str) -> bool:
    """Tell whether a stamp without colon or dash may open a text: ``10:01 text`` yes, ``2010 text`` hardly."""
    if after[0].islower():
        return stamp.style == "colon" or stamp.zone is not None
    return stamp.style in {"halves", "colon", "uhr", "ago", "bare"} or stamp.zone is not None or after[0].isupper()


def _number(text: str) -> Mark | None:
    match = _NUMBERED.match(text)
    return Mark("number", None, "", match["after"], ".", int(match["number"])) if match else None


def _ticker(text: str) -> Mark | None:
    opening = _TICKER.match(text)
    found = scan(text, opening.end(), before_words=True) if opening else None
    if found is None or found[0].flaw:
        return None
    stamp, end = found
    rest = text[end:]
    closing = _TICKER_ENDS.match(rest)
    if closing:  # +++22.25 Uhr+++ body
        return Mark("ticker", stamp, "", rest[closing.end() :], "+")
    joint = _JOINT.match(rest)
    after = rest[joint.end() :] if joint else rest
    bare = after.rstrip("+").rstrip()
    return Mark("ticker", stamp, "", bare, "+", closed=after.endswith("++"))


def _author(text: str) -> Mark | None:
    match = _AUTHOR.match(text) if _DIGIT.search(text, 0, 70) or "just now" in text[:80] else None
    if match is None:
        return None
    name = match["name"].strip(" |·,–-")
    bracketed = match["open"].strip() == "("
    found = scan(text, match.end(), before_words=True) if is_name(name) else None
    if found is None or found[0].flaw:
        return None
    stamp, end = found
    alone = " " not in name and "." not in name
    placed = (
        stamp.named is None and stamp.ago is None and not match["open"].strip()
    )  # "Lock Gate 10:30" is a place, too
    if not bracketed and not match["by"] and (alone or placed or name.isupper()):  # "RED WARNING" is a label
        return None
    if bracketed:
        if not text.startswith(")", end):
            return None
        end += 1
    joint = _JOINT.match(text, end)
    after = text[joint.end() :] if joint else text[end:]
    return Mark("author", stamp, name, after, "(" if bracketed else "")


def _label(text: str) -> Mark | None:
    """Read a moment behind the kind of the post: ``VOTE 20:55``, ``Morning, 8:15 a.m.: text``."""
    match = _LABELLED.match(text) if _DIGIT.search(text, 0, 45) else None
    found = scan(text, match.end(), before_words=True) if match else None
    if match is None or found is None or found[0].flaw or not found[0].has_clock:
        return None
    stamp, end = found
    joint = _JOINT.match(text, end)
    after = text[joint.end() :] if joint else text[end:]
    parted = not after or text[end : end + 1] in {" ", ":", ","}
    label = (match["capitals"] or match["parted"]).strip()
    return Mark("label", stamp, label, after, joint["joint"] or "" if joint else "") if parted else None


def _day(text: str) -> Mark | None:
    """Read a text behind its day: ``3 January 2024: A crack is found``."""
    item = _ITEM.match(text)
    found = read_day(text, item.end()) if item else None
    joint = _DAY_JOINT.match(text, found[1]) if found else None
    if found is None or joint is None or not found[0].month:
        return None
    return Mark("day", day_alone(found[0]), "", text[joint.end() :], joint[0].strip())


def _tail(text: str) -> Mark | None:
    """Read a headline with its moment behind it: ``Gates close - 9:15 p.m. ET, June 4, 2021``."""
    if len(text) > _LONGEST_TAILED or not (text[-1].isalnum() or text[-1] in ".)") or not may_hold(text[-LONGEST:]):
        return None
    for parting in _PARTING.finditer(text):
        stamp = read_stamp(text[parting.end() :].rstrip(")")) if _DIGIT.search(text, parting.end()) else None
        if stamp and not stamp.flaw and parting.start() and (stamp.named or stamp.zone or stamp.ago):
            return Mark("tail", stamp, text[: parting.start()])
    return None


def _figure(text: str) -> Mark | None:
    """Read what is a clock only on a page of its like: ``21.15``, ``2115``."""
    stamp = scan(text) if len(text) <= 5 and text.isascii() else None
    if stamp is None or stamp[1] < len(text) or stamp[0].flaw or stamp[0].style not in {"dot", "bare"}:
        return None
    return Mark("figure", stamp[0])


def _dateline(text: str) -> Mark | None:
    match = _DATELINE.match(text)
    stamp = read_stamp(text[match.end() :]) if match else None
    return Mark("dateline", stamp, match["before"]) if match and stamp and not stamp.flaw else None
