"""Estimate the probability that each given label is wrong, from all available evidence, with reasons.

Out-of-sample views (leave-one-out classifiers on embeddings, the user's out-of-fold probabilities) are pooled and
turned into a posterior by Bayes' rule (`posterior`). Training dynamics and in-sample probabilities, which have seen the
label, only contribute to the ranking (`from_dynamics`). The probabilities are monotone in the rank (`calibration`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from workbench.evidence.as_evidence import as_evidence, kind_of
from workbench.evidence.evidence import Evidence
from workbench.foundation.checks import arrays_by_name, check_share
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.foundation.parallel import one_blas_thread
from workbench.foundation.progress import step
from workbench.foundation.progress import task as progress
from workbench.issues import calibration, counts, reasons
from workbench.issues.audited import Audited, audited
from workbench.issues.corrected import says_corrected
from workbench.issues.edge_table import dataset_of_pairs, pair_issues
from workbench.issues.explaining import explained
from workbench.issues.from_dynamics import Doubt, doubt
from workbench.issues.kept import Kept, is_run
from workbench.issues.kinds import ESTIMATORS
from workbench.issues.kinds.finding import FINDING_STEPS as FINDING_STEPS
from workbench.issues.kinds.finding import find_in_kind
from workbench.issues.marking import mark
from workbench.issues.opinions import Opinion
from workbench.issues.per_example import both_counts, by_example, by_unit, check_per
from workbench.issues.posterior import opinion
from workbench.issues.ranking import Ranking, in_sample, ranking
from workbench.issues.review import with_verdicts
from workbench.issues.totals import count_attrs
from workbench.runs.remote_work import Place, on_one_worker
from workbench.runs.run import Run, opened
from workbench.runs.verdicts import known_verdicts, newest_verdicts

if TYPE_CHECKING:
    from workbench.data.dataset import Dataset

STEPS = 6
"""Number of steps of the progress bar, with embeddings."""


@says_corrected
@arrays_by_name
def find_issues(
    source: Run | Evidence | Dataset | Any = None,
    *,
    task: str | None = None,
    per: Literal["example", "unit"] = "example",
    fdr: float | None = None,
    threshold: float = 0.5,
    verdicts: pd.Series | None = None,
    seed: int = 0,
    client: Any = None,
    pred_probs: Any = None,
    out_of_fold: bool = True,
    embeddings: Any = None,
    embeddings_saw_labels: bool | None = None,
    texts: Sequence[str] | None = None,
    logits: Any = None,
    statistics: Mapping[str, Any] | None = None,
    votes: Any = None,
    edges: Any = None,
    labels: Any = None,
    given_labels: Any = None,
    ids: Any = None,
    classes: Sequence[object] | None = None,
    k: int | None = None,
    **others: Any,
) -> pd.DataFrame:
    """Rank examples by the probability that their given label is wrong, most suspicious first.

    The arrays (`pred_probs`, `embeddings`, `texts`, `logits`, `edges`, `statistics`, `votes`, ...) are passed together
    with labels; a Run or Evidence has its own.

    Parameters
    ----------
    source : a Run or its path; Evidence; or given labels (class indices or names, or a Dataset) with arrays. Labels can
        also be passed as `labels=` or `given_labels=`
    task : kind of the labels passed, by default "multiclass": one class per example
    per : "example" for one row per example, or "unit" for one row per unit, indexed by (id, unit): a tag, a token, a
        box. With one class per example, each example has one unit, "".
    fdr : maximum expected share of false alarms among the issues; the largest set that satisfies it is selected. If the
        labels alone do not identify it (`attrs["errors_identified"]` is False), no issue is marked, with a warning,
        unless the audit of a Run has 30 verdicts, which then determine the set (`issues.audited`)
    threshold : without `fdr`, examples with p_error of at least this are issues
    verdicts : Series of bool indexed by id, True = the given label is wrong; recalibrates p_error, overall and per
        (given, suggested) pair of classes (`review.with_verdicts`). By default a Run uses the verdicts of its journal
        that a person gave by looking (`workbench.runs.verdicts`)
    labels, given_labels : alternatives to `source` for labels
    seed : random seed; the same seed gives the same result
    client : a dask.distributed Client; one of its workers does all the work, since the classifiers need all rows
    pred_probs : float (n, k), rows sum to 1; a DataFrame is matched by the names of classes and ids
    out_of_fold : whether `pred_probs` come from models that had not seen the label of the row
    embeddings : float (n, d); a row with NaN counts as missing
    embeddings_saw_labels : whether the embeddings come from a network trained on these labels; None = unknown
    texts : n strings; embedded by their character n-grams if there are no `embeddings`
    logits : float (epochs, n, k), of one training on the labels
    edges : edges between the examples: (m, 2) row numbers; or a DataFrame with the columns source and target (ids, by
        default row numbers) and optionally weight. Links are undirected
    statistics, votes, ids, classes, k : as in `Evidence.from_arrays`
    others : arrays for other kinds of labels (`Task.predictions`), or descriptions of such labels

    Returns
    -------
    DataFrame indexed by id, n rows
        given_label, suggested_label : in the type in which the labels were given (int stays int, bool stays bool, a
            categorical keeps its categories and their order); missing if there is no label or no suggestion: None for
            text, NaN for floats, NA in the nullable dtypes of pandas (Int64, boolean) otherwise
        p_error : float64 in [0, 1], probability that the given label is wrong; NaN for an unlabelled example
        p_suggested : float64 in [0, 1], probability of the suggested label
        is_issue : bool
        reasons : str, up to three, strongest first, joined by "; "
        reason_kinds : str, the evidence behind each reason, joined likewise: "held-out models", "out-of-fold",
            "in-sample", "neighbors", "votes", "learning" or "standing"
        row : int64, row in the dataset
        For other kinds of labels, the row of an example has the p_error that any of its units is wrong, the labels and
        reasons of its worst unit, the key of that unit (`unit`), and the number of its units (`units`) and of issues
        among them (`units_doubted`); rows are sorted by the expected number of errors.
        attrs : evidence, pred_probs, threshold, expected_errors, expected_errors_interval, judged, unlabelled, method,
            sources, labels_corrected (in words, if the labels were corrected before, so that their errors cannot be
            counted); for a Run also verdicts (number used), errors_in_words and errors_source: the number of errors to
            show, from the "audit" if that is better, otherwise from the "detector"

    Raises
    ------
    MissingEvidence
        There are no probabilities, embeddings, recorded epochs or texts.
    InputError
        fdr or threshold outside [0, 1]; no verdict is about any of the examples (if only some are not: a warning).

    Notes
    -----
    `suggested_label` is the most probable class other than the given one if p_error is at least 1/2 or the example is
    an issue, otherwise the given label; for an unlabelled example the most probable class. Unlabelled examples come
    last and are not issues. With a single class no label can be wrong: p_error is 0.

    The result for a Run is kept in its cache (`workbench.issues.kept`) and reused for the same evidence, verdicts and
    arguments, in any process of the same user.
    """
    check_per(per)
    for name, value in {"fdr": fdr, "threshold": threshold}.items():
        if value is not None:
            check_share(name, value)
    if verdicts is not None and not isinstance(verdicts, pd.Series):
        todo = "Pass a Series of bool indexed by id: True = the given label is wrong."
        raise InputError.at("verdicts", f"is a {type(verdicts).__name__}", todo)
    arrays = {"pred_probs": pred_probs, "embeddings": embeddings, "embeddings_saw_labels": embeddings_saw_labels}
    arrays |= {"texts": texts, "logits": logits, "statistics": statistics, "votes": votes, "ids": ids, "k": k}
    arrays |= {"edges": edges}
    arrays = {name: value for name, value in (arrays | {"classes": classes} | others).items() if value is not None}
    arrays |= {} if out_of_fold is True else {"out_of_fold": out_of_fold}
    source = opened(_one_of_labels(source, labels, given_labels))
    own = source if verdicts is None and is_run(source) and not arrays else None  # a run whose audit is used
    kind = kind_of(source, task)
    if verdicts is None:
        verdicts = _journal_verdicts(source)
    pairs = None if arrays else dataset_of_pairs(source)
    if pairs is not None:
        return _of_pairs(pairs, own, verdicts, per, fdr, threshold)
    if client is None and kind in ESTIMATORS:
        settings = {"per": per, "fdr": fdr, "threshold": threshold, "verdicts": verdicts, "seed": seed}
        with progress("find_issues", FINDING_STEPS):
            return find_in_kind(source, kind, arrays, follow=own is not None, **settings)
    if client is not None:
        verdicts = pd.Series(dtype=bool) if verdicts is None else verdicts
        settings = {"fdr": fdr, "threshold": threshold, "verdicts": verdicts, "seed": seed}
        if kind in ESTIMATORS:
            settings |= {"per": per}
        source = as_evidence(source, task=task, **arrays) if arrays else source
        frame = on_one_worker(functools.partial(_of_place, settings=settings), source, client)
        if kind in ESTIMATORS:
            return frame
        frame = frame if own is None else _with_total(own, frame, verdicts)
        return by_unit(frame) if per == "unit" else frame
    evidence = as_evidence(source, task=task, **arrays)
    if verdicts is not None:
        verdicts = known_verdicts(verdicts, evidence.index) if len(verdicts) else None
    if evidence.met is not None:
        with progress("find_issues", STEPS):
            found = _as_table(_judged(evidence, fdr, threshold, verdicts, seed), evidence, per, fdr, threshold)
        found.attrs["verdicts"] = 0 if verdicts is None else len(verdicts)
        return found
    sample = audited(own) if own is not None and fdr is not None else None
    kept = None
    if is_run(source) and not arrays:
        arguments = {"fdr": fdr, "threshold": threshold, "seed": seed} | ({"audit": sample.key} if sample else {})
        kept = Kept(source, arguments, verdicts)
    frame = None if kept is None else kept.load()
    if frame is None:
        with progress("find_issues", STEPS):
            judged = _judged(evidence, fdr, threshold, verdicts, seed, sample)
        frame = judged.ranked()
        if kept is not None and judged.promised:  # otherwise the warning is repeated on every call
            kept.store(frame)
    frame = frame if own is None else _with_total(own, frame, verdicts)
    return by_unit(frame) if per == "unit" else frame


def _of_place(place: Place, settings: dict[str, Any]) -> pd.DataFrame:
    """Find issues on a worker; verdicts come from the caller's journal."""
    return find_issues(place.run(), **settings)


def _of_pairs(
    pairs: Dataset, own: Run | None, verdicts: pd.Series | None, per: str, fdr: float | None, threshold: float
) -> pd.DataFrame:
    """Find wrong and missing edges in a data set of pairs of nodes, which carries its evidence (`edge_table`)."""
    if verdicts is not None:
        verdicts = known_verdicts(verdicts, pd.Index(pairs.ids, name="id")) if len(verdicts) else None
    sample = audited(own) if own is not None and fdr is not None else None
    frame = pair_issues(pairs, verdicts, fdr=fdr, threshold=threshold, sample=sample)
    frame = frame if own is None else _with_total(own, frame, verdicts)
    return by_unit(frame) if per == "unit" else frame


class Judged(NamedTuple):
    """Results of the detector for units, in their order.

    frame : the columns of `find_issues`. score : float (m,), for the ranking. strict : float (m,), conservative
    probabilities for the selection by `fdr`; None without it. promised : whether `fdr`, if given, can be satisfied.
    cut : factor applied to `fdr`.
    """

    frame: pd.DataFrame
    score: np.ndarray
    strict: np.ndarray | None
    promised: bool
    cut: float

    def ranked(self) -> pd.DataFrame:
        """Return the frame, most suspicious first."""
        frame = self.frame
        p_error = -np.nan_to_num(frame["p_error"], nan=-1.0)
        ranked = frame.iloc[np.lexsort((frame["row"], -np.nan_to_num(self.score, nan=-np.inf), p_error))]
        ranked.attrs = frame.attrs
        return ranked


def _as_table(judged: Judged, evidence: Evidence, per: str, fdr: float | None, threshold: float) -> pd.DataFrame:
    """Return the results of units, per unit or per example."""
    units = evidence.units
    if per == "unit":
        found = judged.ranked()
        found.attrs |= {"counted": "units"} | both_counts(found.attrs, judged.frame["p_error"].to_numpy(float), units)
        return found
    limit = threshold if fdr is None else fdr * judged.cut if judged.promised else np.inf
    strict = judged.strict if judged.promised else None
    table = {str(name): judged.frame[name].to_numpy() for name in judged.frame.columns}
    return by_example(table, judged.frame.attrs, units, evidence.examples, limit=limit, strict=strict)


def _judged(
    evidence: Evidence, fdr: float | None, threshold: float, verdicts: pd.Series | None, seed: int,
    sample: Audited | None = None,
) -> Judged:  # fmt: skip
    given = evidence.given_labels
    step("reading the evidence")
    with one_blas_thread():
        used = ranking(evidence, opinion(evidence, seed), doubt(evidence), in_sample(evidence))
    pooled, learned, seen, score = used.pooled, used.learned, used.seen, used.score
    if pooled is None and learned is None and seen is None:
        raise _nothing(evidence)
    total, rough, least = _counted(evidence, used)
    pair = None if verdicts is None else _pairs(given, pooled, learned, evidence.k)
    p_error, summary = _probabilities(evidence, score, rough, verdicts, pair)
    strict = None if fdr is None else _probabilities(evidence, score, least, verdicts, pair)[0]
    identified = total.identified or evidence.k == 1
    marked = mark(
        p_error, p_error if strict is None else strict, fdr, threshold, identified=identified, why=total.why,
        advice=f"Audit {counts.AUDIT_SIZE} examples (`wb.audit`), or use `threshold=`.", sample=sample,
        index=None if sample is None else np.asarray(evidence.ids, object), cut=total.cut,
    )  # fmt: skip
    is_issue = marked.chosen
    suggested, p_suggested = _suggest(evidence, pooled, learned, p_error, is_issue)
    step("reasons")
    with one_blas_thread():
        found = explained(evidence, used, p_error)
    words, kinds = reasons.strongest(found, evidence.n)
    frame = pd.DataFrame(
        {
            "given_label": evidence.labels_of(given),
            "suggested_label": evidence.labels_of(suggested),
            "p_error": p_error,
            "p_suggested": p_suggested,
            "is_issue": is_issue,
            "reasons": words,
            "reason_kinds": kinds,
            "row": np.arange(evidence.n, dtype=np.int64) if evidence.met is None else evidence.units.rows,
        },
        index=evidence.index,
    )
    frame.attrs = _attrs(evidence, used, total, marked.how, summary, p_error, verdicts)
    return Judged(frame, score, strict, marked.promised, total.cut)


def _with_total(run: Run, frame: pd.DataFrame, verdicts: pd.Series | None) -> pd.DataFrame:
    """Add the number of errors to show, which is the audit's if that is better (`totals`)."""
    frame.attrs |= {"verdicts": 0 if verdicts is None else len(verdicts), **count_attrs(run, frame)}
    return frame


def _probabilities(
    evidence: Evidence, score: np.ndarray, rough: np.ndarray, verdicts: pd.Series | None, pair: np.ndarray | None
) -> tuple[np.ndarray, str]:
    """Return p_error, increasing in the score with the mean of `rough` before verdicts, and what verdicts changed."""
    p_error = np.full(evidence.n, np.nan)
    labelled = evidence.given_labels >= 0
    usable = labelled & ~np.isnan(score)
    if evidence.k == 1:
        p_error[labelled] = 0.0
    else:
        p_error[usable] = calibration.along_score(score[usable], rough[usable])
        blind = labelled & ~usable
        p_error[blind] = p_error[usable].mean() if usable.any() else np.nan
    if verdicts is None:
        return p_error, ""
    moved, summary = with_verdicts(pd.Series(p_error, index=evidence.index), verdicts, pair)
    return moved.to_numpy(), summary


def _one_of_labels(source: Any, labels: Any, given_labels: Any) -> Any:
    """Return the source from whichever parameter it was passed as."""
    named = {name: value for name, value in (("labels", labels), ("given_labels", given_labels)) if value is not None}
    if len(named) + (source is not None) > 1:
        raise InputError.at(next(iter(named)), "was given together with other labels", "Pass one of them.")
    if source is None and not named:
        todo = "Pass a run or its path, or labels and arrays: find_issues(labels, pred_probs=P)."
        raise InputError.at("source", "is missing", todo)
    return source if source is not None else next(iter(named.values()))


def _journal_verdicts(run: Any) -> pd.Series | None:
    """Return the verdicts of a run's journal as bool, True = the given label is wrong; None without a journal file.

    Only verdicts that a person gave by looking are used: suggestions accepted in bulk would confirm themselves.
    """
    if not isinstance(run, Run) or not run.layout.journal.exists():
        return None
    return newest_verdicts(run)


def _nothing(evidence: Evidence) -> MissingEvidence:
    how = (
        "Record a training with `Recorder`, store probabilities with `run.save_pred_probs`, or add embeddings or text."
    )
    if evidence.has("embeddings"):
        how = "Embeddings alone need at least two classes with labelled examples that have an embedding. " + how
    return MissingEvidence.needed("find_issues", ["pred_probs, embeddings or recorded epochs"], how)


def _counted(evidence: Evidence, used: Ranking) -> tuple[counts.Count, np.ndarray, np.ndarray]:
    """Return the count of wrong labels, and two probabilities of error per row.

    The mean of the first is the estimated share of errors; the second is for conservative selection.
    """
    pooled, learned = used.pooled, used.learned
    if pooled is not None:
        rough, least = (np.nan_to_num(one.astype(float), nan=0.0) for one in (pooled.p_rough, pooled.p_least))
        return pooled.count, rough, least
    if learned is not None:
        seen_p, contradicted = learned.p_given, learned.learned < learned.recorded / 2
    else:
        assert used.seen is not None  # one of the three is required
        seen_p, contradicted = used.seen[0], used.seen[0] < used.seen[2]
    share = low_share(seen_p)
    labelled = evidence.given_labels >= 0
    count = counts.in_sample_count(share, float(contradicted[labelled].mean()) if labelled.any() else 0.0, evidence.k)
    rough = calibration.around_share(used.score, share)
    return count, rough, rough


def low_share(p_given: np.ndarray) -> float:
    """Return the share of rows whose probability of the given label is below half the mean: a rough error rate."""
    known = p_given[~np.isnan(p_given)]
    return float((known < known.mean() / 2).mean()) if len(known) else 0.0


def _suggest(
    evidence: Evidence, pooled: Opinion | None, learned: Doubt | None, p_error: np.ndarray, is_issue: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return class index (or -1) and probability of the suggested label of each row."""
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
    """Return a number for each pair of given class and most likely other class, (n,)."""
    view = pooled if pooled is not None else learned
    other = np.full(len(given), -1) if view is None else view.other
    codes = (given + 1) * (k + 1) + other + 1
    return np.unique(codes, return_inverse=True)[1].reshape(len(given))


def _attrs(
    evidence: Evidence, used: Ranking, total: counts.Count, how: str, summary: str, p_error: np.ndarray,
    verdicts: pd.Series | None,
) -> dict[str, Any]:  # fmt: skip
    """Return the attributes of the result: its evidence and summary, in words and numbers."""
    known = p_error[~np.isnan(p_error)]
    expected = float(known.sum())
    interval = counts.after_verdicts(len(known) * total.low, len(known) * total.high, expected, len(known), verdicts)
    pooled, learned = used.pooled, used.learned
    method = [*(pooled.notes if pooled is not None else [])]
    if learned is not None:
        best = np.argsort(-learned.weights)[:3] + 1
        method.append(f"most informative epochs: {', '.join(str(epoch) for epoch in sorted(best.tolist()))}")
    method += [f"{name} set aside: {reason}" for name, reason in used.aside.items()]
    if summary:
        method.append(summary)
    if evidence.k > 1 and (few := counts.few(evidence.given_labels, evidence.k)):
        method.append(few)
    kind = "none"
    if evidence.has("pred_probs"):
        kind = "out-of-fold" if evidence.out_of_fold else "in-sample: they have seen the labels and only affect ranks"
    identified = total.identified or evidence.k == 1
    aside = (
        f"; set aside: {', '.join(f'{name} ({reason})' for name, reason in used.aside.items())}" if used.aside else ""
    )
    return {
        "evidence": ", ".join(used.views) + aside,
        "shares": dict(pooled.weights.shares) if pooled is not None and pooled.weights is not None else {},
        "set_aside": dict(used.aside),
        "pred_probs": kind,
        "threshold": how,
        "expected_errors": round(expected, 1),
        "expected_errors_interval": interval,
        "errors_identified": identified,
        "errors_in_words": counts.count_in_words(expected, interval, identified, total.why),
        "judged": len(known),
        "unlabelled": int((evidence.given_labels < 0).sum()),
        "method": "; ".join(method),
        "sources": {name: str(one) for name, one in evidence.provenance.items()},
        "provenance": {name: one.to_json() for name, one in evidence.provenance.items()},
    }
