"""The journal as arrays: the current label, verdict and marks of every row, updated entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from widgets.view.states import CHANGED, states_of
from widgets.wire.messages import Arrays, DecideRequest
from widgets.wire.shapes import AddedClass, Patch
from workbench.foundation.errors import InputError
from workbench.review.pace import times_of
from workbench.tasks.keys import WHOLE_EXAMPLE

if TYPE_CHECKING:
    from workbench.runs.journal import Entry
    from workbench.runs.run import Run
    from workbench.tasks.protocol import Decided

VERDICT_CODES = {None: 0, "relabel": 1, "keep": 2, "skip": 3}
FLAGGED, NOTED, EDITED = 1, 2, 4
SOURCE = "explorer"


class _Details(TypedDict):
    """Author, source and queue of a decision, for the journal."""

    author: str | None
    source: str


class Decisions:
    """The decisions about a run, and the only place in a view that makes decisions.

    Attributes
    ----------
    given, labels : (n,) int32 given and current class index, -1 = unlabelled; for other kinds of labels, the state as
        in `widgets.view.states`. verdict : (n,) uint8, values of `VERDICT_CODES`; if an example has several units, set
        once each doubtful one is decided.
    marks : (n,) uint8, bits FLAGGED, NOTED and EDITED (the labels differ from the given ones).
    notes : text by row. times : of the author's own decisions, ISO 8601.
    space : the dataset with the classes added in the journal after its own; `added` lists these for the page.

    With `alone`, only the decisions of this author count, as for an independent second opinion.
    """

    def __init__(
        self,
        run: Run,
        author: str | None = None,
        on_news: Callable[[], None] | None = None,
        on_space: Callable[[], None] | None = None,
        *,
        alone: bool = False,
    ) -> None:
        self.on_news = self.on_space = None
        self.run, self.dataset, self.journal, self.author = run, run.dataset, run.journal, author
        self.space = run.dataset
        self.added: list[AddedClass] = []
        self._codes = {name: code for code, name in enumerate(run.dataset.classes)}
        self.given = states_of(run.dataset).given
        self.labels = self.given.copy()
        self._values: dict[int, dict[str, str]] = {}
        self._judged: dict[int, set[str]] = {}
        self._doubtful: dict[int, set[str]] = {}
        self._asked: dict[int, set[str]] = {}
        self._veiled: dict[int, set[str]] = {}
        self._skipped: set[int] = set()
        self.verdict = np.zeros(run.n, np.uint8)
        self.marks = np.zeros(run.n, np.uint8)
        self.notes: dict[int, str] = {}
        self.last_time: str | None = None
        self.alone = alone
        self.times: dict[int, str] = {}
        self.hidden: set[int] = set()
        self._shown: set[int] = set()
        self._seq = 0
        self.catch_up()
        self.on_news, self.on_space = on_news, on_space  # earlier decisions are not new

    @property
    def who(self) -> str:
        """The author's name."""
        return self.journal.author if self.author is None else self.author

    def catch_up(self) -> np.ndarray:
        """Read the entries appended since the last call, by this view or any other; return the changed rows, int32."""
        entries = self.journal.since(self._seq)
        if not entries:
            return np.empty(0, np.int32)
        self._seq = entries[-1].seq
        self.last_time = clock(entries[-1].time)
        about = [entry for entry in entries if entry.field != "space"]
        if len(about) < len(entries):
            self._extend()
        row_of = self.rows_of({entry.id for entry in about})
        touched = set()
        opinions: dict[str, dict[Any, Any]] = {}
        self.times |= times_of(entries, self.who)
        for entry in about:
            mine = entry.author == self.who
            row = row_of.get(entry.id)
            if row is None or (self.alone and not mine and entry.reverts is None):
                continue
            if self.alone and entry.reverts is not None:
                own = opinions.get(entry.field)
                own = opinions[entry.field] = self._opinions(entry.field) if own is None else own
                entry = entry._replace(new=own.get((entry.id, entry.unit) if entry.unit else entry.id))
            self._take(row, entry)
            if entry.field == "verdict":
                self.hidden.discard(row)
            touched.add(row)
        for row in touched & self._judged.keys():  # once per row for all its entries
            self._stand(row)
        if self.on_news is not None:
            self.on_news()
        return np.array(sorted(touched), np.int32)

    def _extend(self) -> None:
        """Read added classes, and undone additions."""
        self.space = self.run.extended()
        self._codes = {name: code for code, name in enumerate(self.space.classes)}
        stands = self.journal.added_classes()
        self.added = [{"name": name, "stands": stands[name]} for name in self.space.classes[self.dataset.k :]]
        if self.on_space is not None:
            self.on_space()

    def _opinions(self, field: str) -> dict[Any, Any]:
        """The current decisions of this author, by id; after an undo another author's decision may be in effect."""
        if not self.dataset.kind.one_class:
            own = self.journal.state(author=self.who, per="unit")[field].dropna()
            return {(id, unit) if unit else id: value for (id, unit), value in own.items()}
        opinions = self.journal.opinions(field)
        return opinions[self.who].dropna().to_dict() if self.who in opinions else {}

    def rows_of(self, ids: set[Any]) -> dict[object, int]:
        """Row by id, for the ids that are in the dataset."""
        listed = list(ids)
        rows = self.dataset.index.get_indexer(listed)
        return {id: int(row) for id, row in zip(listed, rows) if row >= 0}

    def _take(self, row: int, entry: Entry) -> None:
        """Apply the new value of an entry to one field of one row."""
        if not self.dataset.kind.one_class and entry.field in ("label", "verdict"):
            self._take_unit(row, entry)
        elif entry.field == "label":
            given = int(self.given[row])
            self.labels[row] = given if entry.new is None else self._codes.get(entry.new, given)
            self._mark(row, EDITED, self.labels[row] != given)
        elif entry.field == "verdict":
            self.verdict[row] = VERDICT_CODES.get(entry.new, 0)
        elif entry.field == "flag":
            self._mark(row, FLAGGED, entry.new is not None)
        elif entry.field == "note":
            self._mark(row, NOTED, bool(entry.new))
            self.notes[row] = entry.new or ""

    def _take_unit(self, row: int, entry: Entry) -> None:
        """Apply an entry about the value or verdict of a unit."""
        if entry.field == "label":
            values = self._values.setdefault(row, {})
            if entry.new is None:
                values.pop(entry.unit, None)
            else:
                values[entry.unit] = entry.new
        else:  # a skip applies to the whole example
            (self._skipped.add if entry.new == "skip" else self._skipped.discard)(row)
            judged = self._judged.setdefault(row, set())
            (judged.discard if entry.new in (None, "skip") else judged.add)(entry.unit)
            self._veiled.get(row, set()).discard(entry.unit)

    def doubt(self, units: Mapping[int, set[str]]) -> None:
        """Set the doubtful units of a row: the row has a verdict once all of them are decided."""
        self._doubtful = dict(units)
        for row in self._judged:
            self._stand(row)

    def _stand(self, row: int) -> None:
        """Update state and verdict of a row from its units."""
        values, judged = self.values_of(row), self.judged(row)
        given = self.space.values_at([row] * len(values), list(values), list(values.values()))
        changed = any(value != was for value, was in zip(values.values(), given, strict=True))
        self.labels[row] = CHANGED if changed else self.given[row]
        self._mark(row, EDITED, changed)
        done = bool(judged) and (self._asked.get(row) or self._doubtful.get(row, set())) <= judged
        whole = self.confirmed(row)
        done = done if whole is None else whole
        verdict = ("relabel" if changed else "keep") if done else "skip" if row in self._skipped else None
        self.verdict[row] = VERDICT_CODES[verdict]

    def judged(self, row: int) -> set[str]:
        """Return the keys of the units of an example that are shown as decided."""
        return self._judged.get(row, set()) - self._veiled.get(row, set())

    def asked(self, row: int) -> set[str]:
        """Return the keys of the units of an example that the current audit asks about."""
        return self._asked.get(row, set())

    def ask(self, asked: Mapping[int, set[str]], veiled: Mapping[int, set[str]]) -> None:
        """Set the units by row that the queue asks about: a row has a verdict once each of these is decided.

        Veiled units are shown as undecided until the next decision on them, so that bulk decisions and first verdicts
        do not influence the reviewer. This is `hide` for labels other than one class per example.
        """
        touched = {*self._asked, *self._veiled, *asked, *veiled}
        self._asked = {row: set(keys) for row, keys in asked.items()}
        self._veiled = {row: set(keys) for row, keys in veiled.items()}
        for row in touched:
            self._stand(row)
        self._shown |= touched

    def confirmed(self, row: int) -> bool | None:
        """Whether an example was confirmed as a whole; None if the queue does not ask for that.

        In kinds with one unit per example, such as candidates, the unit is the example: deciding it is enough.
        """
        if WHOLE_EXAMPLE not in self.asked(row) or WHOLE_EXAMPLE in self.dataset.units.keys_of(row):
            return None
        return WHOLE_EXAMPLE in self.judged(row)

    def is_veiled(self, row: int, key: str) -> bool:
        """Return whether the decision on a unit is hidden."""
        return key in self._veiled.get(row, set())

    def _mark(self, row: int, bit: int, on: bool) -> None:
        self.marks[row] = self.marks[row] | bit if on else self.marks[row] & (0xFF ^ bit)

    def hide(self, rows: np.ndarray) -> None:
        """Show these rows as undecided until the next decision on them; all other rows are shown as they are.

        For an audit and its second looks: bulk decisions and first verdicts must not influence the reviewer.
        """
        wanted = set(map(int, rows))
        again = np.array(sorted(self.hidden - wanted), np.int64)
        if len(again):
            state = self.journal.state(author=self.who if self.alone else None)
            state = state.reindex(self.dataset.ids[again])
            for row, label, verdict in zip(again.tolist(), state["label"], state["verdict"]):
                given = int(self.given[row])
                self.labels[row] = self._codes.get(label, given)
                self._mark(row, EDITED, self.labels[row] != given)
                self.verdict[row] = VERDICT_CODES.get(verdict, 0)
        fresh = np.array(sorted(wanted), np.int64)
        self.labels[fresh], self.verdict[fresh] = self.given[fresh], 0
        self.marks[fresh] &= 0xFF ^ EDITED
        self._shown |= set(again.tolist()) | wanted
        self.hidden = wanted

    def take_shown(self) -> np.ndarray:
        """Rows changed by `hide` since the last call, int32."""
        rows, self._shown = np.array(sorted(self._shown), np.int32), set()
        return rows

    @property
    def edited(self) -> int:
        """Number of examples whose displayed labels differ from the given ones."""
        return int(np.count_nonzero(self.marks & EDITED))

    def patch(self, rows: np.ndarray, at: int = 0) -> tuple[Patch, Arrays]:
        """The state of rows in the form that the page expects: four arrays, sent as buffers from number `at` on."""
        state = [rows, self.labels[rows], self.verdict[rows], self.marks[rows]]
        patch: Patch = {"at": at, "changed": self.edited}
        if self.added:
            patch["added"] = self.added
        return patch, state

    def decide(
        self,
        op: str,
        rows: np.ndarray,
        codes: np.ndarray | None,
        body: DecideRequest,
        reasons: Iterable[str],
        where: str = "",
    ) -> None:
        """Write one decision about rows to the journal.

        Parameters
        ----------
        op : "relabel" (needs `codes`), "keep", "skip", "flag" (body: flag) or "note" (body: note).
        rows : (m,) row numbers. codes : (m,) class indices.
        body : the message of the page, with `how` the decision was made ("key", "accept", "selection", ...).
        where : "audit", "second look", ...; how and where are part of the journal's source, by which
            `workbench.runs.verdicts` separates verdicts from bulk decisions.
        reasons : why the given labels were doubtful, one per row.
        """
        ids = self.dataset.ids[rows].tolist()
        details = self._details_of(body, where)
        one_class = self.dataset.kind.one_class
        if op in ("relabel", "keep") and not one_class:
            todo = "Send the units and their values."
            found = f"{op!r} applies to examples, which have no single class here"
            raise InputError.at("decision", found, todo)
        given = self.dataset.names_of(self.dataset.given_labels[rows]).tolist() if one_class else []
        if op == "relabel":
            if codes is None or len(codes) != len(rows) or codes.min() < 0 or codes.max() >= self.space.k:
                raise InputError.at("label", "is not a class of this run", f"Use 0 to {self.space.k - 1}.")
            each: dict[str, Any] = {"old": given, "reason": list(reasons)}
            self.journal.relabel(ids, self.space.names_of(codes).tolist(), **each, **details)
        elif op == "keep":
            known: dict[str, Any] = {"old": given}
            self.journal.keep(ids, **known, **details)
        elif op == "skip":
            self.journal.skip(ids, **details)
        elif op == "flag":
            self.journal.flag(ids, bool(body.get("flag")), **details)
        elif op == "note":
            self.journal.note(ids, str(body.get("note") or ""), **details)
        else:
            raise InputError.unknown("decision", op, ("relabel", "keep", "skip", "flag", "note"))

    def judge(
        self,
        verdicts: Decided,
        given: list[str | None],
        body: DecideRequest,
        reasons: list[str],
        where: str = "",
    ) -> None:
        """Write values of units to the journal, as one step of undo.

        Parameters
        ----------
        verdicts : checked rows, keys and values of d units.
        given : given value of each unit, as stored in the journal.
        body, reasons, where : as in `decide`; a reason for each unit.
        """
        ids, values = self.dataset.ids[verdicts.rows].tolist(), list(verdicts.values)
        details = self._details_of(body, where)
        self.journal.relabel(ids, values, old=given, units=list(verdicts.keys), reason=reasons, **details)

    def confirm(
        self, row: int, keys: list[str], given: list[str | None], body: DecideRequest, reason: str, where: str = ""
    ) -> None:
        """Write to the journal that units of an example are as given and nothing else is wrong, as one step of undo."""
        id = self.dataset.ids[[row]].tolist()[0]
        units = [*keys, WHOLE_EXAMPLE]
        details = self._details_of(body, where)
        self.journal.keep([id] * len(units), units=units, old=[*given, None], reason=reason, **details)

    def values_of(self, row: int) -> dict[str, str]:
        """The decisions on the units of a row, values by key, as stored in the journal."""
        if self.dataset.kind.one_class:  # as displayed: decisions hidden by an audit stay hidden
            name: Any = self.space.names_of(self.labels[row])
            return {} if name is None else {"": str(name)}
        veiled = self._veiled.get(row, set())
        return {key: value for key, value in self._values.get(row, {}).items() if key not in veiled}

    def _details_of(self, body: DecideRequest, where: str) -> _Details:
        """Author, source and queue of a decision, for the journal."""
        did = ", ".join(filter(None, (where, str(body.get("how") or ""))))
        return {"author": self.author, "source": f"{SOURCE}: {did}" if did else SOURCE}

    def replace(self, wanted: Mapping[object, str]) -> None:
        """Make exactly these labels differ from the given ones, as one undo step.

        Parameters
        ----------
        wanted : class name by id. Other examples that differ now get their given label back.
        """
        if not self.dataset.kind.one_class:
            todo = "Use `run.journal.relabel(id, value, old=given, units=key)`."
            raise InputError.at("changes", "cannot be set where examples have no single class", todo)
        rows = self.dataset.rows(list(wanted))
        self._extend()
        codes = np.array([self.space.code_of(name) for name in wanted.values()], np.int64)
        target = self.given.copy()
        target[rows] = codes
        changed = np.flatnonzero(target != self.labels)
        if len(changed):
            self.decide("relabel", changed, target[changed], {"op": "relabel", "how": "labels"}, [""] * len(changed))

    def undo(self) -> list[Entry]:
        """Undo the author's newest decision."""
        return self.journal.undo(self.author)

    def size_of_next(self, *, redo: bool) -> int:
        """Number of examples that the author's next undo (or redo) would change."""
        return self.journal.size_of_next(redo=redo, author=self.author)

    def redo(self) -> list[Entry]:
        """Redo the last undone decision."""
        return self.journal.redo(self.author)


def clock(stamp: str) -> str:
    """Hours and minutes in local time of a UTC time in ISO 8601."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone().strftime("%H:%M")
