"""Columns of fixed widths, for lists as long as a story. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions

GAP = 2
"""Columns of the screen between two columns, and by which what stands under something is indented."""

Cell = Text | tuple[Text, Text]
"""A text without line ends; of two the second stands under the first."""


@dataclass(frozen=True, slots=True)
class Column:
    """How many columns of the screen one takes; ``right`` aligns what stands in it, as is the custom for numbers."""

    width: int
    right: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows, whose cells go on below where they are too long for their column. Nothing is cut off.

    ``rich.table`` lays out each cell as if it were a screen of its own, which for 20,000 posts takes longer than to
    read them.
    """

    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> Iterator[Segment]:
        """Render for rich."""
        for row in self.rows:
            cells = [_lines(cell, column.width, console) for cell, column in zip(row, self.columns, strict=False)]
            for line in zip_longest(*cells, fillvalue=Text()):
                yield from self._joined(line, console)
                yield Segment.line()

    def _joined(self, cells: Iterable[Text], console: Console) -> Iterator[Segment]:
        at = start = 0
        for cell, column in zip(cells, self.columns, strict=False):
            if cell:
                width = cell.cell_len
                begin = start + (column.width - width if column.right else 0)
                yield Segment(" " * (begin - at))
                # A text renders its spans only; its own style is for who renders it.
                yield from cell.render(console) if cell.spans else [Segment(cell.plain, console.get_style(cell.style))]
                at = begin + width
            start += column.width + GAP


def _lines(cell: Cell, width: int, console: Console) -> list[Text]:
    if not isinstance(cell, Text):
        above, below = cell
        indented = (Text(" " * GAP) + line for line in _lines(below, width - GAP, console))
        return [*_lines(above, width, console), *indented]
    if cell.cell_len <= width:
        return [cell]
    lines = cell.wrap(console, width, overflow="fold")
    for line in lines:
        line.rstrip()
    return [*lines]
