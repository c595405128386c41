"""What is wrong with a value that somebody wrote, in plain words. Pydantic's own are for programmers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shared.text import clean_line

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Form = Literal["TOML", "JSON"]

_TABLE = {
    "TOML": "no table; write its keys below a line with its name in brackets",
    "JSON": "no object; write its members in braces",
}
_WORDS = {  # by the beginnings of pydantic's types of errors
    "int_": "{shown} is no whole number; write one, such as 100",
    "float_": "{shown} is no number; write one, such as 5 or 0.5",
    "finite_number": "{shown} is no number; write one, such as 5 or 0.5",
    "bool_": "{shown} is neither true nor false; write one of them",
    "string_type": "{shown} is no text; write it in quotation marks",
    "path_type": "{shown} is no path; write it in quotation marks",
    "tuple_type": '{shown} is no list; write it in brackets, such as ["a", "b"]',
    "list_type": '{shown} is no list; write it in brackets, such as ["a", "b"]',
    "model_": "{shown} is {table}",
    "dict_": "{shown} is {table}",
    "greater_than_equal": "{shown} is too small; write {ge:g} or more",
    "less_than_equal": "{shown} is too large; write {le:g} or less",
    "literal_error": "{shown} is not known; write {expected}",
    "too_short": "{shown} is too short; write at least {min_length}",
    "string_too_long": "{shown} is too long; write {max_length} characters or fewer",
    "missing": "is missing",
}
_MOST_SHOWN = 80


def worded(error: ErrorDetails, form: Form) -> str:
    """Say what stands there and what to write, in one line that does not name the place.

    Args:
        error: one of those of a pydantic ``ValidationError``.
        form: in which it was written.
    """
    words = next((words for beginning, words in _WORDS.items() if error["type"].startswith(beginning)), None)
    if words is None:
        return clean_line(error["msg"].removeprefix("Value error, "))
    return words.format(shown=_shown(error["input"], form), table=_TABLE[form], **error.get("ctx", {}))


def _shown(given: object, form: Form) -> str:
    """Write a value as its reader finds it, cut if need be."""
    match given:
        case bool():
            return str(given).lower()
        case None:
            return "null"
        case dict():
            return "a table" if form == "TOML" else "an object"
    text = clean_line(repr(given) if isinstance(given, str) else str(given))
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
