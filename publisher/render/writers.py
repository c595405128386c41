"""The forms that ``publisher convert`` writes: each reads back to the same story."""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.render import jsonl, markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from publisher.sources.reading import Reading

WRITERS: Mapping[str, Callable[[Reading], str]] = {"jsonl": jsonl.write, "markdown": markdown.write}
"""By the name that ``--to`` takes, which is also the format's."""
