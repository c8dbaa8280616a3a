"""Draw a small random sample for review, from which the number of label errors is estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.issues.audit_plan import (
    Audit,
    check_error,
    complete,
    draw,
    store_plan,
    stored_plan,
    stratify,
    stratify_sides,
)
from workbench.issues.detector import find_issues
from workbench.issues.example_audit import ExampleAudit
from workbench.issues.per_example import check_per
from workbench.runs.run import Run

if TYPE_CHECKING:
    from workbench.data.dataset import Dataset


def audit(
    run: Run,
    budget: int = 200,
    *,
    per: str = "unit",
    seed: int = 0,
    issues: pd.DataFrame | None = None,
    reviewer_error: float | None = None,
) -> Audit:
    """Draw a stratified random sample for review, or continue the existing sample.

    Parameters
    ----------
    run : the run; the plan is stored in it, so that later calls return the same sample.
    budget : number of units to review: examples, or tags or numbers of examples that have several; with per="example",
        of examples. A larger budget
        later extends the sample, a smaller one does not change it.
    per : what is drawn. "unit": units, each judged alone. "example": examples, of which a person judges all units and
        whether any is missing (`ExampleAudit`); the same as units if each example is its own unit. A run can have one
        audit of each, stored in audit.parquet and audit_examples.parquet.
    seed : same seed, same sample; used when the first sample of a run is drawn.
    issues : result of `find_issues`, with per="unit" if labels are not one class per example; computed if not given.
    reviewer_error : float in [0, .5), optional
        Share of verdicts that are wrong, if known; it is stored with the plan. By default it is estimated from second
        looks (`Audit.second_looks`), and before there are any, a usual value is assumed.

    Returns
    -------
    Audit: `.ids` to review in this order (in the Explorer: the queue "random audit"), with the unit of each in
    `.units`; `.estimate()` from the verdicts so far. With per="example", an `ExampleAudit`, if examples have units.

    Raises
    ------
    InputError : budget below 1, reviewer_error outside [0, .5), an unknown `per`, or nothing to audit.
    MissingEvidence : there is no evidence about which labels are wrong.

    Notes
    -----
    Ten strata by the cumulative square root of p(1 - p), sizes by Neyman allocation (Cochran 1977, Sampling
    Techniques, sections 5.5 and 5A.7), at least five from each. If a unit can be given or missing (a tag, an object),
    given and missing units have separate strata. See `estimate_errors` for the interval, and `Audit.estimate` for the
    verdicts that count: those of a person, in the order of the audit. The coverage of the 95 % interval with 3 % wrong
    verdicts, and without, is measured in benchmarks/audit.py.

    Units are drawn independently of their example, so the number of wrong units is estimated with its interval, and the
    number of examples with at least one is only bounded; per="example" estimates both, also counts what is missing
    where nothing was proposed, and takes more time for each example. Units that `find_issues` does not list (with more
    than 5,000,000 cells, those that are neither given nor likely) cannot be drawn and are not counted.
    """
    if budget < 1:
        raise InputError.at("budget", f"is {budget}", "Pass the number of examples or units to review, such as 200.")
    check_error(reviewer_error)
    if not isinstance(run, Run):
        todo = "An audit is stored in a run: record or import one, and pass `wb.open_run(path)`."
        raise InputError.at("run", f"is a {type(run).__name__}", todo)
    check_per(per)
    whole = per == "example" and run.dataset.units.keys is not None
    per = "example" if whole else "unit"
    kind = ExampleAudit if whole else Audit
    plan = stored_plan(run, seed, per)
    if plan is not None:
        larger = int(plan["drawn"].sum()) < min(budget, len(plan))
        rate = None if reviewer_error is None or (plan["reviewer_error"] == reviewer_error).all() else reviewer_error
        if larger:
            plan = draw(plan, budget, seed)
        if rate is not None:
            plan = plan.assign(reviewer_error=float(rate))
        if larger or rate is not None:
            store_plan(run, plan, per)
        return kind(run, plan)
    plan = _plan_of_examples(run, issues, seed) if whole else _fresh_plan(run, issues, seed)
    if reviewer_error is not None:
        plan["reviewer_error"] = float(reviewer_error)
    plan = draw(plan, budget, seed)
    store_plan(run, plan, per)
    return kind(run, plan)


def _plan_of_examples(run: Run, issues: pd.DataFrame | None, seed: int) -> pd.DataFrame:
    """Return a plan of examples without any drawn ones: all that have a label, those without units included."""
    dataset = run.dataset
    found = issues
    if found is None or list(found.index.names) != ["id", "unit"]:
        found = find_issues(run, per="unit")
    rows = dataset.index.get_indexer(found.index.get_level_values("id"))
    p = np.nan_to_num(found["p_error"].to_numpy(float))[rows >= 0]
    rows = rows[rows >= 0]
    none = np.bincount(rows, np.log1p(-np.clip(p, 0, 1 - 1e-9)), dataset.n)
    labelled = np.flatnonzero(~np.asarray(dataset.kind.missing(dataset.labels), bool))
    if not len(labelled):
        raise InputError("there is nothing to audit: no example has a label.")
    columns = {
        "id": dataset.ids[labelled], "p_error": -np.expm1(none[labelled]),
        "expected": np.bincount(rows, p, dataset.n)[labelled],
        "units": np.bincount(rows, minlength=dataset.n)[labelled].astype(np.int64),
    }  # fmt: skip
    stratum = stratify(columns["p_error"])
    return complete(_in_turn(pd.DataFrame(columns).assign(stratum=stratum), seed), seed)


def _in_turn(plan: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Add the random order within strata to a plan of which nothing is drawn."""
    order = pd.Series(np.random.default_rng(seed).permutation(len(plan)))
    turn = order.groupby(plan["stratum"].to_numpy()).rank(method="first").to_numpy()
    return plan.assign(turn=turn.astype(np.int64) - 1, drawn=False)


def _fresh_plan(run: Run, issues: pd.DataFrame | None, seed: int) -> pd.DataFrame:
    """Return a plan without any drawn units."""
    dataset = run.dataset
    if dataset.kind.one_class:
        found = find_issues(run) if issues is None else issues
        judgeable = found["p_error"].dropna().reindex(dataset.ids).dropna()
        named = {"id": judgeable.index.to_numpy()}
        added = np.zeros(len(judgeable), bool)
    else:
        found = issues
        if found is None or list(found.index.names) != ["id", "unit"]:
            found = find_issues(run, per="unit")
        rows = dataset.index.get_indexer(found.index.get_level_values("id"))
        found = found.iloc[np.argsort(rows, kind="stable")[int((rows < 0).sum()) :]]
        judgeable = found["p_error"].dropna()
        named = {name: judgeable.index.get_level_values(name).to_numpy() for name in ("id", "unit")}
        added = _not_given(dataset, found)[found["p_error"].notna().to_numpy()]
    if judgeable.empty:
        what = "example" if dataset.kind.one_class else f"unit ({dataset.kind.one_unit})"
        raise InputError(f"there is nothing to audit: no {what} has a given label and a p_error.")
    p = judgeable.to_numpy(dtype=float)
    stratum = stratify_sides(p, added)
    return complete(_in_turn(pd.DataFrame(named | {"p_error": p, "stratum": stratum}), seed), seed)


def _not_given(dataset: Dataset, found: pd.DataFrame) -> np.ndarray:
    """Return a mask (m,) of the units that are given as absent, so that an error means that something is missing."""
    kind = dataset.kind
    if dataset.units.keys is None or not (kind.nothing or kind.asks == "yes/no") or "given_label" not in found:
        return np.zeros(len(found), bool)
    return np.asarray(found["given_label"].to_numpy(object) == kind.answers(dataset.classes)[0], bool)
