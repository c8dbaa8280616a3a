"""The contract of every kind of label, as checks that `test_contract.py` runs for all `TASKS`.

Each kind defines its data as a `Case` in its own test module, tests/tasks/test_NAME.py.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.tasks import TASKS
from workbench.tasks.keys import check_key
from workbench.tasks.protocol import Decided, Labels


@dataclass(frozen=True)
class Case:
    """Data about a kind of label for the contract.

    Attributes
    ----------
    task : its name.
    labels : of a few examples, as given by a user; one without a label (None) and, if possible, one without objects.
    classes : names of the classes.
    values : hypothesis strategy for the values of a unit.
    decisions : (row, key, value) on different units.
    corrected : `labels` after these decisions.
    words : some values and (part of) their descriptions.
    hostile : texts that are not values.
    other_labels : labels that `read` must refuse.
    wrong_keys : keys of units that are not in row 0.
    predictions : arguments of `find_issues` besides a Dataset.
    by_hand : a row, and the key and the description of the given value of each of its units.
    texts : texts of the examples, for kinds whose files contain them; None without.
    label_names : names of formats to the `label` that reads their files, where it is not "tags".
    columns : further columns, with one value for all examples, that the files of the kind need.
    """

    task: str
    labels: list
    classes: tuple[str, ...]
    values: st.SearchStrategy
    decisions: list[tuple[int, str, Any]]
    corrected: list
    words: Mapping[Any, str]
    hostile: list[str]
    other_labels: list
    wrong_keys: list[str]
    predictions: Callable[[Dataset], dict[str, Any]]
    by_hand: tuple[int, list[tuple[str, str]]]
    options: Mapping[str, Any] = field(default_factory=dict)
    texts: list[str] | None = None
    label_names: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)

    def dataset(self, times: int = 1, *, texts: bool = False) -> Dataset:
        """The examples, repeated `times` times, with ids a0, a1, ..., and on request with their texts."""
        labels = pd.Series(self.labels * times, dtype=object)
        frame = pd.DataFrame({"name": [f"a{row}" for row in range(len(labels))], "tags": labels, "size": 1.5})
        told = {"task": self.task, "classes": self.classes, **self.options}
        frame = frame.assign(**self.columns) if texts else frame
        if texts and self.texts is not None:
            frame, told = frame.assign(passage=self.texts * times), {**told, "text": "passage"}
        return Dataset.from_frame(frame, "tags", id="name", **told)

    def labels_of(self, given: list) -> Labels:
        """Return labels as stored in a Dataset."""
        return TASKS[self.task].read(pd.Series(given, dtype=object), self.classes, **self.options)[0]


@functools.cache
def case_of(task: str) -> Case:
    """Return the case in tests/tasks/test_NAME.py."""
    spec = importlib.util.spec_from_file_location(f"case_{task}", Path(__file__).with_name(f"test_{task}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASE


def same(case: Case, one: Labels, other: Labels) -> bool:
    """Return whether labels are equal, including missing ones."""
    kind = TASKS[case.task]
    return not kind.differ(one, other).any() and np.array_equal(kind.missing(one), kind.missing(other))


def recorded(case: Case, path: Path, times: int = 1, *, texts: bool = False) -> wb.Run:
    """Create a run directory without statistics."""
    wb.Recorder(path / "run", case.dataset(times, texts=texts), mode="import").close()
    return wb.open_run(path / "run")


# ---- labels ------------------------------------------------------------------------------------------------------


def check_what_is_read_comes_back(case: Case) -> None:
    """read -> to_column -> read, and to_arrow -> from_arrow."""
    kind, dataset = TASKS[case.task], case.dataset()
    assert (dataset.task, dataset.n, dataset.classes) == (case.task, len(case.labels), case.classes)
    column = kind.to_column(dataset.labels, dataset.classes)
    assert column.dtype == object and len(column) == dataset.n
    again, classes = kind.read(pd.Series(column, dtype=object), dataset.classes, **case.options)
    assert classes == case.classes and same(case, again, dataset.labels)
    stored = kind.to_arrow(dataset.labels)
    assert stored.type == kind.column
    assert same(case, kind.from_arrow(stored), dataset.labels)
    assert kind.missing(dataset.labels).tolist() == [one is None for one in case.labels]
    assert str(sum(one is None for one in case.labels)) in repr(dataset)


def check_a_run_holds_the_labels(case: Case, path: Path) -> None:
    """Labels are stored as `column` and equal after reopening, also without decisions."""
    run = recorded(case, path)
    assert (run.task, run.dataset.task, run.classes) == (case.task, case.task, case.classes)
    assert same(case, run.dataset.labels, case.dataset().labels)
    assert same(case, run.labels(), case.dataset().labels)
    assert not len(run.changes())
    again = wb.Recorder(path / "run", case.dataset(), mode="import")  # the same labels: the same run
    again.close()


def check_data_in_memory_become_a_run(case: Case, path: Path) -> None:
    """`import_run` of a DataFrame, of labels and of a Dataset."""
    dataset = case.dataset()
    column = pd.Series(TASKS[case.task].to_column(dataset.labels, dataset.classes), dtype=object)
    frame = pd.DataFrame({"name": dataset.ids, "tags": column})
    told = {"task": case.task, "classes": case.classes}
    made = [
        wb.import_run(frame, path / "frame", label="tags", id="name", **told),
        wb.import_run(column, path / "labels", ids=dataset.ids, **told),
        wb.import_run(dataset, path / "dataset"),
    ]
    for suffix in (".csv", ".jsonl", ".parquet"):
        file = wb.export(made[0], path / f"table{suffix}", cleaned="relabel", issues=False)
        options = {"neutralized": True} if suffix == ".csv" else {}
        run = wb.import_run(file, path / suffix, label="tags", id="name", **options, **told)
        labelled = ~TASKS[case.task].missing(dataset.labels)
        assert run.dataset.ids.tolist() == dataset.ids[labelled].tolist()
        assert same(case, run.dataset.labels, case.labels_of([one for one in case.labels if one is not None]))
    for run in made:
        assert run.task == case.task and run.dataset.ids.tolist() == dataset.ids.tolist()
        assert same(case, run.dataset.labels, dataset.labels)
    with pytest.raises(InputError, match="`task` was given together with a Dataset"):
        wb.import_run(dataset, path / "again", task=case.task)


def check_strange_labels_are_refused(case: Case) -> None:
    """One clear error that names the field."""
    for labels in case.other_labels:
        with pytest.raises(InputError, match="label"):
            case.labels_of(labels)
    kind = TASKS[case.task]
    for wrong in (np.zeros((2, 2)), [1, 2], None):
        with pytest.raises(InputError):
            kind.check(wrong, case.classes)


# ---- units and values --------------------------------------------------------------------------------------------


def check_units(case: Case) -> None:
    """Keys are distinct and of a known form, codes are valid, and one row equals that made by hand."""
    dataset, kind = case.dataset(), TASKS[case.task]
    units = dataset.units
    assert units.n == dataset.n
    for row in range(units.n):
        keys = units.keys_of(row)
        assert len(set(keys)) == len(keys)
        assert [check_key(key) for key in keys] == keys
        assert (units.find([row] * len(keys), keys) == np.arange(units.m)[units.of(row)]).all()
    known = units.given[units.given >= 0]
    if kind.asks != "number":
        assert units.given.dtype == np.int64 and (known < len(kind.answers(dataset.classes))).all()
    unlabelled = kind.missing(dataset.labels)[units.rows]
    assert (np.isnan(units.given[unlabelled]) if kind.asks == "number" else units.given[unlabelled] < 0).all()
    row, wanted = case.by_hand
    shown = []
    for unit in range(*units.of(row).indices(units.m)):
        text = dataset.value_of(unit)
        shown.append((units.key(unit), kind.in_words(None if text is None else kind.decode(text, dataset.classes))))
    assert shown == wanted


def check_values_are_encoded_without_loss(case: Case) -> None:
    """decode(encode(value)) is the value; the text has no Python syntax, and equal values have equal texts."""
    kind = TASKS[case.task]

    @settings(max_examples=50, database=None)
    @given(case.values)
    def check(value: Any) -> None:
        text = kind.encode(value)
        assert isinstance(text, str) and text.encode().decode() == text
        assert kind.decode(text, case.classes) == value
        assert kind.encode(kind.decode(text, case.classes)) == text
        assert kind.in_words(value)

    check()
    for value, words in case.words.items():
        assert words in kind.in_words(value)


def check_hostile_values_are_refused(case: Case) -> None:
    """`decode` raises one clear error for any invalid text."""
    for text in (
        *case.hostile,
        "\x00",
        "\ud800",
        "{",
        "[[",
        '{"a":1}',
        "1e999",
        "9" * 400,
        "<b>",
        "'; DROP TABLE entries",
    ):
        with pytest.raises(InputError):
            TASKS[case.task].decode(text, case.classes)


# ---- decisions ---------------------------------------------------------------------------------------------------


def check_decisions_are_applied(case: Case) -> None:
    """No decisions change nothing, decisions give the labels made by hand, and given labels are unchanged."""
    dataset, kind = case.dataset(), TASKS[case.task]
    before = kind.to_arrow(dataset.labels).to_pylist()
    nothing = Decided(np.empty(0, np.int64), [], [])
    assert same(case, kind.apply(dataset.labels, dataset.classes, nothing), dataset.labels)
    found = kind.apply(dataset.labels, dataset.classes, decided(case))
    assert same(case, found, case.labels_of(case.corrected))
    kind.check(found, dataset.classes)
    assert kind.to_arrow(dataset.labels).to_pylist() == before
    for key in case.wrong_keys:
        with pytest.raises(InputError):
            text = kind.encode(case.decisions[0][2])
            kind.apply(dataset.labels, dataset.classes, Decided(np.array([0]), [key], [text]))


def decided(case: Case) -> Decided:
    """Return the decisions of the case."""
    kind = TASKS[case.task]
    rows, keys, values = zip(*case.decisions, strict=True)
    return Decided(np.array(rows), list(keys), [kind.encode(value) for value in values])


def check_given_values_decided_again_change_nothing(case: Case) -> None:
    """Confirming each unit as given results in the given labels."""
    dataset, kind = case.dataset(), TASKS[case.task]
    units = dataset.units
    told = [(unit, text) for unit in range(units.m) if (text := dataset.value_of(unit)) is not None]
    rows = units.rows[[unit for unit, _ in told]]
    found = Decided(rows, [units.key(unit) for unit, _ in told], [text for _, text in told])
    assert same(case, kind.apply(dataset.labels, dataset.classes, found), dataset.labels)


def check_the_journal_holds_decisions(case: Case, path: Path) -> None:
    """Decisions on units are undone and redone one by one, and visible to another process."""
    run, kind = recorded(case, path), TASKS[case.task]
    decide(run, case)
    assert same(case, run.labels(), case.labels_of(case.corrected))
    assert len(run.changes()) == len(case.decisions)
    again = wb.open_run(run.path)
    assert same(case, again.labels(), case.labels_of(case.corrected))
    for _ in case.decisions:
        assert run.journal.undo()
    assert same(case, run.labels(), run.dataset.labels) and not len(run.changes())
    for _ in case.decisions:
        assert run.journal.redo()
    assert same(case, run.labels(), case.labels_of(case.corrected))
    assert kind.differ(run.labels(), run.dataset.labels).sum() == len({row for row, _, _ in case.decisions})


def decide(run: wb.Run, case: Case) -> None:
    """Write the decisions of the case to the journal of a run, one by one."""
    kind, dataset = TASKS[case.task], run.dataset
    for row, key, value in case.decisions:
        old = dataset.value_of(int(dataset.units.find([row], [key])[0]))
        unit = {} if kind.one_class else {"units": key}
        run.journal.relabel(dataset.ids[row], kind.encode(value), old=old, reason="seen", **unit)


# ---- detection ---------------------------------------------------------------------------------------------------


COLUMNS = ("p_error", "p_suggested", "is_issue", "reasons", "row")


def check_issues_are_found_per_unit_and_per_example(case: Case) -> None:
    """Both tables agree, include examples without units, and are the same for a Dataset and for its labels."""
    dataset = case.dataset(times=16)
    evidence = case.predictions(dataset)
    units = wb.find_issues(dataset, per="unit", **evidence)
    examples = wb.find_issues(dataset, per="example", **evidence)
    assert units.index.names == ["id", "unit"] and units.index.is_unique
    assert sorted(examples.index) == sorted(dataset.ids) and examples.index.name == "id"
    for frame in (units, examples):
        assert set(COLUMNS) <= set(frame.columns)
        known = frame["p_error"].dropna()
        assert known.between(0, 1).all() and frame["is_issue"].dtype == bool
    assert units["p_error"].dropna().is_monotonic_decreasing
    by_row = {row: group for row, group in units.groupby("row")}
    for row, told in zip(examples["row"], examples.itertuples()):
        own = by_row.get(row, units[:0])["p_error"].dropna()
        if not len(own):
            assert np.isnan(told.p_error)
            continue
        assert told.p_error == pytest.approx(1 - np.prod(1 - own), abs=1e-9)
    if not TASKS[case.task].one_class:
        check_attributes(units, examples)
        assert examples["units"].sum() == len(units) and examples["units_doubted"].sum() == units["is_issue"].sum()
    column = TASKS[case.task].to_column(dataset.labels, dataset.classes)
    told = {"task": case.task, "ids": dataset.ids, "classes": dataset.classes, **case.options}
    again = wb.find_issues(pd.Series(column, dtype=object), per="unit", **told, **evidence)
    pd.testing.assert_frame_equal(again, units)
    with pytest.raises(MissingEvidence):
        wb.find_issues(dataset)
    with pytest.raises(InputError, match=r"unknown per 'tag'\. Known: example, unit"):
        wb.find_issues(dataset, per="tag", **evidence)
    with pytest.raises(InputError, match="unknown array 'wishes'"):
        wb.find_issues(dataset, wishes=1, **evidence)


def check_verdicts_of_the_journal_are_used(case: Case, path: Path) -> None:
    """p_error of a unit increases if its given value is judged wrong, and decreases if it is confirmed."""
    run, kind = recorded(case, path, times=16), TASKS[case.task]
    if kind.one_class:
        return  # the recorded evidence of such runs is used: tests/workbench/issues
    evidence = case.predictions(run.dataset)
    before = wb.find_issues(run, per="unit", **evidence)
    assert before.attrs["verdicts"] == 0
    wrong = [one for one in case.decisions if (run.dataset.ids[one[0]], one[1]) in before.index]
    said = 0
    for row, key, value in wrong:
        old = run.dataset.values_at([row], [key], [kind.encode(value)])[0]
        run.journal.relabel(run.dataset.ids[row], kind.encode(value), old=old, units=key)
        said += kind.contradicts(kind.encode(value), old) is not None  # "unknown" means neither correct nor wrong
    after = wb.find_issues(run, per="unit", **evidence)
    assert after.attrs["verdicts"] == said > 0
    assert after["p_error"].mean() > before["p_error"].mean()
    program = run.dataset.ids[:20].tolist()
    unit = run.dataset.units.key(0) if run.dataset.units.m else before.index[0][1]
    run.journal.relabel(program, kind.encode(case.decisions[0][2]), old=None, units=unit, source="my script")
    again = wb.find_issues(run, per="unit", **evidence)
    assert again.attrs["verdicts"] == said, "a program gives no verdicts"


def check_attributes(units: pd.DataFrame, examples: pd.DataFrame) -> None:
    """Every number names what it counts, and both tables have both numbers."""
    assert (units.attrs["counted"], examples.attrs["counted"]) == ("units", "examples")
    for frame in (units, examples):
        assert frame.attrs["expected_errors"] == frame.attrs[f"expected_errors_{frame.attrs['counted']}"]
        assert frame.attrs["expected_errors"] == pytest.approx(frame["p_error"].sum(), abs=0.06)
        low, high = frame.attrs["expected_errors_interval"]
        assert low <= frame.attrs["expected_errors"] <= high
        assert frame.attrs["judged"] == frame["p_error"].notna().sum()
    both = ("expected_errors_units", "expected_errors_examples", "expected_errors_examples_interval")
    assert [units.attrs[name] for name in both] == [examples.attrs[name] for name in both]


# ---- files -------------------------------------------------------------------------------------------------------


def check_exports_come_back(case: Case, path: Path, suffixes: Sequence[str] = (".csv", ".jsonl", ".parquet")) -> None:
    """Exported labels with decisions are read back as the corrected labels, by id."""
    run, kind = recorded(case, path), TASKS[case.task]
    decide(run, case)
    run.journal.flag(run.dataset.ids[:1])
    wanted = case.labels_of(case.corrected)
    for suffix in suffixes:
        file = wb.export(run, path / f"labels{suffix}")
        told = {"id": "name", "label": "tags", "task": case.task, "classes": case.classes}
        read = importlib.import_module("workbench.review.export").read_labels(file, **told)
        assert read.ids.tolist() == run.dataset.ids.tolist() and read.classes == case.classes
        assert same(case, read.labels, wanted), suffix
        changed = read.metadata["changed"].tolist()
        assert [bool(one) for one in changed] == kind.differ(wanted, run.dataset.labels).tolist()
        assert read.metadata["flag"].tolist()[:2] == [True, False]
    changed = wb.export(run, path / "changed.jsonl", only_changed=True)
    assert len(changed.read_text(encoding="utf-8").splitlines()) == kind.differ(wanted, run.dataset.labels).sum()
    cleaned = wb.export(run, path / "cleaned.jsonl", cleaned="relabel")
    assert len(cleaned.read_text(encoding="utf-8").splitlines()) == (~kind.missing(wanted)).sum()


def check_formats(case: Case, path: Path) -> None:
    """Each format of the kind can read what it writes."""
    kind = TASKS[case.task]
    for name, form in kind.formats.items():
        run = recorded(case, path / name, texts=True)
        decide(run, case)
        wanted = case.labels_of(case.corrected)
        for suffix in form.suffixes:
            file = form.write(run, path / name / f"labels{suffix}")
            label = case.label_names.get(name, "tags")
            found = form.read(file, id="name", label=label, task=case.task, classes=case.classes)
            assert form.loses or same(case, found.labels, wanted), (name, suffix)


CHECKS = [value for name, value in sorted(globals().items()) if name.startswith("check_")]
CHECKS = [check for check in CHECKS if check not in (check_key, check_attributes)]
