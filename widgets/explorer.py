"""The linked view of a run: maps, filters, gallery, inspector and review queue in one widget.

Everything that is shown can be had without it (`workbench.score`, `workbench.find_issues`, `run.project`, ...); this
module passes arrays to the page, answers its questions (one answer each, an error is an answer) and hands decisions
to the journal. Synced state stays small: arrays and media cross in messages, never in the widget's state, so that a
saved notebook does not grow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anywidget
import numpy as np
import traitlets as T

from widgets.keymaps import checked
from widgets.masks import packed
from widgets.queues import queue_rows
from widgets.requests import answer
from widgets.suspects import rank_again, scores_of, suspects
from widgets.view import View
from workbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from workbench.run import Run

HERE = Path(__file__).parent


class Ids(T.TraitType):
    """A list of ids; the widget checks them against its data set."""

    info_text = "a sequence of ids"
    default_value: tuple = ()


class Explorer(anywidget.AnyWidget, View):
    """See, sort and relabel the doubtful examples of a run.

    Parameters
    ----------
    run : Run, or the path of a run directory.
    issues, scores : DataFrame indexed by id, optional
        As from `workbench.find_issues(run)` and `workbench.score(run)`, which are called when they are not given; the
        first opening of a run may take some seconds, later ones read the result from the run's cache.
    queue : str or a sequence of ids
        What to review: an order of `workbench.queue` ("suspicion", "pairs", "clusters", "annotators", "second",
        "random", "audit", "all"), the name of a column on show, or examples of your own choice in your order.
    author : str, optional
        Who decides, in the journal; the login name when not given.
    second_opinion : bool
        Show this author's decisions only, and review (unless `queue` says otherwise) what others have judged;
        `workbench.agreement(run)` then says how far the opinions agree.
    keymap : "default", "prodigy" or dict of action to key or list of keys, optional
        A dict is laid over the default; see `widgets.keymaps`.
    color_by : str
        Column that colours the points at first.
    blind : bool
        Hide the suggestion until a choice was made.
    height : int
        Height in pixels of the part with the maps.

    Attributes
    ----------
    selection : list of ids; observable, settable with any sequence of ids. Empty means nothing is selected.
    current : id of the example on show, or None; settable.
    queue : list of ids in review order; settable.
    color_by : name of a column; observable, settable.
    filters : dict of column to [low, high] or list of categories; "search" to a text; observable, settable.
    changes : DataFrame of what differs from the given labels. run : the Run.
    """

    _esm = HERE / "explorer.js"
    _css = HERE / "explorer.css"

    selection = Ids(help="ids of the selected examples").tag(sync=False)
    current = T.Any(None, allow_none=True, help="id of the example on show").tag(sync=False)
    queue = Ids(help="ids to review, in order").tag(sync=False)
    color_by = T.Unicode("p_error").tag(sync=True)
    filters = T.Dict().tag(sync=True)
    height = T.Int(540).tag(sync=True)
    webgl = T.Bool(True).tag(sync=True)

    def __init__(
        self,
        run: Run | str | Path,
        *,
        issues: pd.DataFrame | None = None,
        scores: pd.DataFrame | None = None,
        queue: str | Sequence[object] | None = None,
        author: str | None = None,
        second_opinion: bool = False,
        keymap: str | Mapping[str, object] | None = None,
        color_by: str = "p_error",
        blind: bool = False,
        height: int = 540,
    ) -> None:
        from workbench.run import open_run

        opened: Run = open_run(run) if isinstance(run, (str, Path)) else run
        self._made = self._from_page = False  # nothing is sent while the widget is being made
        self._loop = _running_loop()
        self.keymap, self.blind = checked(keymap), blind
        issues = suspects(opened) if issues is None else issues
        self.open_run(opened, issues, scores_of(opened) if scores is None else scores, author, second_opinion)
        if color_by == "p_error" and not np.isfinite(self.columns["p_error"].values).any():
            color_by = "label"
        queue = ("second" if second_opinion else "suspicion") if queue is None else queue
        super().__init__(selection=[], queue=queue, color_by=color_by, height=height)
        self._made = True
        self.on_msg(self._receive)

    # ---- for people ------------------------------------------------------------------------------------------

    def rank_again(self) -> None:
        """Ask the detector anew: it learns from the verdicts in the journal. Every open page then opens again."""
        self.show_issues(rank_again(self.run))
        self._made = False
        self.queue = "suspicion"
        self._made = True
        self.send({"push": "reopen"})

    @property
    def changes(self) -> pd.DataFrame:
        """What differs from the given labels: indexed by id; given_label, label, author, time, reason."""
        return self.run.changes()

    def table(self) -> pd.DataFrame:
        """What is shown, by id: given and present label, suggestion, scores and decisions."""
        import pandas as pd

        names = self.dataset.names_of
        frame = {
            "given": names(self.dataset.given_labels), "label": names(self.decisions.labels),
            "suggested": names(self.suggested), "verdict": self.columns["verdict"].values,
        }  # fmt: skip
        frame["verdict"] = np.array(self.columns["verdict"].categories, object)[self.decisions.verdict]
        frame |= {name: column.values for name, column in self.columns.items() if column.categories is None}
        return pd.DataFrame(frame, index=pd.Index(self.dataset.ids, name="id"))

    def __repr__(self) -> str:
        changed = int((self.decisions.labels != self.dataset.given_labels).sum())
        counts = f"{self.dataset.n:,} examples, {len(self.queue):,} to review, {changed:,} changed"
        return f"<Explorer {self.run.name}: {counts}>"

    # ---- traits ----------------------------------------------------------------------------------------------

    @T.validate("selection")
    def _check_selection(self, proposal: dict) -> list:
        return proposal["value"] if self._from_page else self.known_ids("selection", proposal["value"])

    @T.validate("queue")
    def _check_queue(self, proposal: dict) -> list:
        value = proposal["value"]
        if self._from_page:
            return value
        if isinstance(value, str):
            self.own_queue = None
            return self.dataset.ids[queue_rows(self, value)].tolist()
        self.own_queue = self.known_ids("queue", value)
        return list(self.own_queue)

    @T.validate("current")
    def _check_current(self, proposal: dict) -> object:
        value = proposal["value"]
        return None if value is None else self.known_ids("current", [value])[0]

    @T.validate("color_by")
    def _check_color(self, proposal: dict) -> str:
        if proposal["value"] not in self.columns:
            raise InputError.unknown("column", proposal["value"], self.columns)
        return proposal["value"]

    @T.validate("filters")
    def _check_filters(self, proposal: dict) -> dict:
        for name in proposal["value"]:
            if name != "search" and name not in self.columns:
                raise InputError.unknown("column", name, self.columns)
        return proposal["value"]

    @T.observe("selection")
    def _selection_changed(self, change: dict) -> None:
        if self._made and not self._from_page:
            self.send({"push": "selection"}, [packed(self.mask_of(change["new"])).tobytes()])

    @T.observe("queue")
    def _queue_changed(self, change: dict) -> None:
        if self._made and not self._from_page:
            self.send({"push": "queue"}, [self.rows_of_queue().tobytes()])

    @T.observe("current")
    def _current_changed(self, change: dict) -> None:
        if self._made and not self._from_page and change["new"] is not None:
            self.send({"push": "go", "row": int(self.dataset.rows([change["new"]])[0])})

    # ---- messages --------------------------------------------------------------------------------------------

    def _receive(self, _widget: object, content: dict, buffers: list) -> None:
        """Answer one question of the page."""
        self.send(*answer(self, content, buffers))

    def set_from_page(self, **values: object) -> None:
        """Set traits without sending them back to the page that they came from."""
        self._from_page = True
        try:
            for name, value in values.items():
                setattr(self, name, value)
        finally:
            self._from_page = False

    def later(self, body: dict, buffers: list) -> None:
        """Send from the kernel's own thread."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self.send, body, buffers)
        else:
            self.send(body, buffers)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
