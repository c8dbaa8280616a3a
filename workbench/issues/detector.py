"""One probability per example that its given label is wrong, from all evidence there is, with reasons.

Out-of-sample views (leave-one-out classifiers on embeddings, the user's out-of-fold probabilities) are pooled and
turned into a posterior by Bayes' rule (`combine`); training dynamics, and in-sample probabilities, which have seen the
label, only help to rank (`dynamics`). The probabilities are a monotone function of the rank (`calibrate`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.checks import check_share
from workbench.cluster import issues_there
from workbench.errors import InputError, MissingEvidence
from workbench.evidence import Evidence
from workbench.issues import calibrate, reasons
from workbench.issues.combine import NEAREST_ROWS, Opinion, labels_near, opinion
from workbench.issues.dynamics import Doubt, doubt, normal_scores
from workbench.issues.review import known_verdicts, with_verdicts
from workbench.run import opened

if TYPE_CHECKING:
    from workbench.dataset import Dataset
    from workbench.run import Run

SECOND_VIEW = 0.3
"""Weight of training dynamics beside classifiers on embeddings; beside given probabilities alone it is 1."""

IN_SAMPLE = 0.25
"""Weight of probabilities that have seen the label beside anything else: they say how hard it was to memorise."""

EXPLAINED = 2000
"""In large sets, how many rows are told what their neighbours say."""

MODEL_ERROR = 0.15
"""Relative standard error of the expected number of errors beyond chance, as seen on sets with known errors."""


def find_issues(
    source: Run | Evidence | Dataset | Any,
    fdr: float | None = None,
    threshold: float = 0.5,
    *,
    verdicts: pd.Series | None = None,
    seed: int = 0,
    client: Any = None,
    **arrays: Any,
) -> pd.DataFrame:
    """All examples by how likely their given label is wrong, the most suspicious first.

    Parameters
    ----------
    source : a Run or its path; Evidence; or given labels (class indices or names, or a Dataset) with `arrays`
    fdr : the largest expected share of false alarms among the issues; the cut is then the largest set that keeps it
    threshold : without `fdr`, examples with p_error of at least this are issues
    verdicts : Series of bool indexed by id, True = the given label is wrong: recalibrates p_error, as a whole and by
        (given, suggested) pair of classes (`review.with_verdicts`). For a Run those of its journal are used ("relabel"
        True, "keep" False) unless given
    seed : of everything random; the same seed gives the same result
    client : a dask.distributed Client: one of its workers does it, since the classifiers rest on all rows at once
    arrays : `pred_probs`, `logits`, `embeddings`, `texts`, ... beside given labels, as in `Evidence.from_arrays`

    Returns
    -------
    DataFrame indexed by id, n rows
        given, suggested : class names; None where there is no label, or nothing to suggest
        p_error : float64 in [0, 1], probability that the given label is wrong; NaN for an unlabelled example
        p_suggested : float64 in [0, 1], probability of the suggested label
        is_issue : bool
        reasons : str, up to three, strongest first
        row : int64, row in the dataset
        attrs : evidence, pred_probs, threshold, expected_errors, expected_errors_interval, judged, unlabelled, method,
            sources

    Raises
    ------
    MissingEvidence
        There is neither a probability, nor an embedding, nor a recorded epoch, nor text.
    InputError
        fdr or threshold outside [0, 1]; verdicts of which none is on one of the examples (some: a warning).

    Notes
    -----
    `suggested` is the likeliest class beside the given one where p_error is at least 1/2 or the example is an issue,
    else the given one; for an unlabelled example the likeliest class. Unlabelled examples come last, and are no issues.
    With a single class no label can be wrong: p_error is 0.
    """
    for name, value in {"fdr": fdr, "threshold": threshold}.items():
        if np.ndim(value):
            found = f"is an array of shape {np.shape(value)}"
            raise InputError.at(name, found, "Pass arrays by name: `pred_probs=`, `embeddings=`.")
        if value is not None:
            check_share(name, value)
    if verdicts is not None and not isinstance(verdicts, pd.Series):
        todo = "Give a Series of bool indexed by id: True = the given label is wrong."
        raise InputError.at("verdicts", f"is a {type(verdicts).__name__}", todo)
    source = opened(source)
    if verdicts is None:
        verdicts = _journal_verdicts(source)
    if client is not None:
        verdicts = pd.Series(dtype=bool) if verdicts is None else verdicts
        source = Evidence.of(source, **arrays) if arrays else source
        return issues_there(source, client, fdr=fdr, threshold=threshold, verdicts=verdicts, seed=seed)
    evidence = Evidence.of(source, **arrays)
    given = evidence.given_labels
    labelled = given >= 0
    pooled = opinion(evidence, seed)
    learned = doubt(evidence)
    seen = _in_sample(evidence)
    if pooled is None and learned is None and seen is None:
        raise _nothing(evidence)
    score, views = _rank(evidence, pooled, learned, seen)
    rough = _rough(score, pooled, learned, seen)
    p_error = np.full(evidence.n, np.nan)
    usable = labelled & ~np.isnan(score)
    if evidence.k == 1:
        p_error[labelled] = 0.0
    else:
        p_error[usable] = calibrate.along_score(score[usable], rough[usable])
        blind = labelled & ~usable
        p_error[blind] = p_error[usable].mean() if usable.any() else np.nan
    told = ""
    if verdicts is not None and len(verdicts):
        verdicts = known_verdicts(verdicts, pd.Index(evidence.ids))
        pair = _pairs(given, pooled, learned, evidence.k)
        moved, told = with_verdicts(pd.Series(p_error, index=evidence.ids), verdicts, pair)
        p_error = moved.to_numpy()
    if fdr is None:
        is_issue = np.nan_to_num(p_error, nan=-1.0) >= threshold
        how = f"p_error >= {threshold:g}"
    else:
        is_issue = calibrate.largest_set(p_error, fdr)
        how = f"largest set with a mean of 1 - p_error of at most {fdr:g} (expected share of false alarms)"
    suggested, p_suggested = _suggest(evidence, pooled, learned, p_error, is_issue)
    words = reasons.strongest(_reasons(evidence, pooled, learned, seen, p_error), evidence.n)
    names = np.array([*evidence.classes, None], object)
    frame = pd.DataFrame(
        {
            "given": names[given],
            "suggested": names[suggested],
            "p_error": p_error,
            "p_suggested": p_suggested,
            "is_issue": is_issue,
            "reasons": words,
            "row": np.arange(evidence.n, dtype=np.int64),
        },
        index=pd.Index(evidence.ids, name="id"),
    )
    order = np.lexsort((frame["row"], -np.nan_to_num(score, nan=-np.inf), -np.nan_to_num(p_error, nan=-1.0)))
    frame = frame.iloc[order]
    frame.attrs = _attrs(evidence, pooled, learned, views, how, told, p_error)
    return frame


def _journal_verdicts(run: Any) -> pd.Series | None:
    """Verdicts of a run's journal as bool: True = the given label is wrong; None without a journal file."""
    if not hasattr(run, "stat_blocks") or not run.layout.journal.exists():
        return None
    state = run.journal.state()
    verdicts = state["verdict"].map({"relabel": True, "keep": False}).dropna()
    return known_verdicts(verdicts, run.dataset._index, journal=True)


def _nothing(evidence: Evidence) -> MissingEvidence:
    how = (
        "Record a training with `Recorder`, store probabilities with `run.save_pred_probs`, or add embeddings or text."
    )
    if evidence.has("embeddings"):
        how = "Embeddings alone need at least two classes that are given and have an embedding. " + how
    return MissingEvidence.needed("find_issues", ["pred_probs, embeddings or recorded epochs"], how)


def _in_sample(evidence: Evidence) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(p_given, other, p_other) of in-sample probabilities; None without."""
    if not evidence.has("pred_probs") or evidence.out_of_fold:
        return None
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    p_given, p_other = np.full(n, np.nan), np.full(n, np.nan)
    other = np.full(n, -1, np.int64)
    for start in range(0, n, max(1, (1 << 22) // k)):
        rows = slice(start, min(start + max(1, (1 << 22) // k), n))
        block = np.array(evidence.get("pred_probs", rows), np.float32)
        every = np.flatnonzero(given[rows] >= 0)
        p_given[start + every] = block[every, given[rows][every]]
        if k > 1:
            block[every, given[rows][every]] = -1
            other[rows] = block.argmax(axis=1)
            p_other[rows] = block.max(axis=1)
    return p_given, other, p_other


def _rank(
    evidence: Evidence, pooled: Opinion | None, learned: Doubt | None, seen: tuple | None
) -> tuple[np.ndarray, list[str]]:
    """Normal scores of all views added (n,), NaN where no view has a say; and the views in words."""
    views: list[str] = []
    total, weight = np.zeros(evidence.n), np.zeros(evidence.n)

    def add(values: np.ndarray, share: float) -> None:
        there = ~np.isnan(values)
        total[there] += share * values[there]
        weight[there] += share

    second = 1.0
    if pooled is not None:
        views += list(pooled.views)
        add(normal_scores(calibrate.logit(pooled.p_wrong.astype(float))), 1.0)
        second = SECOND_VIEW if any(view != "given pred_probs" for view in pooled.views) else 1.0
    if learned is not None:
        views.append("training dynamics")
        add(learned.doubt, second)
    if seen is not None:
        views.append("in-sample pred_probs")
        add(normal_scores(-np.log(np.maximum(seen[0], 1e-9))), IN_SAMPLE)
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan), views


def _rough(score: np.ndarray, pooled: Opinion | None, learned: Doubt | None, seen: tuple | None) -> np.ndarray:
    """A probability of error for each row whose mean is the estimated share of errors."""
    if pooled is not None:
        return np.nan_to_num(pooled.p_rough.astype(float), nan=0.0)
    seen_p = learned.p_given if learned is not None else seen[0]
    return calibrate.around_share(score, low_share(seen_p))


def low_share(p_given: np.ndarray) -> float:
    """Share of rows whose probability of the given label is below half the average: a rough share of errors."""
    known = p_given[~np.isnan(p_given)]
    return float((known < known.mean() / 2).mean()) if len(known) else 0.0


def _suggest(
    evidence: Evidence, pooled: Opinion | None, learned: Doubt | None, p_error: np.ndarray, is_issue: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(class index or -1, probability) of the suggested label of each row."""
    given = evidence.given_labels
    if pooled is not None:
        other = pooled.other.astype(np.int64)
        share = pooled.p_suggested / np.maximum(pooled.p_wrong, 1e-9)
        p_other = np.where(given >= 0, np.clip(share, 0, 1) * p_error, pooled.p_other)
    elif learned is not None:
        other, p_other = learned.other, p_error
    else:
        other, p_other = np.full(evidence.n, -1), np.full(evidence.n, np.nan)
    doubted = (given < 0) | (((p_error >= 0.5) | is_issue) & (other >= 0))
    suggested = np.where(doubted, other, given)
    return suggested, np.where(doubted, np.where(other >= 0, p_other, np.nan), 1 - p_error).astype(float)


def _pairs(given: np.ndarray, pooled: Opinion | None, learned: Doubt | None, k: int) -> np.ndarray:
    """(n,) a number for each pair of given class and likeliest other class."""
    view = pooled if pooled is not None else learned
    other = np.full(len(given), -1) if view is None else view.other
    codes = (given + 1) * (k + 1) + other + 1
    return np.unique(codes, return_inverse=True)[1].reshape(len(given))


def _reasons(
    evidence: Evidence, pooled: Opinion | None, learned: Doubt | None, seen: tuple | None, p_error: np.ndarray
) -> list[reasons.Reason]:
    given = evidence.given_labels
    found = []
    if pooled is not None:
        what = "leave-one-out" if "given pred_probs" not in pooled.views else "out-of-fold"
        found.append(reasons.predicted(what, pooled.p_given, pooled.other, pooled.p_other, given, evidence.classes))
    if seen is not None:
        found.append(reasons.predicted("in-sample", *seen, given, evidence.classes))
    if learned is not None:
        found.append(reasons.learning(learned.learned, learned.recorded, given))
    sure = pooled.p_given if pooled is not None else learned.p_given if learned is not None else seen[0]
    found.append(reasons.standing(np.asarray(sure, float), given, evidence.classes))
    if pooled is not None and pooled.vectors is not None and evidence.n > NEAREST_ROWS:
        rows = np.argsort(-np.nan_to_num(p_error, nan=-1.0), kind="stable")[:EXPLAINED]
        near = np.full((evidence.n, 10), -1)
        near[rows] = labels_near(pooled.vectors, rows, given, 10)
        pooled.notes.append(f"neighbours as reasons for the {len(rows):,} most suspicious only")
        found.append(reasons.neighbors(near, given))
    elif evidence.has("neighbor_labels"):
        found.append(reasons.neighbors(np.asarray(evidence.get("neighbor_labels"))[:, :10], given))
    return found


def _attrs(
    evidence: Evidence,
    pooled: Opinion | None,
    learned: Doubt | None,
    views: list[str],
    how: str,
    told: str,
    p_error: np.ndarray,
) -> dict[str, Any]:
    """What the result rests on, in words and numbers."""
    known = p_error[~np.isnan(p_error)]
    expected = float(known.sum())
    spread = float(np.sqrt((known * (1 - known)).sum() + (MODEL_ERROR * expected) ** 2))
    method = [*(pooled.notes if pooled is not None else [])]
    if learned is not None:
        best = np.argsort(-learned.weights)[:3] + 1
        method.append(f"epochs that tell most: {', '.join(str(epoch) for epoch in sorted(best.tolist()))}")
    if told:
        method.append(told)
    kind = "none"
    if evidence.has("pred_probs"):
        kind = "out-of-fold" if evidence.out_of_fold else "in-sample: they have seen the labels and only help to rank"
    return {
        "evidence": ", ".join(views),
        "pred_probs": kind,
        "threshold": how,
        "expected_errors": round(expected, 1),
        "expected_errors_interval": (
            max(0.0, round(expected - 1.96 * spread, 1)),
            min(float(len(known)), round(expected + 1.96 * spread, 1)),
        ),
        "judged": len(known),
        "unlabelled": int((evidence.given_labels < 0).sum()),
        "method": "; ".join(method),
        "sources": dict(evidence.notes),
    }


def canary_report(issues: pd.DataFrame, planted: pd.DataFrame) -> dict[str, Any]:
    """How well the ranking finds errors that were planted on purpose.

    Parameters
    ----------
    issues : result of `find_issues` on the data set with the planted errors
    planted : DataFrame with columns id, true_label, planted_label (`run.planted()`)

    Returns
    -------
    dict
        planted : int, canaries that were judged
        caught : int, how many of them are issues; recall : their share
        false_alarms : int, issues that are not planted (some are real errors: this is an upper limit)
        false_alarm_share : float, false_alarms / issues
        found_at_planted : float, share of canaries among as many rows at the top as were planted
        corrected : float, share of caught canaries whose suggested label is the true one
        sentence : str
    """
    wanted = planted.set_index("id")
    there = wanted.index.intersection(issues.index)
    judged = issues[issues["p_error"].notna()]
    is_canary = judged.index.isin(there)
    m = int(is_canary.sum())
    flagged = judged["is_issue"].to_numpy(bool)
    caught = int((flagged & is_canary).sum())
    alarms = int(flagged.sum()) - caught
    hits = judged[flagged & is_canary]
    right = hits["suggested"] == wanted["true_label"].reindex(hits.index)
    recall = caught / m if m else float("nan")
    share = alarms / max(int(flagged.sum()), 1)
    top = float(is_canary[:m].mean()) if m else float("nan")
    sentence = "no planted errors to measure on"
    if m:
        others = f"1 in {1 / share:.1f}".removesuffix(".0") if share > 0 else "none"
        sentence = (
            f"catches {recall:.0%} of {m} planted errors; {others} of the {int(flagged.sum())} issues is not planted "
            "(a false alarm or a real error)"
        )
    return {
        "planted": m,
        "caught": caught,
        "recall": recall,
        "false_alarms": alarms,
        "false_alarm_share": share,
        "found_at_planted": top,
        "corrected": float(right.mean()) if len(hits) else float("nan"),
        "sentence": sentence,
    }
