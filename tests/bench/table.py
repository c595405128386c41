"""Tables of medians with their spread, in Markdown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Write the median, and least and most behind it."""
    if not values:
        return "–"
    middle = number(statistics.median(values), digits)
    return middle if len(values) == 1 else f"{middle} ({number(min(values), digits)}–{number(max(values), digits)})"


def number(value: float, digits: int = 3) -> str:
    """Write a number with as many significant digits, thousands parted."""
    if value == 0:
        return "0"
    whole = f"{value:.{digits}g}"
    return f"{round(float(whole)):,}" if abs(value) >= 10 ** (digits - 1) else f"{float(whole):g}"


def markdown(heads: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Write a table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    lines += ["| " + " | ".join(row.get(head, "–") for head in heads) + " |" for row in rows]
    return "\n".join(lines)
