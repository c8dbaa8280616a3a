"""Draw a small random sample for review, from which the number of label errors is estimated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.issues.audit_plan import Audit, check_error, complete, draw, store_plan, stored_plan, stratify
from workbench.issues.detector import find_issues
from workbench.runs.run import Run
from workbench.tasks import require_task


def audit(
    run: Run,
    budget: int = 200,
    *,
    seed: int = 0,
    issues: pd.DataFrame | None = None,
    reviewer_error: float | None = None,
) -> Audit:
    """Draw a stratified random sample for review, or continue the existing sample.

    Parameters
    ----------
    run : the run; the plan is stored in it (audit.parquet), so that later calls return the same sample.
    budget : number of examples to review. A larger budget later extends the sample, a smaller one does not change it.
    seed : same seed, same sample; used when the first sample of a run is drawn.
    issues : result of `find_issues`; computed if not given.
    reviewer_error : float in [0, .5), optional
        Share of verdicts that are wrong, if known; it is stored with the plan. By default it is estimated from second
        looks (`Audit.second_looks`), and before there are any, a usual value is assumed.

    Returns
    -------
    Audit: `.ids` to review in this order (in the Explorer: the queue "random audit"), `.estimate()` from the verdicts
    so far.

    Raises
    ------
    InputError : budget below 1, or reviewer_error outside [0, .5).

    Notes
    -----
    Ten strata by the cumulative square root of p(1 - p), sizes by Neyman allocation (Cochran 1977, Sampling
    Techniques, sections 5.5 and 5A.7), at least five from each. See `estimate_errors` for the interval, and
    `Audit.estimate` for the verdicts that count: a person's, in the order of the audit. Coverage of the 95 % interval
    with 3 % wrong verdicts, and without: benchmarks/audit.py.
    """
    if budget < 1:
        raise InputError.at("budget", f"is {budget}", "Pass the number of examples to review, such as 200.")
    check_error(reviewer_error)
    if not isinstance(run, Run):
        todo = "An audit is stored in a run: record or import one, and pass `wb.open_run(path)`."
        raise InputError.at("run", f"is a {type(run).__name__}", todo)
    require_task(run, "multiclass", "audit")
    plan = stored_plan(run, seed)
    if plan is not None:
        larger = int(plan["drawn"].sum()) < min(budget, len(plan))
        rate = None if reviewer_error is None or (plan["reviewer_error"] == reviewer_error).all() else reviewer_error
        if larger:
            plan = draw(plan, budget, seed)
        if rate is not None:
            plan = plan.assign(reviewer_error=float(rate))
        if larger or rate is not None:
            store_plan(run, plan)
        return Audit(run, plan)
    found = find_issues(run) if issues is None else issues
    judgeable = found["p_error"].dropna().reindex(run.dataset.ids).dropna()
    if judgeable.empty:
        raise InputError("there is nothing to audit: no example has a given label and a p_error.")
    p = judgeable.to_numpy(dtype=float)
    stratum = stratify(p)
    turn = pd.Series(np.random.default_rng(seed).permutation(len(p))).groupby(stratum).rank(method="first").to_numpy()
    columns = {"id": judgeable.index.to_numpy(), "p_error": p, "stratum": stratum, "turn": turn.astype(np.int64) - 1}
    plan = complete(pd.DataFrame(columns).assign(drawn=False), seed)
    if reviewer_error is not None:
        plan["reviewer_error"] = float(reviewer_error)
    plan = draw(plan, budget, seed)
    store_plan(run, plan)
    return Audit(run, plan)
