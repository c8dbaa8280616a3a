"""Several runs as one view: the label issues of the ensemble with the maps and the journal of its first run.

Examples that are not in all runs remain visible, but are not judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.foundation.errors import MissingEvidence
from workbench.issues import find_issues

if TYPE_CHECKING:
    import pandas as pd

    from workbench.scores.ensemble import Ensemble


def pooled_issues(pool: Ensemble, verdicts: pd.Series) -> pd.DataFrame:
    """Return `workbench.find_issues(pool)` for every example of the first run; those missing in other runs come
    last."""
    issues = find_issues(pool, verdicts=verdicts)
    dataset = pool.runs[0].dataset
    alone = dataset.ids[~np.isin(dataset.ids, pool.ids)]
    if not len(alone):
        return issues
    attrs = issues.attrs
    whole = issues.reindex([*issues.index, *alone])
    whole["row"] = dataset.rows(whole.index.to_numpy())
    whole["given_label"] = dataset.given[whole["row"]]
    whole["is_issue"] = whole["is_issue"].eq(True)
    for name in ("reasons", "reason_kinds"):
        whole[name] = whole[name].fillna("")
    whole["suggested_label"] = dataset.labels_of(dataset.codes_of(whole["suggested_label"]))
    whole.index.name, whole.attrs = "id", attrs
    return whole


def pooled_scores(pool: Ensemble) -> pd.DataFrame:
    """Return mean and spread of each score over the runs, and the disagreement of predictions, by row of the first
    run."""
    parts = [pool.scores(), _disagreement(pool)]
    scores = parts[0].join(parts[1]).reindex(pool.runs[0].dataset.ids)
    scores.index.name, scores.attrs = "id", {"scores": parts[0].attrs["scores"] | parts[1].attrs["scores"]}
    return scores


def _disagreement(pool: Ensemble) -> pd.DataFrame:
    """Return `pool.disagreement()`; no columns if fewer than two runs have predictions."""
    try:
        return pool.disagreement()
    except MissingEvidence:
        nothing = pd.DataFrame(index=pd.Index(pool.ids, name="id"))
        nothing.attrs = {"scores": {}}
        return nothing


def pool_in_words(pool: Ensemble) -> str:
    """Describe which parts come from all runs, which from the first run, and where decisions are stored."""
    first, *others = (run.name for run in pool.runs)
    return (
        f"decisions go to the journal of {first}; label issues and scores come from {first}, {', '.join(others)}; "
        f"curves, neighbours, matrices and embedding map come from {first}"
    )
