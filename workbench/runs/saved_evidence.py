"""Read the evidence of a run that its kind of label stores as tables, such as scores of rankers."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from workbench.foundation.errors import RunError
from workbench.storage.evidence_tables import evidence_files, read_evidence_table
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
