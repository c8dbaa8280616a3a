"""The linked view of a run: maps, filters, gallery, inspector and review queue in one widget.

Everything it shows is also available without it (`workbench.score`, `workbench.find_issues`, `workbench.project`).
This module sends arrays to the page, answers its requests (one answer each; an error is an answer too) and passes
decisions to the journal. The synced state stays small: arrays and media are sent in messages and are not part of the
widget's state, so a saved notebook does not grow.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anywidget
import numpy as np
import pandas as pd
import traitlets as T

from widgets.bundling import HERE
from widgets.requests.progress import reporting
from widgets.requests.turns import Turns
from widgets.saved.page import save_html
from widgets.saved.still import still_html
from widgets.view.judging import issues_of, scores_of
from widgets.view.queues import queue_rows, rank_anew, unit_of_queue
from widgets.view.search import is_query
from widgets.view.shown import (
    check_cameras,
    check_color,
    check_epochs,
    check_filters,
    check_view,
    filter_mask,
    forget_view,
    keep_view,
    named_view,
)
from widgets.view.unrecorded import opened_run
from widgets.view.view import OWN_ORDER, View
from widgets.view.views import VIEW_FIELDS
from widgets.wire.keymaps import checked
from widgets.wire.masks import packed
from widgets.wire.pushes import DecidedPush, Push, QueuePush
from widgets.wire.shapes import ShownParts
from widgets.wire.traits import Computed, Ids
from workbench.foundation.errors import InputError
from workbench.scores.ensemble import Ensemble

if TYPE_CHECKING:
    import pandas as pd

    from widgets.view.rendering import Row
    from workbench.data.dataset import Dataset
    from workbench.evidence.evidence import Evidence
    from workbench.runs.run import Run

TABLES = ("shown", "selection", "all")
"""Values of the parameter `rows` of `Explorer.table`."""


class Explorer(anywidget.AnyWidget):
    """View for exploring and relabelling the doubtful examples of a run, a DataFrame, or labels with probabilities.

    Parameters
    ----------
    run : Run, path of a run directory, Ensemble, DataFrame, Dataset, Evidence, or array of labels
        An Ensemble (`workbench.ensemble([...])`) shows the label issues and scores of all its runs, with the spread of
        each score as a column; maps, neighbours and the journal are those of its first run.
        Data in memory needs no recording: `Explorer(df, label="y", image="path", pred_probs=P)`,
        `Explorer(labels, pred_probs=P, texts=texts, journal="decisions.sqlite")`. The path of a .csv, .jsonl or
        .parquet file is read as a DataFrame.
    issues, scores : DataFrame indexed by id, optional
        As returned by `workbench.find_issues(run)` and `workbench.score(run)`, which are called if these are not given.
        `issues` may also be a table of units, indexed by (id, unit), such as those of `workbench.spans`; it is reviewed
        in its order.
        Opening a run for the first time may take some seconds; later, the result is read from the run's cache.
    queue : str or a sequence of ids
        What to review: an order of `workbench.review_queue` ("suspicion", "pairs", "clusters", "annotators", "second",
        "random", "audit", "all"), the name of a displayed column, or a list of ids in the order of review. By default
        the label issues; all examples if there is no evidence.
    author : str, optional
        Author of the decisions in the journal; by default the login name.
    second_opinion : bool
        Show only this author's decisions, and review (unless `queue` is given) the examples that others have judged.
        Verdicts of other authors are neither shown nor used in the ranking. Once all examples are judged, the people
        tab and `workbench.review.agreement(run)` show how far the opinions agree.
    keymap : "default", "prodigy", "labelstudio", "cvat", or dict of action to key or list of keys, optional
        The keys of another tool, or a dict that overrides the defaults. Every action must keep a key, unless it is
        given an empty list, `{action: []}`. The help (`?`) shows the current keys. See `widgets.wire.keymaps`.
    color_by : str, optional
        Column that colours the points initially; by default "p_error", or "label" if there is no evidence.
    blind : bool
        Hide everything that reveals the suggestion until a choice is made: suggestion, probabilities, reasons, colours,
        neighbours' labels. The label issues are then in random order (unless `queue` is given).
    render : function of a row, optional
        Draws an example: receives a mapping with id, given_label, your columns and, if present, image and audio;
        returns text, a picture (PIL image, array, bytes), or an object with `_repr_html_`, whose HTML is shown in a
        frame without scripts or network access. See `widgets.view.rendering`.
    other : Run or path, optional
        A second run on the same examples (before a correction, another model, another seed), joined by id: differences
        become columns to colour, filter and sort by, and arrows show which examples moved on the data map. The numbers
        are those of `workbench.experiments.compare_runs(run, other)`.
    height : int
        Height in pixels of the part with the maps.
    **data
        With data in memory: `pred_probs` (n, k), out-of-fold unless `out_of_fold=False`; `embeddings` (n, d); `logits`
        (epochs, n, k); `classes`, `media_root`; `journal`, a file for the decisions, which are otherwise kept in
        memory only. With a DataFrame, `label` (default "label"), `id`, `image`, `audio`, `text` and the axes `x` and
        `y` of the first map name columns. With labels: `ids`, `images`, `sounds`, `texts`, and `metadata`, a DataFrame
        of further columns. `workbench.import_run` takes the same arguments to save the data as a run on disk.

    Attributes
    ----------
    All of these can be observed and set; the page and Python stay in sync.

    selection : list of ids. Empty means nothing is selected.
    current : id of the displayed example, or None.
    queue : list of ids in review order; can be set to the name of an order too.
    color_by : name of a column.
    filters : dict of column to [low, high] or list of categories; "search" to words or a query.
    cameras : dict of "data map" or "embedding map" to [zoom, x, y]; {} shows the whole maps.
    epochs : dict of "data map" or "embedding map" to the epoch that its slider shows; {} shows the last epochs.
    view : dict of filters, color_by, cameras, epochs and selection; can be set to a part of such a dict, or to the name
        of a saved view.
    changes : DataFrame of the labels that differ from the given ones. Set it to {id: class} (or a DataFrame with the
        column label) to make exactly these labels differ, as one undo step.
    run : the Run. issues, scores : the displayed tables. views : the saved views.
    """

    _esm = HERE / "explorer.js"
    _css = HERE / "explorer.css"

    selection = Ids(help="ids of the selected examples").tag(sync=False)
    current = T.Any(None, allow_none=True, help="id of the displayed example").tag(sync=False)
    queue = Ids(help="ids to review, in order").tag(sync=False)
    color_by = T.Unicode("p_error").tag(sync=True)
    filters = T.Dict().tag(sync=True)
    cameras = T.Dict().tag(sync=True)
    epochs = T.Dict().tag(sync=True)
    height = T.Int(540).tag(sync=True)
    webgl = T.Bool(True).tag(sync=True)
    view = Computed(lambda self: self._view_now(), lambda self, value: self._show_view(value))
    changes = Computed(
        lambda self: self.run.changes(author=self._view.only), lambda self, value: self._replace_changes(value)
    )

    def __init__(
        self,
        run: Run | Ensemble | pd.DataFrame | Dataset | Evidence | Sequence[object] | np.ndarray | str | Path,
        *,
        issues: pd.DataFrame | None = None,
        scores: pd.DataFrame | None = None,
        queue: str | Sequence[object] | None = None,
        author: str | None = None,
        second_opinion: bool = False,
        keymap: str | Mapping[str, object] | None = None,
        color_by: str | None = None,
        blind: bool = False,
        render: Callable[[Row], object] | None = None,
        other: Run | str | Path | None = None,
        height: int = 540,
        **data: object,
    ) -> None:
        pool = run if isinstance(run, Ensemble) else None
        opened = opened_run(run if pool is None else pool.runs[0], data, signature(type(self)).parameters)
        self._made = self._from_page = self._moving = False  # nothing is sent while the widget is being made
        self._turns = Turns()
        if issues is None:
            who = opened.journal.author if author is None else author
            issues = issues_of(opened, who if second_opinion else None, pool)
        self._view = view = View(
            _Pages(self, self._set_from_page, self._show, self._tell_changes),
            opened,
            issues,
            scores_of(opened, pool) if scores is None else scores,
            author=author,
            alone=second_opinion,
            keymap=checked(keymap),
            blind=blind,
            render=render,
            other=None if other is None else opened_run(other, {}),
            pool=pool,
        )
        if queue is None:
            issues_first = "random" if blind else "suspicion"  # the order would reveal what is hidden
            queue = "second" if second_opinion else issues_first if view.ordered else "all"
        if color_by is None:
            color_by = "p_error" if view.doubted else "label"
        super().__init__(selection=[], queue=queue, color_by=color_by, height=height)
        self._made = True
        self.on_msg(self._receive)

    # ---- public ------------------------------------------------------------------------------------------

    def rank_again(self) -> None:
        """Run the detector again with the verdicts in the journal, and refresh every open page.

        In a second opinion only this author's verdicts are used.
        """
        rank_anew(self._view)

    def table(self, rows: str = "shown") -> pd.DataFrame:
        """Return the displayed columns as a DataFrame indexed by id.

        Parameters
        ----------
        rows : "shown" (examples that match the filters), "selection" or "all".

        Returns
        -------
        DataFrame
            In the order of the data: given_label, label, suggested_label (if there is evidence) and verdict, then
            scores and your own columns.
        """
        if rows not in TABLES:
            raise InputError.unknown("rows", rows, TABLES)
        view = self._view
        mask = np.ones(view.dataset.n, bool)
        if rows == "shown":
            mask = filter_mask(view, view.traits.filters)
        elif rows == "selection":
            mask = view.mask_of(view.traits.selection)
        first = ["given_label", "label", "suggested_label", "verdict"]
        frame = {}
        for name in sorted(view.columns, key=lambda name: first.index(name) if name in first else len(first)):
            column, values = view.columns[name], view.live_values(name)[mask]
            categories = column.categories
            if column.of_classes and view.dataset.kind.one_class:
                frame[name] = view.decisions.space.labels_of(values)
                continue
            frame[name] = values if categories is None else np.array([*categories, None], object)[values]
        return pd.DataFrame(frame, index=pd.Index(view.dataset.ids[mask], name="id"))

    @property
    def run(self) -> Run:
        """The displayed run: the first run of an Ensemble, or a run that holds the data in memory."""
        return self._view.run

    @property
    def issues(self) -> pd.DataFrame:
        """The displayed label issues, as returned by `workbench.find_issues`."""
        return self._view.issues

    @property
    def scores(self) -> pd.DataFrame:
        """The displayed scores, as returned by `workbench.score`."""
        return self._view.scores

    @property
    def views(self) -> dict[str, ShownParts]:
        """The saved views of this run by name: filters, color_by, cameras, epochs, selection, and when it was saved."""
        return self._view.named_views.read()

    def save_view(self, name: str) -> None:
        """Save the current view (`view`) in the run under a name; `ex.view = name` restores it."""
        keep_view(self._view, name, self._view_now())

    def delete_view(self, name: str) -> None:
        """Delete a saved view."""
        forget_view(self._view, name)

    def save_html(self, path: str | Path, *, examples: int = 1000, force: bool = False) -> Path:
        """Save the view as one read-only HTML file that opens offline, with maps, filters, gallery and inspector.

        Parameters
        ----------
        path : the .html file.
        examples : number of examples to include with picture and details: the queue first, then the most suspicious.
            The maps show all points.
        force : replace an existing file.

        Returns
        -------
        Path of the file (1 MB for 1,797 digits). A projection that was not computed yet is computed first.

        Raises
        ------
        InputError : another suffix, a missing folder, `examples` below 0. ExistsError : the file exists.
        """
        return save_html(self._view, path, examples, force)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The widget, and a static picture with numbers for front ends without widgets."""
        made: Any = super()._repr_mimebundle_(**kwargs)  # older releases of anywidget return a dict
        data = made[0] if isinstance(made, tuple) else made
        if data is not None:
            data["text/html"] = still_html(self._view)
        return made

    def __repr__(self) -> str:
        view = self._view
        changed = view.decisions.edited
        counts = f"{view.dataset.n:,} examples, {len(view.traits.queue):,} to review, {changed:,} changed"
        return f"<Explorer {self.run.name}: {counts}>"

    # ---- traits ----------------------------------------------------------------------------------------------

    @T.validate("selection")
    def _check_selection(self, proposal: dict[str, Any]) -> list[Any]:
        return proposal["value"] if self._from_page else self._view.known_ids("selection", proposal["value"])

    @T.validate("queue")
    def _check_queue(self, proposal: dict[str, Any]) -> list[Any]:
        value, view = proposal["value"], self._view
        if self._from_page:
            return value
        if isinstance(value, str):
            view.own_queue = None
            rows = queue_rows(view, value)
            view.queue_order = value
            return view.dataset.ids[rows].tolist()
        view.own_queue, view.queue_order = view.known_ids("queue", value), OWN_ORDER
        return list(view.own_queue)

    @T.validate("current")
    def _check_current(self, proposal: dict[str, Any]) -> object:
        value = proposal["value"]
        known = None if value is None else self._view.known_ids("current", [value])[0]
        if known is not None and known == self.current and self._made and not self._from_page:
            self._go_to(known)  # the page may have moved on without having said so yet
        return known

    @T.validate("color_by")
    def _check_color(self, proposal: dict[str, Any]) -> str:
        return check_color(proposal["value"], self._view.columns)

    @T.validate("filters")
    def _check_filters(self, proposal: dict[str, Any]) -> dict[str, Any]:
        filters = check_filters(proposal["value"], self._view.columns)
        if is_query(filters.get("search", ""), self._view.columns):
            filter_mask(self._view, {"search": filters["search"]})  # raises an error if it is invalid
        return filters

    @T.validate("cameras")
    def _check_cameras(self, proposal: dict[str, Any]) -> dict[str, Any]:
        return check_cameras(proposal["value"])

    @T.validate("epochs")
    def _check_epochs(self, proposal: dict[str, Any]) -> dict[str, Any]:
        return check_epochs(proposal["value"], self.run)

    @T.observe("selection")
    def _selection_changed(self, change: dict[str, Any]) -> None:
        if self._made and not self._from_page:
            self.send({"push": "selection"}, [packed(self._view.mask_of(change["new"])).tobytes()])

    @T.observe("queue")
    def _queue_changed(self, change: dict[str, Any]) -> None:
        if self._made and not self._from_page:
            view = self._view
            push: QueuePush = {"push": "queue", "by": view.queue_order, "unit": unit_of_queue(view)}
            self.send(push, [view.rows_of_queue().tobytes()])

    @T.observe("current")
    def _current_changed(self, change: dict[str, Any]) -> None:
        if self._made and not self._from_page and change["new"] is not None:
            self._go_to(change["new"])

    def _go_to(self, id: Any) -> None:
        self.send({"push": "go", "row": int(self.run.dataset.rows([id])[0])})

    @T.observe(*VIEW_FIELDS)
    def _view_changed(self, change: dict[str, Any]) -> None:
        if self._made and not self._moving:
            type(self).view.tell(self)

    def _view_now(self) -> ShownParts:
        return cast(ShownParts, {name: getattr(self, name) for name in VIEW_FIELDS})

    def _show_view(self, value: str | Mapping[str, Any]) -> None:
        """Check every part of a view, then set them."""
        self._show(check_view(self._view, named_view(self._view, value) if isinstance(value, str) else value))

    def _show(self, parts: Mapping[str, object]) -> None:
        """Set checked parts of a view; one notification for all."""
        self._moving = True
        try:
            for name, part in parts.items():
                setattr(self, name, part)
        finally:
            self._moving = False
        type(self).view.tell(self)

    def _replace_changes(self, value: Any) -> None:
        """Make exactly these labels differ from the given ones, and update the pages."""
        labels = value["label"] if hasattr(value, "columns") and "label" in value.columns else value
        if not hasattr(labels, "items"):
            todo = "Pass {id: class}, or a DataFrame indexed by id with the column label."
            raise InputError.at("changes", f"is {type(value).__name__}", todo)
        decisions = self._view.decisions
        decisions.replace(dict(labels.items()))
        touched = decisions.catch_up()
        patch, state = decisions.patch(touched)
        push: DecidedPush = {"push": "decided", "patch": patch, "time": decisions.last_time}
        self.send(push, [np.ascontiguousarray(array).tobytes() for array in state])

    def _tell_changes(self) -> None:
        if self._made:
            type(self).changes.tell(self)

    # ---- messages --------------------------------------------------------------------------------------------

    def _receive(self, _widget: object, content: dict[str, Any], buffers: list[bytes]) -> None:
        """Answer a request of the page, and requests that waited for it."""
        with reporting(content.get("kind"), self.send):
            for body, arrays in self._turns.answers(self._view, content, buffers):
                self.send(body, arrays)

    def _set_from_page(self, **values: object) -> None:
        """Set traits without sending them back to the page that set them."""
        self._from_page = True
        try:
            for name, value in values.items():
                setattr(self, name, value)
        finally:
            self._from_page = False


class _Pages:
    """The channel of an Explorer's view: its traits, and the pages that show it."""

    def __init__(
        self,
        explorer: Explorer,
        take: Callable[..., None],
        show: Callable[[Mapping[str, object]], None],
        decided: Callable[[], None],
    ) -> None:
        self._explorer, self._take, self._show, self._decided = explorer, take, show, decided
        self.traits: Any = explorer  # each trait is a descriptor of traitlets, which no protocol describes
        self._thread, self._loop = threading.get_ident(), _running_loop()

    def send(self, content: Push, buffers: list[bytes] | None = None) -> None:
        """Send to all open pages; calls from other threads are passed to the kernel's thread."""
        elsewhere = threading.get_ident() != self._thread
        if elsewhere and self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._explorer.send, content, buffers)
        else:
            self._explorer.send(content, buffers)

    def take(self, **values: object) -> None:
        """Set traits to values that a page has already set."""
        self._take(**values)

    def show(self, parts: Mapping[str, object]) -> None:
        """Set parts of the displayed state in all pages."""
        self._show(parts)

    def decided(self) -> None:
        """Notify the observers of `changes`."""
        self._decided()


def those_known(explorer: Explorer, ids: list[Any]) -> list[Any]:
    """Return the ids that an Explorer has, in the given order."""
    view = explorer._view  # users set traits, and need not see the view
    return view.those_known(ids)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
