"""The linked view of a run: maps, filters, gallery, inspector and review queue in one widget.

Everything that is shown can be had without it (`workbench.score`, `workbench.find_issues`, `run.project`, ...); this
module passes arrays to the page, answers its questions (one answer each, an error is an answer) and hands decisions
to the journal. Synced state stays small: arrays and media cross in messages, never in the widget's state, so that a
saved notebook does not grow.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import anywidget
import numpy as np
import traitlets as T

from widgets.auditing import estimate, sample
from widgets.columns import Column, codes_of, rows_in_order, view_columns
from widgets.decisions import Decisions
from widgets.details import Details
from widgets.media import Media, plain
from widgets.opening import described, export_name, lens_masks
from widgets.search import is_query, query_mask, word_mask
from widgets.suspects import rank_again, scores_of, suspects
from workbench.errors import InputError, WorkbenchError

if TYPE_CHECKING:
    import pandas as pd

    from workbench.run import Run

HERE = Path(__file__).parent
PATIENCE = 0.25
"""Seconds that the page waits for a projection before it gets a quick one (PCA) to begin with."""

QUEUES = ("suspicion", "pairs", "random", "audit", "all")
"""Orders of the review queue."""

log = logging.getLogger(__name__)


class Ids(T.TraitType):
    """A list of ids; the widget checks them against its data set."""

    info_text = "a sequence of ids"
    default_value: tuple = ()


class Explorer(anywidget.AnyWidget):
    """See, sort and relabel the doubtful examples of a run.

    Parameters
    ----------
    run : Run, or the path of a run directory.
    issues, scores : DataFrame indexed by id, optional
        As from `workbench.find_issues(run)` and `workbench.score(run)`, which are called when they are not given; the
        first opening of a run may take some seconds, later ones read the result from the run's cache.
    queue : "suspicion", "pairs", "random", "all" or a sequence of ids
        What to review: suspects, the most suspicious first, by class pair or shuffled; all examples; or examples of
        your own choice in your order.
    author : str, optional
        Who decides, in the journal; the login name when not given.
    keymap : "default", "prodigy" or dict of action to key, optional
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
        queue: str | Sequence[object] = "suspicion",
        author: str | None = None,
        keymap: str | Mapping[str, object] | None = None,
        color_by: str = "p_error",
        blind: bool = False,
        height: int = 540,
    ) -> None:
        from workbench.run import open_run

        self.run: Run = open_run(run) if isinstance(run, (str, Path)) else run
        self.dataset = self.run.dataset
        self.scores = scores_of(self.run) if scores is None else scores
        self.decisions = Decisions(self.run, author)
        self.media = Media(self.dataset)
        self.keymap, self.blind = keymap, blind
        self._take(suspects(self.run) if issues is None else issues)
        self._haystack: np.ndarray | None = None
        self._from_page = False
        self._loop = _running_loop()
        self._projecting: threading.Thread | None = None
        self._projected: tuple[np.ndarray, str] | None = None
        if color_by == "p_error" and not np.isfinite(self.columns["p_error"].values).any():
            color_by = "label"
        self._made = False  # nothing is sent while the widget is being made
        super().__init__(selection=[], queue=queue, color_by=color_by, height=height)
        self._made = True
        self.on_msg(self._receive)

    def _take(self, issues: pd.DataFrame) -> None:
        """Show these suspects."""
        order = rows_in_order(self.dataset, issues)
        self.issues = issues
        self.columns: dict[str, Column] = view_columns(self.dataset, issues, self.scores)
        self._order = self.dataset.rows(issues.index.to_numpy()).astype(np.int32)
        self._issue = issues["is_issue"].to_numpy(bool)[order]
        self._suggested = codes_of(self.dataset, issues["suggested"].to_numpy()[order])
        self._reasons = issues["reasons"].to_numpy(object)[order]
        self.details = Details(self.run, self._reasons, self._suggested, self.media)
        self._lenses = lens_masks(self.columns, self.dataset.n)

    # ---- for people ------------------------------------------------------------------------------------------

    def rank_again(self) -> None:
        """Ask the detector anew: it learns from the verdicts in the journal."""
        self._rank({}, [])
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
            "suggested": names(self._suggested), "verdict": self.columns["verdict"].values,
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
        return proposal["value"] if self._from_page else self._known_ids("selection", proposal["value"])

    @T.validate("queue")
    def _check_queue(self, proposal: dict) -> list:
        value = proposal["value"]
        if isinstance(value, str):
            return self.dataset.ids[self._ordered(value)].tolist()
        return self._known_ids("queue", value)

    @T.validate("current")
    def _check_current(self, proposal: dict) -> object:
        value = proposal["value"]
        return None if value is None else self._known_ids("current", [value])[0]

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

    def _known_ids(self, field: str, value: object) -> list:
        if value is None or isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise InputError.at(field, f"is {value!r}", "Pass a sequence of ids; [] for none.")
        ids = [plain(one) for one in value]
        return self.dataset.ids[self.dataset.rows(ids)].tolist() if ids else []

    @T.observe("selection")
    def _selection_changed(self, change: dict) -> None:
        if self._made and not self._from_page:
            self.send({"push": "selection"}, [_packed(self._mask_of(change["new"]))])

    @T.observe("queue")
    def _queue_changed(self, change: dict) -> None:
        if self._made:
            self.send({"push": "queue"}, [self._queue_rows().tobytes()])

    @T.observe("current")
    def _current_changed(self, change: dict) -> None:
        if self._made and not self._from_page and change["new"] is not None:
            self.send({"push": "go", "row": int(self.dataset.rows([change["new"]])[0])})

    # ---- messages --------------------------------------------------------------------------------------------

    def _receive(self, _widget: object, content: dict, buffers: list) -> None:
        """Answer one question of the page; whatever goes wrong becomes its answer."""
        kind, request = content.get("kind"), content.get("request")
        handler = self._HANDLERS.get(kind)
        try:
            if handler is None:
                raise InputError.unknown("message", kind, self._HANDLERS)
            body, out = handler(self, content, buffers)
        except Exception as error:  # the page must hear of it, whatever it was
            if not isinstance(error, WorkbenchError):
                log.exception("explorer: %s failed", kind)
            text = str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
            body, out = self._state_after_error(kind, content, buffers)
            body["error"] = text
        self.send({**body, "request": request}, [np.ascontiguousarray(array).tobytes() for array in out])

    def _state_after_error(self, kind: object, content: dict, buffers: list) -> tuple[dict, list]:
        """After a failed decision: what holds, so that the page takes back what it showed ahead."""
        if kind not in ("decide", "undo", "redo"):
            return {}, []
        touched = set(self.decisions.catch_up().tolist())
        if kind == "decide":
            touched |= set(self._rows_in(content, buffers)[0].tolist())
        rows = np.array(sorted(touched), np.int32) if kind == "decide" else np.arange(self.dataset.n, dtype=np.int32)
        return {"patch": [0, 4]}, self.decisions.patch(rows)

    def _open(self, content: dict, buffers: list) -> tuple[dict, list]:
        self.decisions.catch_up()
        columns, decisions = self.columns, self.decisions
        arrays = {
            "given": columns["given"].values, "suggested": self._suggested, "labels": decisions.labels,
            "verdict": decisions.verdict, "flags": decisions.marks, "p_error": columns["p_error"].values,
            "p_suggested": columns["p_suggested"].values, "order": self._order, "queue": self._queue_rows(),
            "is_issue": self._issue.astype(np.uint8),
        }  # fmt: skip
        meta = described(self)
        if meta["data_map"]:
            arrays |= {name: columns[name].values for name in (meta["data_map"]["x"], meta["data_map"]["y"])}
        meta["arrays"] = [[name, array.dtype.kind + str(array.dtype.itemsize)] for name, array in arrays.items()]
        meta["export_path"] = str(export_name(self.run))
        if self.selection:
            self.send({"push": "selection"}, [_packed(self._mask_of(self.selection))])
        return meta, list(arrays.values())

    def _column(self, content: dict, buffers: list) -> tuple[dict, list]:
        name = content.get("name")
        if name not in self.columns:
            raise InputError.unknown("column", name, self.columns)
        values = self.columns[name].values
        return {"type": values.dtype.kind + str(values.dtype.itemsize)}, [values]

    def _media(self, content: dict, buffers: list) -> tuple[dict, list]:
        rows = [self._row(row) for row in content["rows"][:48]]
        return {"items": [self.media.item(row) for row in rows]}, []

    def _inspect(self, content: dict, buffers: list) -> tuple[dict, list]:
        row = self._row(content["row"])
        return self.details.of(row, self.decisions.notes.get(row, "")), []

    def _select(self, content: dict, buffers: list) -> tuple[dict, list]:
        mask = _unpacked(buffers[0], self.dataset.n) if buffers else np.zeros(self.dataset.n, bool)
        self._set_from_page(selection=self.dataset.ids[mask].tolist())
        return {"count": int(mask.sum())}, []

    def _current(self, content: dict, buffers: list) -> tuple[dict, list]:
        row = content["row"]
        self._set_from_page(current=None if row < 0 else plain(self.dataset.ids[self._row(row)]))
        return {}, []

    def _set_from_page(self, **values: object) -> None:
        """Set traits without sending them back to the page that they came from."""
        self._from_page = True
        try:
            for name, value in values.items():
                setattr(self, name, value)
        finally:
            self._from_page = False

    def _decide(self, content: dict, buffers: list) -> tuple[dict, list]:
        rows, rest = self._rows_in(content, buffers)
        codes = None
        if content.get("label") is not None:
            codes = np.full(len(rows), int(content["label"]), np.int64)
        elif rest:
            codes = np.frombuffer(rest[0], "<i4").astype(np.int64)
        self.decisions.decide(content.get("op"), rows, codes, content, (str(self._reasons[row] or "") for row in rows))
        return self._caught_up(len(rows), int(rows[0]) if len(rows) else -1)

    def _rows_in(self, content: dict, buffers: list) -> tuple[np.ndarray, list]:
        """Row numbers of a decision (a list, or a bit mask in the first buffer) and the other buffers."""
        if content.get("rows") is not None:
            return np.array([self._row(row) for row in content["rows"]], np.int64), list(buffers)
        return np.flatnonzero(_unpacked(buffers[0], self.dataset.n)), list(buffers[1:])

    def _travel(self, content: dict, buffers: list) -> tuple[dict, list]:
        entries = self.decisions.undo() if content["kind"] == "undo" else self.decisions.redo()
        rows = sorted(self.decisions._rows_of({entry.id for entry in entries}).values())
        return self._caught_up(len(rows), rows[0] if rows else -1)

    def _caught_up(self, count: int, row: int) -> tuple[dict, list]:
        """The answer after a commit: the time of saving and the state of every row touched since."""
        touched = self.decisions.catch_up()
        return {"count": count, "row": row, "time": self.decisions.last_time, "patch": [0, 4]}, self.decisions.patch(
            touched
        )

    def _search(self, content: dict, buffers: list) -> tuple[dict, list]:
        text = str(content["text"])
        mask = query_mask(text, self.dataset.n, self._queryable()) if is_query(text) else word_mask(text, self._words())
        return {"count": int(mask.sum())}, [np.packbits(mask, bitorder="little")]

    def _lens(self, content: dict, buffers: list) -> tuple[dict, list]:
        name = content.get("name")
        if name not in self._lenses:
            raise InputError.unknown("lens", name, self._lenses)
        return {}, [np.packbits(self._lenses[name], bitorder="little")]

    def _rank(self, content: dict, buffers: list) -> tuple[dict, list]:
        """Suspects anew; every open view then opens again."""
        self._take(rank_again(self.run))
        self._made = False
        self.queue = "suspicion"
        self._made = True
        return {"push": "reopen"}, []

    def _audit(self, content: dict, buffers: list) -> tuple[dict, list]:
        """What the audit says now; with `draw`, its sample too."""
        rows = [sample(self.run, self.issues)] if content.get("draw") else []
        return {"audit": estimate(self.run, self.issues)}, rows

    def _export(self, content: dict, buffers: list) -> tuple[dict, list]:
        from workbench.export import export

        path = Path(str(content["path"])).expanduser()
        export(self.run, path, force=bool(content.get("overwrite")))
        changed = int((self.decisions.labels != self.dataset.given_labels).sum())
        return {
            "path": str(path.resolve()),
            "text": f"wrote {path.resolve()} ({self.dataset.n:,} examples, {changed:,} changed)",
        }, []

    def _upto(self, content: dict, buffers: list) -> tuple[dict, list]:
        """The data map as it stood after an epoch."""
        from workbench.scores.dynamics import confidence, variability

        position = self.run.epochs.index(int(content["epoch"])) + 1
        x, y = np.empty(self.dataset.n, np.float32), np.empty(self.dataset.n, np.float32)
        for rows, block in self.run.stat_blocks(("p_given",)):
            x[rows], y[rows] = variability(block["p_given"][:position]), confidence(block["p_given"][:position])
        return {}, [x, y]

    def _embedding(self, content: dict, buffers: list) -> tuple[dict, list]:
        """The cached projection; or PCA now and the projection when it is done."""
        wanted, last = int(content.get("epoch", -1)), self.run.resolve_embedding_epoch(-1)
        epoch = self.run.resolve_embedding_epoch(wanted)
        if epoch != last:  # laid out from where the points end, so that they move instead of jumping
            return {"note": f"UMAP, epoch {epoch}"}, [_finite32(self.run.project(epoch))]
        if self._projecting is None:
            self._projecting = threading.Thread(target=self._project, args=(epoch,), daemon=True)
            self._projecting.start()
        self._projecting.join(PATIENCE)
        if self._projected is None:
            return {"note": f"PCA, epoch {epoch}; UMAP is on its way"}, [
                _finite32(self.run.project(epoch, method="pca"))
            ]
        return {"note": self._projected[1]}, [self._projected[0]]

    def _project(self, epoch: int) -> None:
        """In a thread: project, then tell the page unless it was quick enough to be the answer."""
        try:
            xy = _finite32(self.run.project(epoch))
        except Exception as error:
            log.exception("explorer: projection failed")
            self._later({"push": "error", "text": f"projection failed: {error}"}, [])
            return
        self._projected = (xy, f"UMAP, epoch {epoch}")
        self._later({"push": "embedding", "note": self._projected[1]}, [xy.tobytes()])

    def _later(self, body: dict, buffers: list) -> None:
        """Send from the kernel's own thread."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self.send, body, buffers)
        else:
            self.send(body, buffers)

    _HANDLERS: ClassVar[dict[str, Callable[..., tuple[dict, list]]]] = {
        "open": _open, "column": _column, "media": _media, "inspect": _inspect, "select": _select, "current": _current,
        "decide": _decide, "undo": _travel, "redo": _travel, "search": _search, "lens": _lens, "export": _export,
        "upto": _upto, "embedding": _embedding, "rank": _rank, "audit": _audit,
    }  # fmt: skip

    # ---- inside ----------------------------------------------------------------------------------------------

    def _row(self, value: object) -> int:
        row = int(value)  # type: ignore[call-overload]
        if not 0 <= row < self.dataset.n:
            raise InputError.at("row", f"is {row}", f"Use 0 to {self.dataset.n - 1}.")
        return row

    def _ordered(self, name: str) -> np.ndarray:
        """Rows of a queue by name."""
        if name not in QUEUES:
            raise InputError.unknown("queue", name, QUEUES, "Or pass a list of ids.")
        suspects = self._order[self._issue[self._order]]
        if name == "all":
            return self._order
        if name == "audit":
            return sample(self.run, self.issues)
        if name == "random":
            return np.random.default_rng(0).permutation(suspects)
        if name == "pairs":
            pair = self.dataset.given_labels[suspects] * self.dataset.k + self._suggested[suspects]
            _, which, total = np.unique(pair, return_inverse=True, return_counts=True)
            return suspects[np.lexsort((np.arange(len(suspects)), pair, -total[which]))]
        return suspects

    def _queue_rows(self) -> np.ndarray:
        return self.dataset.rows(self.queue).astype(np.int32) if self.queue else np.empty(0, np.int32)

    def _mask_of(self, ids: list) -> np.ndarray:
        mask = np.zeros(self.dataset.n, bool)
        if len(ids):
            mask[self.dataset.rows(ids)] = True
        return mask

    def _queryable(self) -> dict[str, Callable[[], np.ndarray]]:
        """Columns for queries, made when asked for: numbers, names of categories, ids and texts."""
        names = np.array
        live = {"label": self.decisions.labels, "verdict": self.decisions.verdict.astype(np.int32)}

        def named(column: Column) -> Callable[[], np.ndarray]:
            codes = live.get(column.name, column.values)
            return lambda: names([*column.categories, None], object)[codes]

        out: dict[str, Callable[[], np.ndarray]] = {
            name: (lambda c=column: c.values) if column.categories is None else named(column)
            for name, column in self.columns.items()
        }
        out["id"] = lambda: self.dataset.ids
        for name in self.dataset.metadata.columns:
            out.setdefault(name, lambda name=name: self.dataset.metadata[name].to_numpy(object))
        return out

    def _words(self) -> np.ndarray:
        """(n,) lower-case text to search words in: id, given label, text and other text columns."""
        if self._haystack is None:
            parts = [self.dataset.ids.astype(str), self.dataset.given.astype(str)]
            parts += [c.astype(str).to_numpy() for _, c in self.dataset.metadata.items() if c.dtype.kind not in "fiub"]
            self._haystack = np.array(["\n".join(map(str, line)).lower() for line in zip(*parts)], object)
        return self._haystack


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _packed(mask: np.ndarray) -> bytes:
    return np.packbits(mask, bitorder="little").tobytes()


def _unpacked(buffer: object, n: int) -> np.ndarray:
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
    if len(bits) < n:
        raise InputError.at("mask", f"has {len(bits)} bits for {n} rows", "Open the view again.")
    return bits[:n].astype(bool)


def _finite32(xy: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(xy, np.float32)
