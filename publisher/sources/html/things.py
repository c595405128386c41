"""Things: schema.org objects, whichever markup they came in, and the JSON-LD scripts of a page.

A thing is a dict whose keys are property names in lower case without the vocabulary's address; ``@type`` is a list of
type names in the same manner; ``@line`` is the line of the source on which it begins. JSON-LD is read as pages write
it, not by its algorithms: no context is fetched, and ``@graph``, nested lists and references by ``@id`` are followed.
"""

from __future__ import annotations

import json
import re
from html import unescape
from typing import TYPE_CHECKING, Any

from publisher.sources.reading import Doubt
from shared.item import BadItemError, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from publisher.sources.html.page import Page

Thing = dict[str, Any]

DEEPEST = 100
"""Levels of nesting. Real markup has ten."""

_VOCABULARY = re.compile(r"(?:https?://(?:www\.)?schema\.org/|schema:)", re.IGNORECASE)
_OPENING = re.compile(r"\s*(?://|/\*)?\s*(?:<!--|<!\[CDATA\[)?\s*(?:\*/)?")
_CLOSINGS = ("-->", "]]>", "//", "/*", "*/", ";")
# A string that nothing closes reaches to the end: so no quote is looked at twice.
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"?'
_STRINGS_AND_COMMAS = re.compile(rf"({_STRING})|,(?=\s*[\]}}])", re.DOTALL)
_STRINGS_AND_BRACKETS = re.compile(rf"{_STRING}|[\[{{]|[\]}}]", re.DOTALL)
_STRINGS_AND_LINES = re.compile(rf"{_STRING}|[{{}}\n]", re.DOTALL)
_CONTROLS = re.compile("[\0-\x1f]")


def scripts(page: Page, doubts: list[Doubt]) -> list[Thing]:
    """Read the page's JSON-LD scripts; one that is broken is passed over with a doubt."""
    found: list[Thing] = []
    for script in page.tree.iter("script"):
        if "ld+json" not in (script.get("type") or "").lower():
            continue
        line = page.line(script)
        text = script.text or ""
        try:
            value = decode(text, line)
        except BadItemError as error:
            if text.strip():
                doubts.append(Doubt("bad-script", f"a JSON-LD script cannot be read: {error}", line))
            continue
        found.extend(walk(value))
    return merged(found)


def decode(text: str, line: int | None) -> Any:
    """Decode one script, with the harmless faults that pages have: comments round it, commas too many, line breaks.

    Args:
        text: what stands in the script.
        line: on which it begins.

    Returns:
        JSON whose objects are things.

    Raises:
        BadItemError: it is no JSON, or nested deeper than any page's.
    """
    if _depth(text) > DEEPEST:
        raise BadItemError(f"it is nested over {DEEPEST} levels deep")
    text = _unwrapped(text)
    try:
        value = read_json(text)
    except BadItemError as error:
        text = _mended(text)
        try:
            value = read_json(text)
        except BadItemError:
            raise error from None
    return _normal(value, iter(_opening_lines(text, line)))


def walk(value: Any) -> Iterator[Thing]:
    """Give every thing in ``value``, outer ones first."""
    if isinstance(value, dict):
        yield value
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for member in members:
        if isinstance(member, dict | list):
            yield from walk(member)


def merged(things: list[Thing]) -> list[Thing]:
    """Merge halves of one thing: same ``@id``, types that meet, and nothing said twice in two ways.

    References (a thing with nothing but an ``@id``) become what they refer to. Things are changed in place, so whoever
    holds one holds all of it.
    """
    homes: dict[str, Thing] = {}
    twins: list[tuple[Thing, Thing]] = []
    for thing in sorted(things, key=_is_reference):
        identity = thing.get("@id")
        if not isinstance(identity, str) or not identity:
            continue
        home = homes.setdefault(identity, thing)
        if home is not thing and (_is_reference(thing) or _is_same(home, thing)):
            _pour(thing, home)
            twins.append((thing, home))
    for thing, home in twins:
        thing.update(home)
    return things


def each(value: Any) -> Iterator[Any]:
    """Give the members of a list, of lists in it, or the value itself; nothing for None."""
    if isinstance(value, list):
        for member in value:
            yield from each(member)
    elif isinstance(value, dict) and ("@list" in value or "@set" in value):
        yield from each(value.get("@list") or value.get("@set"))
    elif value is not None:
        yield value


def is_a(thing: Thing, *types: str) -> bool:
    """Tell whether a thing is of one of ``types`` (lower case)."""
    return any(kind in types for kind in thing.get("@type", ()))


def vocabulary_name(name: str) -> str:
    """Give a name of the vocabulary in lower case, without the vocabulary's address."""
    return _VOCABULARY.sub("", name.strip(), count=1).lower()


def _is_reference(thing: Thing) -> bool:
    return not (thing.keys() - {"@id", "@line"})


def _is_same(one: Thing, other: Thing) -> bool:
    kinds, others = set(one.get("@type", ())), set(other.get("@type", ()))
    if kinds and others and not kinds & others:
        return False  # a page and the live blog on it are often given one @id
    return all(
        one[name] == value
        for name, value in other.items()
        if name in one and name != "@line" and isinstance(value, str | int | float)
    )


def _pour(thing: Thing, home: Thing) -> None:
    for name, value in thing.items():
        if name not in home:
            home[name] = value
        elif name == "liveblogupdate" and home[name] != value:
            home[name] = [home[name], value]


def _normal(value: Any, lines: Iterator[int | None]) -> Any:
    """Make things of objects, inner ones first: in the order in which they close, as ``lines`` has them."""
    if isinstance(value, list):
        return [_normal(member, lines) for member in value]
    if not isinstance(value, dict):
        return value
    thing: Thing = {}
    for name, member in value.items():
        thing.setdefault(vocabulary_name(name), _normal(member, lines))
    thing["@type"] = [vocabulary_name(kind) for kind in each(thing.get("@type")) if isinstance(kind, str)]
    if not thing["@type"]:
        del thing["@type"]
    thing["@line"] = next(lines, None)
    return thing


def _opening_lines(text: str, line: int | None) -> list[int | None]:
    """List the lines on which objects open, in the order in which they close."""
    if line is None:
        return []
    opened: list[int] = []
    closed: list[int | None] = []
    for match in _STRINGS_AND_LINES.finditer(text):
        match match[0]:
            case "{":
                opened.append(line)
            case "}" if opened:
                closed.append(opened.pop())
            case "\n":
                line += 1
            case string:
                line += string.count("\n")
    return closed


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _STRINGS_AND_BRACKETS.finditer(text):
        if match[0] in {"[", "{"}:
            depth += 1
            deepest = max(deepest, depth)
        elif match[0] in {"]", "}"}:
            depth -= 1
    return deepest


def _unwrapped(text: str) -> str:
    """Take away the comment marks by which pages hide a script from old browsers."""
    text = text[opening.end() :] if (opening := _OPENING.match(text)) else text
    text = text.rstrip()
    while closing := next((mark for mark in _CLOSINGS if text.endswith(mark)), None):
        text = text.removesuffix(closing).rstrip()
    return text


def _mended(text: str) -> str:
    """Mend what templates get wrong: quotes as entities, line breaks inside strings, a comma after the last member."""
    if '"' not in text and "&quot;" in text:
        text = unescape(text)
    return _STRINGS_AND_COMMAS.sub(lambda match: _escaped(match[1]) if match[1] else "", text)


def _escaped(string: str) -> str:
    return _CONTROLS.sub(lambda match: json.dumps(match[0])[1:-1], string)
