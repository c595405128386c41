"""Blocks: the pieces of a page's HTML that hold one post each, found by how pages mark them.

First by name (``itemprop="liveBlogUpdate"``, ``id="block-…"``, ``data-post-id``, classes like ``liveblog-post``); else
as the children of one element that each hold a time; else, where posts are not wrapped, as what stands between two
times.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from publisher.sources.html.block import bare_key, keys_of, moments_in, read_block, spoken_time, spoken_times
from publisher.sources.html.labels import HEADINGS, classes, instant_of, is_edit_label, label_of
from publisher.sources.html.words import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lxml.html import HtmlElement

    from publisher.sources.html.page import Page
    from publisher.sources.html.update import Update

Group = list["HtmlElement"]
"""Elements that follow one another and hold one post."""

_NAMED_ID = re.compile(
    r"(block|update|post|entry|liveblog(?:-?(?:post|entry|update))?|lb|card)[-_][\w-]*[0-9a-f]", re.IGNORECASE
)
_NAMED_CLASS = re.compile(
    r"(?:(?:live-?(?:blog|feed|coverage|ticker)?|lb|blog|ticker|timeline|stream|feed|chronology|minute)[-_]*"
    r"(?:post|entry|update|item|block|card|event|message)|live-?blog-?__?\w*(?:post|entry|update|item|block|card))",
    re.IGNORECASE,
)
_NAMED_ATTRIBUTES = (
    "data-post-id", "data-block-id", "data-update-id", "data-entry-id", "data-liveblog-post-id", "data-liveblog-id",
    "data-posted-date-timestamp", "data-card-id",
)  # fmt: skip
_WEIGHED = 200
"""Blocks of a kind that are weighed; they stand for the others."""
_MOST_COUNTED = 500
"""Characters of one block that speak for its being a post."""


def read_blocks(page: Page, updates: Sequence[Update]) -> list[Update]:
    """Read the page's blocks, in its order. The tree is used up: what was read is taken out of it.

    Args:
        page: the page.
        updates: what the markup says of the same posts. Without any, only blocks that show a time are blocks.
    """
    keys = {key for update in updates for given in update.keys for key in (given, bare_key(given))}
    times = not updates
    candidates = [(2, groups) for groups in (*_named(page), _keyed(page, keys))]
    candidates += [(1, groups) for groups in _siblings(page)]
    # A name is worth as much as the words: strips of clocks and teasers beside the posts have none.
    weighed = [(worth * _weight(groups, times=times), groups) for worth, groups in candidates]
    weight, best = max(weighed, key=lambda one: one[0], default=(0, []))
    return [read_block(page, group) for group in best] if weight else []


def _keyed(page: Page, keys: set[str]) -> list[Group]:
    """Give the elements that bear the name of an update."""
    return [[element] for element in page.tree.iter("*") if keys.intersection(keys_of([element]))] if keys else []


def _named(page: Page) -> Iterator[list[Group]]:
    """Give the elements that pages name as posts, by kind of name; of nested ones the outermost."""
    kinds: dict[str, list[HtmlElement]] = defaultdict(list)
    members: dict[str, set[HtmlElement]] = defaultdict(set)
    for element in page.tree.iter():
        if not isinstance(element.tag, str):
            continue
        for kind in _kinds(element):
            if not any(above in members[kind] for above in element.iterancestors()):
                kinds[kind].append(element)
                members[kind].add(element)
    for elements in kinds.values():
        yield [[element] for element in elements]


def _kinds(element: HtmlElement) -> list[str]:
    kinds = [name for name in _NAMED_ATTRIBUTES if element.get(name)]
    if element.tag == "bsp-liveblog-post" or "liveblogupdate" in (element.get("itemprop") or "").lower():
        kinds.append("markup")
    if match := _NAMED_ID.fullmatch(element.get("id") or ""):
        kinds.append(f"#{match[1].lower()}")
    if element.tag in {"article", "section", "div", "li"}:
        kinds.extend(f".{name}" for name in classes(element) if _NAMED_CLASS.fullmatch(name))
    return kinds


def _siblings(page: Page) -> Iterator[list[Group]]:
    """Give children of one element that each hold a time, for the elements that have two or more."""
    holders: dict[HtmlElement, dict[HtmlElement, None]] = defaultdict(dict)
    seen: set[HtmlElement] = set()
    for time in page.tree.iter("*"):
        found = (instant_of(time) if time.tag == "time" else None) or spoken_time(time)
        label = label_of(time) if found else None
        if label is None or is_edit_label(time, label) or _is_aside(time):
            continue
        child = time
        while child not in seen and (parent := child.getparent()) is not None:
            seen.add(child)
            holders[parent][child] = None
            child = parent
    for parent, children in holders.items():
        if len(children) > 1:
            labels = [child for child in children if _is_bare(child)]
            if 2 * len(labels) > len(children):
                yield list(_between(parent, list(children)))
            else:
                yield [[child] for child in children]


def _between(parent: HtmlElement, marks: list[HtmlElement]) -> Iterator[Group]:
    """Part the children of ``parent`` at its times; where headings stand right before the times, at the headings."""
    openers = list(marks)
    before = [mark.getprevious() for mark in marks]
    if 2 * sum(one is not None and one.tag in HEADINGS for one in before) > len(marks):
        openers = [
            one if one is not None and one.tag in HEADINGS else mark for one, mark in zip(before, marks, strict=True)
        ]
    opening = set(openers)
    group: Group = []
    for child in parent:
        if child in opening:
            if group:
                yield group
            group = []
        if group or child in opening:
            group.append(child)
    if group:
        yield group


def _is_bare(child: HtmlElement) -> bool:
    """Tell whether an element is nothing but the label of its time."""
    times = [child] if child.tag == "time" else list(child.iter("time"))
    label = label_of(times[0]) if times else None
    return label is not None and (label is child or any(above is label for above in [child, *child.iterancestors()]))


def _is_aside(element: HtmlElement) -> bool:
    return any(above.tag in UNSEEN or above.tag in {"aside", "blockquote"} for above in element.iterancestors())


def _weight(groups: list[Group], *, times: bool) -> int:
    """Weigh blocks: how much the ones that show a time say. One block without a name is no live blog."""
    if not groups or (times and len(groups) < 2 and not _kinds(groups[0][0])):
        return 0
    weight = 0
    sample = groups[:_WEIGHED]
    for group in sample:
        appeared = {instant.minute for instant, edit in moments_in(group) if not edit}
        zoned = sum(minute.tzinfo is not None for minute in appeared)
        clocks = set() if appeared else {found for _, found in spoken_times(group)}
        if zoned > 1 or len(appeared) - zoned > 1 or len(clocks) > 1 or (times and not appeared and not clocks):
            continue  # several posts, or none
        weight += 1 + sum(min(len(" ".join(element.text_content().split())), _MOST_COUNTED) for element in group)
    return weight * len(groups) // len(sample)
