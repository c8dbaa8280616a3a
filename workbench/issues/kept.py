"""Cache the detector's results for a run.

`find_issues` keeps its result under a key of everything it depends on (`Kept`). The results shown in a view
(`kept_issues`) depend on the evidence but not on the journal: reopening the view after some decisions shows the same
order.
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
VERSION = 17
"""Version of the detector, increased if the same evidence gives a different result."""


FINDING = 2
"""Of what all kinds of labels with an estimator of their own share (`workbench.issues.kinds.finding`)."""


def kind_key(run: Run) -> dict[str, object]:
    """Return what a result depends on besides the evidence: the kind of label, and the version of its estimator."""
    if run.task not in ESTIMATORS:
        return {}
    return {"task": run.task, "estimator": ESTIMATORS[run.task].version, "finding": FINDING}


DEFAULTS = {"fdr": None, "threshold": 0.5, "seed": 0}
"""Arguments of a plain `find_issues(run)`."""


def kept_issues(run: Run, special: Mapping[str, object] | None = None) -> pd.DataFrame | None:
    """Return the result stored by `keep_issues` for the same evidence, or None.

    Parameters
    ----------
    run : Run
    special : dict, optional
        What the result depends on besides the evidence, such as the author whose verdicts were used.
    """
    return load_frame(run.layout, *_place(run, special))


def keep_issues(run: Run, issues: pd.DataFrame, special: Mapping[str, object] | None = None) -> None:
    """Keep the result of `find_issues` in the run's cache."""
    store_frame(run.layout, *_place(run, special), issues, quiet=False)


def _place(run: Run, special: Mapping[str, object] | None) -> tuple[str, dict[str, object]]:
    """Return name and key in the cache."""
    special = dict(special or {})
    name = f"{NAME}-for={key_digest(special)[:8]}" if special else NAME
    return name, evidence_key(run.layout, run.dataset) | {"detector": VERSION} | special


def is_run(source: Any) -> TypeGuard[Run]:
    """Return whether the source is a recorded run, which has a cache."""
    return isinstance(source, Run)


class Kept:
    """Cache entry for one result of `find_issues`: the latest one for each set of arguments.

    Parameters
    ----------
    run : Run
    arguments : dict of numbers or None
    verdicts : Series of bool indexed by id, or None
    audit : key of what the audit says that the result follows; "" without one
    """

    def __init__(self, run: Run, arguments: Mapping[str, object], verdicts: pd.Series | None, audit: str = "") -> None:
        self._run = run
        arguments = {name: str(value) for name, value in arguments.items()}
        self.name = f"issues-for={key_digest(arguments)[:8]}"
        self.key = evidence_key(run.layout, run.dataset) | arguments
        self.key |= {"detector": VERSION, "classes": list(run.dataset.classes), "mode": run.mode}
        self.key["verdicts"] = _digest_of(verdicts)
        self.key |= {"audit": audit} if audit else {}

    def load(self) -> pd.DataFrame | None:
        """Return the stored result, identical in values, dtypes and attributes; None if this user has none."""
        frame = load_frame(self._run.layout, self.name, self.key)
        if frame is None or self.key.get("per") != "unit":
            return frame
        attrs, frame = frame.attrs, frame.set_index(["id", "unit"])
        frame.attrs = attrs
        return frame

    def store(self, issues: pd.DataFrame) -> None:
        """Store a result, replacing the previous one; nothing is kept if the cache cannot be written."""
        if issues.index.nlevels > 1:
            attrs, issues = issues.attrs, issues.reset_index()
            issues.attrs = attrs
        store_frame(self._run.layout, self.name, self.key, issues)


def last_issues(run: Run) -> pd.DataFrame | None:
    """Return the last result of `find_issues(run)`, or of a view, for the same evidence; None if there is none.

    It may be based on older verdicts: an export usually follows decisions and should not recompute the result.
    """
    kept = Kept(run, DEFAULTS | ({} if run.dataset.kind.one_class else {"per": "example"} | kind_key(run)), None)
    found = stored_key(run.layout, kept.name)
    wanted = {name: value for name, value in kept.key.items() if name != "verdicts"}
    if found is not None and wanted == {name: found.get(name) for name in wanted}:
        frame = load_frame(run.layout, kept.name, found)
        if frame is not None:
            return frame
    return kept_issues(run)


def _digest_of(verdicts: pd.Series | None) -> str | None:
    if verdicts is None:
        return None
    said = json.dumps([verdicts.index.tolist(), verdicts.astype(bool).tolist()], default=str)
    return hashlib.blake2b(said.encode(), digest_size=12).hexdigest()
