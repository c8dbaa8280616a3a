"""Collect the reasons of a result: from pooled predictions, in-sample evidence, neighbours and links."""

from __future__ import annotations

import numpy as np

from workbench.evidence.evidence import Evidence
from workbench.issues import reasons
from workbench.issues.counted_neighbors import COUNTED, keep_near
from workbench.issues.linked import LINKS, linked_reason
from workbench.issues.nearby import labels_near
from workbench.issues.opinions import GIVEN_PROBS, VOTES
from workbench.issues.posterior import NEAREST_ROWS
from workbench.issues.ranking import Ranking
from workbench.storage.provenance import Provenance

EXPLAINED = 2000
"""In large sets, the number of rows that get reasons from their neighbours."""


def explained(evidence: Evidence, used: Ranking, p_error: np.ndarray) -> list[reasons.Reason]:
    """Return the reasons available for a result; the strength of each says to which rows it applies.

    Parameters
    ----------
    evidence : about n units. used : the views that are used, and those set aside.
    p_error : float (n,); rows with the largest values get the expensive reasons.
    """
    pooled, learned, seen, aside = used.pooled, used.learned, used.seen, used.aside
    given = evidence.given_labels
    found = []
    if pooled is not None and pooled.views != (VOTES,):
        what = reasons.OUT_OF_FOLD if set(pooled.views) <= {GIVEN_PROBS, VOTES} else reasons.HELD_OUT
        found.append(
            reasons.of_predictions(what, pooled.p_given, pooled.other, pooled.p_other, given, evidence.classes)
        )
    if pooled is not None and pooled.linked is not None and LINKS not in aside:
        found.append(linked_reason(evidence, pooled.linked))
        evidence.provenance[LINKS] = Provenance("edges", "array" if evidence.run is None else "user")
    votes = evidence.votes
    if pooled is not None and pooled.voted is not None and votes is not None:
        found.append(reasons.voted(votes, given, evidence.classes))
    if seen is not None:
        found.append(reasons.of_predictions(reasons.IN_SAMPLE, *seen, given, evidence.classes))
    if learned is not None:
        found.append(reasons.learning(learned.learned, learned.recorded, given))
    if pooled is not None and pooled.views != (VOTES,):
        sure = pooled.p_given
    elif learned is not None:
        sure = learned.p_given
    elif seen is not None:
        sure = seen[0]
    else:
        return found
    found.append(reasons.standing(np.asarray(sure, float), given, evidence.classes))
    if pooled is not None and pooled.vectors is not None and evidence.n > NEAREST_ROWS:
        rows = np.argsort(-np.nan_to_num(p_error, nan=-1.0), kind="stable")[:EXPLAINED]
        near = np.full((evidence.n, COUNTED), -1)
        found_near = labels_near(pooled.vectors, rows, np.arange(evidence.n), COUNTED)
        near[rows] = given[found_near]
        if evidence.run is not None:
            keep_near(evidence.run, rows, found_near)
        pooled.notes.append(f"reasons from neighbours only for the {len(rows):,} most suspicious")
        found.append(reasons.of_neighbors(near, given))
        evidence.provenance["neighbors"] = evidence.neighbor_source
    elif evidence.has("neighbor_labels") and "embeddings" not in aside:
        found.append(reasons.of_neighbors(np.asarray(evidence.get("neighbor_labels"))[:, :COUNTED], given))
        evidence.provenance["neighbors"] = evidence.neighbor_source
    return found
