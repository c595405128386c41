"""Marks: moments or numbers at the edge of a line that has other words too; grammars decide which of them open posts.

``8.43am: text`` · ``+++ 15:25 Headline +++`` · ``Jo Doe 9/7/2016 4:57:09 PMText`` · ``Tom (7:40pm) - text`` ·
``CITY (AP) - 12:30 p.m.`` · ``VOTE 20:55`` · ``3 January 2024: text`` · ``3. Headline``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from publisher.sources.transcript.bylines import is_name
from publisher.sources.transcript.clocks import may_hold
from publisher.sources.transcript.dates import read_day
from publisher.sources.transcript.stamps import LONGEST, Stamp, day_alone, read_stamp, scan

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
_TICKER = re.compile(r"(?:\+{2,}|•{2,}|[#*]{3,}) ?(?=[0-9])")
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
_PARTING = re.compile(r"[|·–—(-]")
_DATELINE = re.compile(r"(?P<before>[^\W\d_][^:]{2,70}\([^\W\d_]{2,20}\)) ?[-_–—]+ ?(?=[0-9])")
_LONGEST_TAILED = 240
"""Characters of a headline with its moment."""
_DIGIT = re.compile(r"[0-9]")


def find_mark(text: str) -> Mark | None:
    """Find the mark of a cleaned line that is no stamp itself, and may hold one; None if it has none."""
    for read in _BEGIN_WITH_FIGURE if text[0].isdigit() else _OTHERS:
        if mark := read(text):
            return mark
    return None


def _moment(text: str, before: re.Match[str] | None) -> tuple[Stamp, int] | None:
    """Read the moment behind a match, and tell where it ends; None if there is none, or a flawed one."""
    found = scan(text, before.end(), before_words=True) if before else None
    return None if found is None or found[0].flaw else found


def _behind(text: str, end: int) -> tuple[str, str]:
    """Tell what parts a moment from the words behind it, and these."""
    joint = _JOINT.match(text, end)
    return (joint["joint"] or "", text[joint.end() :]) if joint else ("", text[end:])


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
    item = _ITEM.match(text)
    found = _moment(text, item)
    if item is None or found is None:
        return None
    stamp, end = found
    joint, after = _behind(text, end)
    parted = joint.strip()[:1]
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
    found = _moment(text, _TICKER.match(text))
    if found is None:
        return None
    stamp, end = found
    closing = _TICKER_ENDS.match(text, end)
    if closing:  # +++22.25 Uhr+++ body
        return Mark("ticker", stamp, "", text[closing.end() :], "+")
    _, after = _behind(text, end)
    bare = after.rstrip("+").rstrip()
    return Mark("ticker", stamp, "", bare, "+", closed=after.endswith("++"))


def _author(text: str) -> Mark | None:
    match = _AUTHOR.match(text) if _DIGIT.search(text, 0, 70) or "just now" in text[:80] else None
    if match is None:
        return None
    name = match["name"].strip(" |·,–-")
    bracketed = match["open"].strip() == "("
    found = _moment(text, match) if is_name(name) else None
    if found is None:
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
    return Mark("author", stamp, name, _behind(text, end)[1], "(" if bracketed else "")


def _label(text: str) -> Mark | None:
    """Read a moment behind the kind of the post: ``VOTE 20:55``, ``Morning, 8:15 a.m.: text``."""
    match = _LABELLED.match(text) if _DIGIT.search(text, 0, 45) else None
    found = _moment(text, match)
    if match is None or found is None or not found[0].has_clock:
        return None
    stamp, end = found
    joint, after = _behind(text, end)
    parted = not after or text[end : end + 1] in {" ", ":", ","}
    label = (match["capitals"] or match["parted"]).strip()
    return Mark("label", stamp, label, after, joint) if parted else None


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
        stamp = read_stamp(text[parting.end() :].strip(" )"))
        if stamp and not stamp.flaw and parting.start() and (stamp.named or stamp.zone or stamp.ago):
            return Mark("tail", stamp, text[: parting.start()].rstrip())
    return None


def _figure(text: str) -> Mark | None:
    """Read what is a clock only on a page of its like: ``21.15``, ``2115``."""
    found = scan(text) if len(text) <= 5 else None
    if found is None or found[1] < len(text) or found[0].flaw or found[0].style not in {"dot", "bare"}:
        return None
    return Mark("figure", found[0])


def _dateline(text: str) -> Mark | None:
    match = _DATELINE.match(text)
    stamp = read_stamp(text[match.end() :]) if match else None
    return Mark("dateline", stamp, match["before"]) if match and stamp and not stamp.flaw else None


_BEGIN_WITH_FIGURE = (_lead, _number, _day, _figure)
_OTHERS = (_ticker, _lead, _author, _label, _day, _dateline, _tail)
"""Readers of lines that begin with a figure, and of the others: the first that finds a mark tells it."""
