"""Models ranked by a metric on given labels, on corrected labels, and without ambiguous examples; yes/no questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.experiments.comparisons.model_ranking import kendall_tau, order_flips
from workbench.experiments.intervals import percentile_interval
from workbench.foundation.cells import is_missing
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError, shortened
from workbench.foundation.printing import Printed, wrapped

KINDS_OF_LABELS = ("given", "corrected", "unambiguous")

ANSWER_METRICS = ("f1", "accuracy", "precision", "recall")
YES_NO = {"yes": 1, "no": 0, "true": 1, "false": 0, "1": 1, "0": 0, "1.0": 1, "0.0": 0}
AMBIGUOUS_ANSWER = "ambiguous"


@dataclass(frozen=True, repr=False)
class LabelRanking(Printed):
    """Models ranked by the same metric on several kinds of labels.

    Attributes
    ----------
    metric : name of the metric.
    table : DataFrame indexed by model, best by corrected labels first: for each of "given", "corrected" and, if there
        are ambiguous examples, "unambiguous", the metric, its 95 % interval `_low` and `_high`, and `rank_` (1 = best,
        ties share the better rank).
    flips : DataFrame, one row per pair of models whose order on the given labels is reversed: labels ("corrected" or
        "unambiguous"), and the columns of `flips` of `wb.experiments.compare_rankings`.
    tau : DataFrame indexed by labels: tau, low, high, Kendall's tau-b with the ranking by given labels, in [-1, 1], and
        its 95 % interval.
    n, ambiguous : number of examples, and of ambiguous ones among them. of : what an example is, in words.
    """

    metric: str
    table: pd.DataFrame
    flips: pd.DataFrame
    tau: pd.DataFrame
    n: int
    ambiguous: int
    of: str

    def __str__(self) -> str:
        lines = [f"{len(self.table)} models on {self.n:,} {self.of}, {self.ambiguous:,} ambiguous, by {self.metric}."]
        lines.append(f"Best by given labels: {self.table['rank_given'].idxmin()}.")
        for kind, row in self.tau.iterrows():
            own = self.flips[self.flips["labels"] == kind]
            lines.append(
                f"By {kind} labels: {self.table[f'rank_{kind}'].idxmin()}; Kendall's tau {row['tau']:.2f} (95 % "
                f"{row['low']:.2f} to {row['high']:.2f}), {len(own)} pairs change their order, "
                f"{int(own['sure'].sum())} of them beyond chance."
            )
        return wrapped("\n".join(lines))


def ranking_by_labels(
    names: Sequence[str], metric: str, scorers: Sequence[Callable[[np.ndarray], np.ndarray]], unclear: np.ndarray,
    draws: Sequence[np.ndarray], of: str,
) -> LabelRanking:  # fmt: skip
    """Rank m models by given and corrected labels, and without unclear examples.

    Parameters
    ----------
    scorers : two functions of weights of the examples (b, n), which return the metric by given and by corrected labels
        (b, m). unclear : (n,) bool. draws : blocks of weights (b, n), how often an example is in a resample.
    """
    once = np.ones((1, len(unclear)), np.int32)
    kinds = dict(zip(KINDS_OF_LABELS, [(scorers[0], once), (scorers[1], once), (scorers[1], once * ~unclear)]))
    if not unclear.any():
        del kinds["unambiguous"]
    here: dict[str, np.ndarray] = {}
    drawn: dict[str, np.ndarray] = {}
    for kind, (score, mask) in kinds.items():
        here[kind] = score(mask)[0]
        drawn[kind] = np.concatenate([score(one * mask) for one in draws])
    table = pd.DataFrame(index=pd.Index(names, name="model"))
    for kind, values in here.items():
        table[kind] = values
        table[f"{kind}_low"], table[f"{kind}_high"] = percentile_interval(drawn[kind])
        table[f"rank_{kind}"] = table[kind].round(12).rank(ascending=False, method="min").astype(int)
    flips, taus = [], []
    for kind in list(kinds)[1:]:
        own = order_flips(names, (here["given"], here[kind]), (drawn["given"], drawn[kind]))
        flips.append(own.assign(labels=kind)[["labels", *own.columns]])
        low, high = percentile_interval(kendall_tau(drawn["given"], drawn[kind]))
        tau = float(kendall_tau(here["given"][None], here[kind][None])[0])
        taus.append({"labels": kind, "tau": tau, "low": low, "high": high})
    order = table["corrected"].sort_values(ascending=False, kind="stable").index
    flipped = pd.concat(flips, ignore_index=True)
    taus = pd.DataFrame(taus).set_index("labels")
    return LabelRanking(metric, table.loc[order], flipped, taus, len(unclear), int(unclear.sum()), of)


def rank_answers(
    answers_by_model: Mapping[str, Any] | pd.DataFrame, given: Any, corrected: Any, *, metric: str = "f1",
    groups: Any = None, resamples: int = 1000, seed: int = 0,
) -> LabelRanking:  # fmt: skip
    """Rank models that answer yes/no questions by given labels, corrected ones, and without ambiguous questions.

    Parameters
    ----------
    answers_by_model : {name: (n,) answers}, or a DataFrame with one column per model; "yes" and "no", bool, or 1 and 0
    given : (n,) published answers
    corrected : (n,) corrected answers; "ambiguous" or a missing value where nobody can say, which counts as the given
        answer in the second ranking and is left out of the third
    metric : {"f1", "accuracy", "precision", "recall"}, of "yes"
    groups : (n,) what is resampled together, such as the image of a question; by default each question alone
    resamples, seed : of the bootstrap, the same for all models

    Returns
    -------
    LabelRanking

    Raises
    ------
    InputError : fewer than two models, lengths that differ, an unknown answer, or no question that is not ambiguous

    Notes
    -----
    F1 = 2 tp / (2 tp + fp + fn); a metric whose denominator is 0 is 0.

    References
    ----------
    Li et al. 2023, Evaluating object hallucination in large vision-language models (POPE); Neuhaus and Hein 2025,
    RePOPE.

    Examples
    --------
    >>> answers = {"a": ["yes", "no", "no"], "b": ["yes", "yes", "no"]}
    >>> ranking = rank_answers(answers, ["yes", "no", "no"], ["yes", "yes", "ambiguous"], metric="accuracy")
    >>> ranking.table[["given", "corrected", "unambiguous"]].round(2).loc["b"].tolist()
    [0.67, 1.0, 1.0]
    """
    if metric not in ANSWER_METRICS:
        raise InputError.unknown("metric", metric, ANSWER_METRICS)
    check_whole("resamples", resamples, 2, "Use an integer of at least 2, such as 1000.")
    before, after = _answers("given", given), _answers("corrected", corrected)
    names = [str(name) for name in answers_by_model]
    if len(names) < 2:
        raise InputError.at("answers_by_model", f"holds {len(names)} models", "A ranking needs two or more.")
    said = [_answers(f"answers of {name}", answers_by_model[name]) for name in answers_by_model]
    groups = np.arange(len(before)) if groups is None else np.asarray(groups)
    for name, values in {"corrected": after, "groups": groups, **dict(zip(names, said))}.items():
        if len(values) != len(before):
            raise InputError.at(name, f"has {len(values):,} values for {len(before):,} questions", "Pass one for each.")
    for name, values in {"given": before, **dict(zip(names, said))}.items():
        if (values < 0).any():
            row = int(np.flatnonzero(values < 0)[0])
            raise InputError.at(name, "has no answer", 'Answer each question with "yes" or "no".', row=row)
    unclear = after < 0
    if unclear.all():
        raise InputError.at("corrected", "holds only ambiguous questions", "Leave some clear.")
    scorers = [
        lambda weights, truth=truth: np.stack([_answer_metric(metric, truth, one, weights) for one in said], axis=1)
        for truth in (before, np.where(unclear, before, after))
    ]
    codes, _ = pd.factorize(pd.Series(groups))
    count = int(codes.max()) + 1
    rng = np.random.default_rng(seed)
    step = max(1, (1 << 22) // len(codes))
    sizes = [min(step, resamples - start) for start in range(0, resamples, step)]
    draws = [rng.multinomial(count, np.full(count, 1 / count), size=size)[:, codes].astype(np.int32) for size in sizes]
    return ranking_by_labels(names, metric, scorers, unclear, draws, "questions")


def _answers(field: str, values: Any) -> np.ndarray:
    """Return answers (n,) int64: 1 yes, 0 no, -1 for "ambiguous" and missing ones."""
    listed = list(values.tolist() if hasattr(values, "tolist") else values)
    found = np.full(len(listed), -1)
    for row, one in enumerate(listed):
        text = AMBIGUOUS_ANSWER if is_missing(one) else str(one).strip().lower()
        if text in YES_NO:
            found[row] = YES_NO[text]
        elif text != AMBIGUOUS_ANSWER:
            raise InputError.at(field, f"is {shortened(one)}", 'Use "yes" and "no".', row=row)
    return found


def _answer_metric(metric: str, truth: np.ndarray, said: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return a metric (b,) of answers (n,) with weights (b, n)."""
    right, yes, given = weights @ (truth & said), weights @ said, weights @ truth
    if metric == "accuracy":
        top, bottom = weights @ (truth == said).astype(int), weights.sum(axis=1)
    else:
        top = 2 * right if metric == "f1" else right
        bottom = {"f1": yes + given, "precision": yes, "recall": given}[metric]
    return np.divide(top, bottom, out=np.zeros(len(weights)), where=bottom > 0)
