"""The state of an Explorer, independent of the notebook: columns, label issues, decisions and media of one run.

`widgets.requests`, `widgets.view.queues` and `widgets.view.shown` operate on a `View`; its channel connects the widget.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.view.columns import Column, plain_cells, rows_in_order, view_columns
from widgets.view.comparing import Compared, compared
from widgets.view.decisions import Decisions
from widgets.view.details import Details
from widgets.view.judging import unit_issues
from widgets.view.media import Media
from widgets.view.placing import columns_of_map
from widgets.view.projecting import Projector
from widgets.view.sets import learned_columns
from widgets.view.tags import TagColumns
from widgets.view.token_maps import token_columns
from widgets.view.views import Views
from widgets.wire.keymaps import checked
from workbench.foundation.errors import InputError, plain_scalar
from workbench.issues.per_example import examples_of_units

if TYPE_CHECKING:
    import pandas as pd

    from widgets.view.rendering import Row
    from widgets.wire.channel import Channel
    from widgets.wire.shapes import KeysInfo
    from workbench.runs.run import Run
    from workbench.scores.ensemble import Ensemble


OWN_ORDER = "own"
"""Name of the order of a queue that the user passed as ids."""


class View:
    """Data of one open view, and conversion between rows and ids.

    Parameters
    ----------
    channel : the widget's traits, and the connection to its pages.
    run : the displayed run. issues, scores : indexed by id, all n rows.
    author : author of decisions. alone : whether only this author's decisions count.
    keymap : as returned by `widgets.wire.keymaps.checked`. blind : whether to hide what reveals the suggestion until
        the example is judged.
    render : the user's function of a row. other : a second run on the same examples. pool : the ensemble whose first
        run is `run`.

    Attributes
    ----------
    run, dataset, issues, scores : the displayed data. decisions : the journal as arrays. columns : see `view_columns`.
    order : (n,) int32 rows, most suspicious first. issue : (n,) bool. suggested : (n,) int32, -1 = none.
    p_error, p_suggested : (n,) float32, NaN if unknown. reasons : (n,) str or None.
    own_queue : ids of a queue passed by the user, or None. queue_order : name of the queue's order, or `OWN_ORDER`.
    slices : (n,) bool mask and description by name; None until requested.
    doubts : if examples have several units, `find_issues(run, per="unit")` sorted by example, with those of row i in
        doubts_at[i] to doubts_at[i + 1] - 1; else None.
    """

    def __init__(
        self,
        channel: Channel,
        run: Run,
        issues: pd.DataFrame,
        scores: pd.DataFrame,
        *,
        author: str | None = None,
        alone: bool = False,
        keymap: KeysInfo | None = None,
        blind: bool = False,
        render: Callable[[Row], object] | None = None,
        other: Run | None = None,
        pool: Ensemble | None = None,
    ) -> None:
        self.channel, self.traits = channel, channel.traits
        self.run, self.dataset, self.scores = run, run.dataset, scores
        self.keymap: KeysInfo = checked(None) if keymap is None else keymap
        self.blind, self.other, self.pool = blind, other, pool
        self.own_queue: list[Any] | None = None
        self.queue_order = OWN_ORDER
        self.decisions = Decisions(run, author, channel.decided, self._take_space, alone=alone)
        self.media = Media(self.dataset, render)
        self.named_views = Views(getattr(run, "views_path", run.path / "views.json"))
        self.projector = Projector(run, channel.send, other)
        self._haystack: np.ndarray | None = None
        self.doubts: pd.DataFrame | None = None
        self.show_issues(issues)

    def show_issues(self, issues: pd.DataFrame) -> None:
        """Show these label issues, of examples or of units, and update everything that depends on them."""
        units = None
        if issues.index.nlevels == 2:
            units, issues = examples_of_units(issues, self.dataset)
        order = rows_in_order(self.dataset, issues)
        self.issues = issues
        self.columns: dict[str, Column] = view_columns(self.dataset, issues, self.scores)
        if not self.dataset.kind.one_class:
            self._doubt_units(unit_issues(self.run, self.only) if units is None else units)
        for column in (*learned_columns(self.run), *token_columns(self.run)):
            self.columns.setdefault(column.name, column)
        for column in columns_of_map(self.dataset, self.columns, self.doubts):
            self.columns.setdefault(column.name, column)
        self._take_space()
        self.compared: Compared | None = None
        if self.other is not None:
            self.compared = compared(self.run, self.other, issues, self.only)
        for name, column in (self.compared.columns if self.compared else {}).items():
            self.columns.setdefault(name, column)
        self.order = self.dataset.rows(issues.index.to_numpy()).astype(np.int32)
        self.issue = issues["is_issue"].to_numpy(bool)[order]
        nothing = {"suggested_label": np.int32(-1), "p_error": np.float32(np.nan), "p_suggested": np.float32(np.nan)}
        self.suggested, self.p_error, self.p_suggested = (
            self.columns[name].values if name in self.columns else np.full(self.dataset.n, value)
            for name, value in nothing.items()
        )
        self.reasons = issues["reasons"].fillna("").to_numpy(object)[order]
        kinds = issues["reason_kinds"].to_numpy(object)[order] if "reason_kinds" in issues else None
        provenance = issues.attrs.get("provenance")
        self.details = Details(self.run, self.reasons, kinds, self.suggested, self.media, self.pool, provenance)
        self.slices: dict[str, tuple[np.ndarray, str]] | None = None
        if self.dataset.task == "multilabel":
            self.columns = TagColumns(self.columns, self.dataset, self.doubts)

    def _doubt_units(self, found: pd.DataFrame | None) -> None:
        """Sort the results for units by example, so that those of one example are found quickly."""
        self.doubts = None
        if found is not None:
            ordered = found.iloc[np.argsort(found["row"].to_numpy(), kind="stable")]  # the most doubtful first in each
            self.doubts_at = np.searchsorted(ordered["row"].to_numpy(), np.arange(self.dataset.n + 1))
            units: dict[int, set[str]] = {}
            marked = ordered["is_issue"].to_numpy(bool)
            keys = ordered.index.get_level_values("unit")[marked]
            for row, key in zip(ordered["row"].to_numpy()[marked].tolist(), keys):
                units.setdefault(row, set()).add(str(key))
            self.decisions.doubt(units)
            self.doubts = ordered

    def _take_space(self) -> None:
        """Update the categories of current labels after classes were added."""
        if self.dataset.kind.one_class:
            self.columns["label"] = dataclasses.replace(self.columns["label"], categories=self.decisions.space.classes)

    @property
    def doubted(self) -> bool:
        """Whether there is any evidence about which labels are wrong."""
        return "p_error" in self.columns

    @property
    def ordered(self) -> bool:
        """Whether there are label issues to review in their order, with probabilities or without."""
        return self.doubted or bool(self.issue.any())

    @property
    def only(self) -> str | None:
        """The author whose verdicts alone count in a second opinion; None if the verdicts of all authors count."""
        return self.decisions.who if self.decisions.alone else None

    def row(self, value: Any) -> int:
        """Check a row number from a message."""
        row = int(value)
        if not 0 <= row < self.dataset.n:
            raise InputError.at("row", f"is {row}", f"Use 0 to {self.dataset.n - 1}.")
        return row

    def rows_of_queue(self) -> np.ndarray:
        """Return the rows to review, (m,) int32."""
        return self.dataset.rows(self.traits.queue).astype(np.int32) if self.traits.queue else np.empty(0, np.int32)

    def mask_of(self, ids: list[Any]) -> np.ndarray:
        """Return a mask (n,) of ids."""
        mask = np.zeros(self.dataset.n, bool)
        if len(ids):
            mask[self.dataset.rows(ids)] = True
        return mask

    def known_ids(self, field: str, value: Any) -> list[Any]:
        """Return the list of known ids from a value that a user passed as `field`."""
        if value is None or isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise InputError.at(field, f"is {value!r}", "Pass a sequence of ids; [] for none.")
        ids = [plain_scalar(one) for one in value]
        return self.dataset.ids[self.dataset.rows(ids)].tolist() if ids else []

    def those_known(self, ids: list[Any]) -> list[Any]:
        """Return the ids that are in the dataset, in the given order."""
        known = self.decisions.rows_of(set(map(plain_scalar, ids)))
        return [one for one in map(plain_scalar, ids) if one in known]

    def live_values(self, name: str) -> np.ndarray:
        """Return the values (n,) of a column; the current label and the verdict follow the journal."""
        if name == "label":
            return self.decisions.labels
        return self.decisions.verdict.astype(np.int32) if name == "verdict" else self.columns[name].values

    def words(self) -> np.ndarray:
        """Return lower-case texts (n,) for word search: id, given label, text and other text columns."""
        if self._haystack is None:
            given = self.dataset.kind.to_column(self.dataset.labels, self.dataset.classes)
            parts = [self.dataset.ids.astype(str), given.astype(str)]
            parts += [plain_cells(c) for _, c in self.dataset.metadata.items() if c.dtype.kind not in "fiub"]
            self._haystack = np.array(
                ["\n".join("" if one is None else str(one) for one in line).lower() for line in zip(*parts)], object
            )
        return self._haystack
