"""Text for a terminal: tables with aligned columns, and data without control characters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

CELL_CHARACTERS = 60
"""Characters of a cell that are shown; the last column is shown whole."""


def table(names: tuple[str, ...], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Return lines with aligned columns; long cells are truncated, except in the last column."""
    listed = [[printable("" if cell is None else str(cell)) for cell in row] for row in rows]
    last = len(names) - 1

    def short(position: int, cell: str) -> str:
        return cell if position == last or len(cell) <= CELL_CHARACTERS else cell[: CELL_CHARACTERS - 1] + "…"

    cut = [[short(position, cell) for position, cell in enumerate(row)] for row in listed]
    widths = [max(len(cell) for cell in column) for column in zip(names, *cut)]
    for row in (names, *cut):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def printable(text: str) -> str:
    """Escape control characters, so that data cannot control the terminal."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
