"""The detector's answers for a run, kept in its cache, so that they are computed only once.

`find_issues` keeps its answer under all that it depends on (`Kept`). What a view shows (`kept_issues`) goes by the
evidence, not the journal: who looks again after some decisions gets the same order, the one that is being worked
through.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from workbench.issues.kinds import ESTIMATORS
from workbench.runs.run import Run
from workbench.storage.cache import evidence_key, key_digest, load_frame, store_frame, stored_key

if TYPE_CHECKING:
    import pandas as pd


NAME = "shown-issues"
VERSION = 11
"""Of the detector: another number when the same evidence gives another result."""


def kind_key(run: Run) -> dict[str, object]:
    """What an answer depends on besides the evidence: the kind of label, and the version of its estimator."""
    return {"task": run.task, "estimator": ESTIMATORS[run.task].version} if run.task in ESTIMATORS else {}


DEFAULTS = {"fdr": None, "threshold": 0.5, "seed": 0}
"""Arguments of a plain `find_issues(run)`."""


def kept_issues(run: Run, special: Mapping[str, object] | None = None) -> pd.DataFrame | None:
    """What `keep_issues` kept for the same evidence, as `find_issues` returns it; None where there is nothing.

    Parameters
    ----------
    run : Run
    special : dict, optional
        What the answer depends on besides the evidence, such as the author whose verdicts were used.
    """
    return load_frame(run.layout, *_place(run, special))


def keep_issues(run: Run, issues: pd.DataFrame, special: Mapping[str, object] | None = None) -> None:
    """Keep the result of `find_issues` in the run's cache."""
    store_frame(run.layout, *_place(run, special), issues, quiet=False)


def _place(run: Run, special: Mapping[str, object] | None) -> tuple[str, dict[str, object]]:
    """Name and key in the cache."""
    special = dict(special or {})
    name = f"{NAME}-for={key_digest(special)[:8]}" if special else NAME
    return name, evidence_key(run.layout, run.dataset) | {"detector": VERSION} | special


def is_run(source: Any) -> TypeGuard[Run]:
    """Whether this is a recorded run, which has a cache of its own."""
    return isinstance(source, Run)


class Kept:
    """The place in a run's cache of one answer of `find_issues`: one for each set of arguments, always the last.

    Parameters
    ----------
    run : Run
    arguments : dict of numbers or None
    verdicts : Series of bool indexed by id, as they are used; None without
    """

    def __init__(self, run: Run, arguments: Mapping[str, object], verdicts: pd.Series | None) -> None:
        self._run = run
        arguments = {name: str(value) for name, value in arguments.items()}
        self._name = f"issues-for={key_digest(arguments)[:8]}"
        self._key = evidence_key(run.layout, run.dataset) | arguments
        self._key |= {"detector": VERSION, "classes": list(run.dataset.classes), "mode": run.mode}
        self._key["verdicts"] = _digest_of(verdicts)

    def load(self) -> pd.DataFrame | None:
        """The answer, equal in every bit, dtype and attribute; None where there is none of this user's."""
        frame = load_frame(self._run.layout, self._name, self._key)
        if frame is None or self._key.get("per") != "unit":
            return frame
        attrs, frame = frame.attrs, frame.set_index(["id", "unit"])
        frame.attrs = attrs
        return frame

    def store(self, issues: pd.DataFrame) -> None:
        """Keep an answer in place of the last one; in a place that cannot be written nothing is kept."""
        if issues.index.nlevels > 1:
            attrs, issues = issues.attrs, issues.reset_index()
            issues.attrs = attrs
        store_frame(self._run.layout, self._name, self._key, issues)


def last_issues(run: Run) -> pd.DataFrame | None:
    """The last answer of `find_issues(run)`, or of a view, for the same evidence; None where there is none.

    The verdicts that it used may be older ones: whoever exports decides first, and does not want to wait again.
    """
    kept = Kept(run, DEFAULTS | ({} if run.dataset.kind.one_class else {"per": "example"} | kind_key(run)), None)
    found = stored_key(run.layout, kept._name)
    wanted = {name: value for name, value in kept._key.items() if name != "verdicts"}
    if found is not None and wanted == {name: found.get(name) for name in wanted}:
        frame = load_frame(run.layout, kept._name, found)
        if frame is not None:
            return frame
    return kept_issues(run)


def _digest_of(verdicts: pd.Series | None) -> str | None:
    if verdicts is None:
        return None
    said = json.dumps([verdicts.index.tolist(), verdicts.astype(bool).tolist()], default=str)
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()
