"""The root of every error that newsreel tells a person about."""

from __future__ import annotations


class NewsreelError(Exception):
    """Something a person can mend.

    The message is one line: what is wrong, where (a URL, or a file and line), how to mend it. ``exit_code``
    follows the product's contract: 1 failed while working, 2 wrong usage, configuration or a refused source.
    """

    exit_code = 1


class UsageError(NewsreelError):
    """Wrong usage or configuration, or a source that is refused."""

    exit_code = 2
