"""The days of posts of which only the page's head or its address tells them: by now they may read as another's. Pure.

A stamp such as ``Updated`` moves when somebody touches a page that has long been finished; a page that is said to begin
on Monday, and shows its newest posts only, has its oldest on Monday for ever. What is out tells such a page's days.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from publisher.sources.matching import DAYLESS
from publisher.sources.minting import MINUTE, Mint, as_told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from publisher.sources.matching import Version
    from publisher.sources.saves import Held
    from shared.post import Post

_DAY = timedelta(days=1)


def at_known_times(
    earlier: Sequence[Version], coming: Sequence[Held], pairs: Mapping[int, int]
) -> list[tuple[Held, Post | None]]:
    """Give each post as of when it appeared, with the version of it that is out; None for a new one.

    What is out keeps its time. What is new on such a page is as many days off as what is out and stands before it or,
    where nothing does, after it.
    """
    out = {new: earlier[old].post for new, old in pairs.items()}
    off = {
        place: _DAY * round((post.story_time - coming[place].post.story_time) / _DAY)
        for place, post in out.items()
        if coming[place].told.time_source in DAYLESS
    }
    days = off[min(off)] if off else timedelta()
    mint = Mint()
    known: list[tuple[Held, Post | None]] = []
    for place, one in enumerate(coming):
        days, post, before = off.get(place, days), one.post, out.get(place)
        if before is not None:
            post = as_told(post, before.id, before.story_time)
        elif days and one.told.time_source in DAYLESS:
            moment = post.story_time + days
            words = post.title or post.content_text
            post = as_told(post, mint.id(moment, words) if MINUTE.match(post.id) else post.id, moment)
        known.append((replace(one, post=post), before))
    return known
