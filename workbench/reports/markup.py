"""HTML elements shared by the sections of a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape


def table_html(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table whose cells are already HTML; `numbers` are the columns of numbers."""

    def cells(tag: str, values: Sequence[str]) -> Iterator[str]:
        for place, value in enumerate(values):
            yield f"<{tag}{' class=n' if place in numbers else ''}>{value}</{tag}>"

    head = "".join(cells("th", [escape(name) for name in heads]))
    body = "".join(f"<tr>{''.join(cells('td', row))}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def short_share(p: float) -> str:
    """A probability with two digits."""
    return "–" if p != p else ".99+" if p > 0.995 else "<.01" if p < 0.005 else f"{p:.2f}".removeprefix("0")
