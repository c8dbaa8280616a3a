"""Save and read the evidence of a run that its kind of label stores as tables, such as scores of rankers."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, RunError
from workbench.storage.evidence_tables import evidence_files, read_evidence_table, write_evidence
from workbench.storage.layout import Layout
from workbench.storage.provenance import Provenance

if TYPE_CHECKING:
    from workbench.runs.run import Run

_READ: weakref.WeakKeyDictionary[Run, dict[str, tuple[tuple[int, ...], SavedEvidence]]] = weakref.WeakKeyDictionary()
"""What was read last of each run, by name, with the version of its file."""


@dataclass(frozen=True)
class SavedEvidence:
    """Evidence in the form in which `find_issues` takes it, and its provenance; `str(provenance)` is in words."""

    values: Any
    provenance: Provenance


def save_tables(
    layout: Layout, dataset: Dataset, given: Mapping[str, Any], *, source: str = "", saw_labels: bool | None = None
) -> None:
    """Validate evidence by name, and write it; nothing is written if any of it is invalid.

    Raises
    ------
    InputError : the kind of label does not store one of the names, or the values are not valid for it.
    """
    forms = dataset.kind.evidence_forms
    for name in given:
        if name not in forms:
            todo = f"The labels are of the task {dataset.task!r}."
            if not forms:
                found = f"is {dataset.task!r}, for which a run stores no tables of evidence"
                raise InputError.at("task", found, "Pass evidence to `find_issues` with the run.")
            raise InputError.unknown("evidence", name, forms, todo)
    tables = {name: forms[name].store(dataset, values) for name, values in given.items()}
    for name, table in tables.items():
        write_evidence(layout, name, table, Provenance("evidence", "user", source, saw_labels=saw_labels))


def saved_names(run: Run) -> tuple[str, ...]:
    """Names of the evidence that is saved in a run and that its kind of label has, in alphabetical order."""
    return tuple(name for name in evidence_files(run.layout) if name in run.dataset.kind.evidence_forms)


def saved_evidence(run: Run, name: str) -> SavedEvidence | None:
    """Read what `Run.save_evidence` stored under a name; None if there is nothing.

    Raises
    ------
    RunError : the file is damaged or belongs to another run.
    """
    path = evidence_files(run.layout).get(name)
    if path is None or name not in run.dataset.kind.evidence_forms:
        return None
    form = run.dataset.kind.evidence_forms[name]
    path = run.layout.here(path)
    try:
        stat = path.stat()
        version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        before = _READ.setdefault(run, {}).get(name)
        if before is not None and before[0] == version:
            return before[1]
        table, provenance = read_evidence_table(path)
        values = form.restore(run.dataset, table)
        form.store(run.dataset, values)  # validates them
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        todo = f"Delete it, or save it again with `run.save_evidence({name!r}, ...)`."
        raise RunError(f"{path} cannot be used ({error}). {todo}") from error
    found = SavedEvidence(values, provenance)
    _READ[run][name] = version, found
    return found
