"""Judge pairs of tags (or other items) of an example one by one, and save the judgements in a file."""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import ipywidgets as W
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.storage.tables import read_table, write_table

JUDGED_COLUMNS = ["row", "winner", "loser"]


class PairJudge(W.VBox):
    """Widget that shows an example, a question and two buttons; pressing one chooses it and shows the next pair.

    Parameters
    ----------
    pairs : (row, one, other) of each pair to be judged; or a dict of row (number or id of an example) to its tags,
        whose pairs are then judged example by example.
    question : text above the buttons.
    show : function of the row that returns the text or widget to show; by default the row itself.
    path : .csv, .jsonl or .parquet file for the judgements, rewritten after each one; pairs that it already contains
        are skipped.

    Attributes
    ----------
    judgements : DataFrame with columns row, winner, loser, for `workbench.tags.rank_relevance`.
    current : the displayed pair, (row, one, other), or None once all are judged.

    Raises
    ------
    InputError : a pair of equal items, or a file without the three columns.

    Examples
    --------
    >>> judge = PairJudge({"beach.jpg": ["sea", "dog", "sky"]})
    >>> judge.choose("sea")
    >>> judge.current, len(judge.judgements)
    (('beach.jpg', 'sea', 'sky'), 1)
    """

    def __init__(
        self, pairs: Any, *, question: str = "Which one is more relevant?",
        show: Callable[[Any], str | W.Widget] | None = None, path: str | Path | None = None,
    ) -> None:  # fmt: skip
        self._pairs = list(_pairs(pairs))
        for place, (row, one, other) in enumerate(self._pairs):
            if one == other:
                raise InputError.at("pairs", f"compares {one!r} with itself, for {row!r}", "Remove it.", row=place)
        self._show, self._path = show or str, None if path is None else Path(path)
        self._judged: list[tuple[Any, str, str]] = _kept(self._path)
        self._buttons = [W.Button(layout={"width": "auto", "min_width": "140px"}) for _ in range(2)]
        for place, button in enumerate(self._buttons):
            button.on_click(lambda _, place=place: self._press(place))
        self._skip, self._back = W.Button(description="Skip"), W.Button(description="Back")
        self._skip.on_click(lambda _: self.skip())
        self._back.on_click(lambda _: self.undo())
        known = {frozenset((row, one, other)) for row, one, other in self._judged}
        self._left = [pair for pair in self._pairs if frozenset(pair) not in known]
        self._done: list[tuple[tuple[Any, str, str], bool]] = []
        self._place, self._count = W.VBox(), W.HTML()
        title = W.HTML(f"<b>{html.escape(question)}</b>")
        super().__init__([self._place, title, W.HBox(self._buttons), W.HBox([self._skip, self._back, self._count])])
        self._turn()

    @property
    def judgements(self) -> pd.DataFrame:
        """The judgements so far: row, winner, loser."""
        return pd.DataFrame(self._judged, columns=JUDGED_COLUMNS)

    @property
    def current(self) -> tuple[Any, str, str] | None:
        """The displayed pair."""
        return self._left[0] if self._left else None

    def choose(self, winner: str) -> None:
        """Judge the displayed pair; `winner` is one of its two items.

        Raises
        ------
        InputError : `winner` is neither of them, or no pair is left.
        """
        if self.current is None or winner not in self.current[1:]:
            raise InputError.unknown("choice", winner, () if self.current is None else self.current[1:])
        row, one, other = self.current
        self._judged.append((row, winner, other if winner == one else one))
        self._next(True)

    def skip(self) -> None:
        """Skip the displayed pair without a judgement."""
        if self.current is not None:
            self._next(False)

    def undo(self) -> None:
        """Go back to the previous pair, and remove its judgement."""
        if self._done:
            pair, judged = self._done.pop()
            self._left.insert(0, pair)
            if judged:
                self._judged.pop()
                self._save()
            self._turn()

    def _next(self, judged: bool) -> None:
        self._done.append((self._left.pop(0), judged))
        if judged:
            self._save()
        self._turn()

    def _save(self) -> None:
        if self._path is not None:
            write_table(self.judgements, self._path, force=True)

    def _press(self, place: int) -> None:
        if self.current is not None:
            self.choose(self.current[1 + place])

    def _turn(self) -> None:
        """Show the next pair."""
        pair = self.current
        for button, name in zip(self._buttons, pair[1:] if pair else ("", "")):
            button.description, button.disabled = str(name), pair is None
        self._skip.disabled, self._back.disabled = pair is None, not self._done
        left = len(self._left)
        self._count.value = (
            f"{len(self._judged)} judged, {left} left" if left else f"All done: {len(self._judged)} judged"
        )
        shown = "" if pair is None else self._show(pair[0])
        self._place.children = [shown if isinstance(shown, W.Widget) else W.HTML(html.escape(str(shown)))]


def _pairs(pairs: Any) -> Iterable[tuple[Any, str, str]]:
    if isinstance(pairs, dict):
        return ((row, one, other) for row, tags in pairs.items() for one, other in itertools.combinations(tags, 2))
    return ((row, one, other) for row, one, other in pairs)


def _kept(path: Path | None) -> list[tuple[Any, str, str]]:
    if path is None or not path.exists():
        return []
    frame = read_table(path)
    for name in JUDGED_COLUMNS:
        if name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns, f"{path.name} must hold judgements.")
    return list(frame[JUDGED_COLUMNS].itertuples(index=False, name=None))
