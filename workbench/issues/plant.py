"""Plant known label errors ("canaries") before training, to measure scores on the user's own data set.

The existing errors of the data stay unknown; the planted ones are known, and are stored separately from the user's
labels. How well a score ranks the planted errors indicates how well it finds real errors of the same kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from workbench.confident.label_issues import noise_matrix
from workbench.data.dataset import Dataset
from workbench.data.inputs import to_matrix
from workbench.foundation.checks import check_pred_probs, check_share
from workbench.foundation.errors import InputError
from workbench.tasks import require_task
from workbench.tasks.label_type import names_in

PLANTED_KINDS = ("symmetric", "pair", "estimated", "boundary", "annotator")
ANNOTATORS = 5  # number of simulated annotators if the dataset has none

Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]
"""Maps a generator and row numbers to the classes planted there."""


def plant_errors(
    dataset: Dataset,
    fraction: float,
    kind: str | np.ndarray = "symmetric",
    *,
    pred_probs: np.ndarray | None = None,
    seed: int = 0,
) -> Dataset:
    """Change a known share of the given labels, and return a new data set.

    Train on the result; `run.planted()` returns the planted errors, on which `find_issues` and the report are measured.

    Parameters
    ----------
    dataset : the examples; it is not modified, and its existing label errors remain.
    fraction : share of the labelled examples to change, in (0, 1). 0.02 to 0.1 is enough to measure and does not hurt
        the training.
    kind : "symmetric" (all other classes equally likely), "pair" (class c becomes c + 1, the last becomes the first),
        "estimated" (like the errors that confident learning estimates from `pred_probs`), "boundary" (examples near the
        decision boundary of `pred_probs` get the most likely other class), "annotator" (annotators err at different
        rates, and each has one typical mistake per class), or a float transition matrix (k, k): row = class before,
        column = class planted, rows sum to 1. The diagonal counts as "not changed", so classes with a smaller diagonal
        are changed more often.
    pred_probs : float array (n, k), out-of-fold probabilities, for "estimated" and "boundary".
    seed : random seed; the same seed gives the same errors.

    Returns
    -------
    Dataset with the changed `given_labels` and `planted`: a DataFrame with the columns id, true_label (the label
    before), planted_label, in dataset order, labels in the type in which they were given. "annotator" adds the column
    annotator to `metadata` if it is missing.

    Raises
    ------
    InputError : fraction outside (0, 1), too small or too large, fewer than two classes, an invalid matrix.

    Notes
    -----
    Symmetric and pair noise as in Han et al. 2018 (Co-teaching), section 4; "estimated" uses the noise matrix of
    Northcutt, Jiang & Chuang 2021, Confident Learning, section 3.1. "boundary" draws rows in proportion to
    1 - max(0, P(given) - P(most likely other))^2: polynomial margin diminishing noise, type I, of Zhang et al. 2021
    (Learning with Feature-Dependent Label Noise), scaled to the fraction. "annotator" is a simple form of the model of
    Dawid & Skene 1979: the j-th of a annotators (by name) errs in proportion to j, and confuses each class with one
    other class. Without a column "annotator", rows are assigned at random to five annotators.
    """
    if not isinstance(dataset, Dataset):
        raise InputError.at("dataset", f"is a {type(dataset).__name__}", "Pass `Dataset.from_arrays(labels)`.")
    require_task(dataset, "multiclass", "plant_errors")
    check_share("fraction", fraction)
    pred_probs = to_matrix("pred_probs", pred_probs, None, dataset.classes)
    if pred_probs is not None and pred_probs.shape[1:] != (dataset.k,):
        todo = f"Pass one column for each of the {dataset.k} classes."
        raise InputError.at("pred_probs", f"has shape {pred_probs.shape}", todo)
    if not 0 < fraction < 1:
        raise InputError.at("fraction", f"is {fraction!r}", "Pass the share of labels to change, such as 0.05.")
    if dataset.k < 2:
        raise InputError.at("dataset", f"has {dataset.k} class", "Planting needs at least two classes.")
    if dataset.planted is not None:
        raise InputError.at("dataset", "already has planted errors", "Plant once, on the original dataset.")
    rng = np.random.default_rng(seed)
    labels = dataset.given_labels
    if isinstance(kind, str) and kind == "boundary":
        weight, draw = _boundary(dataset, pred_probs)
    elif isinstance(kind, str) and kind == "annotator":
        dataset = _with_annotators(dataset, rng)
        weight, draw = _annotator(dataset, rng)
    else:
        transition = _transition(dataset, kind, pred_probs)
        weight, draw = (1 - np.diag(transition))[labels], lambda rng, rows: _draw(rng, transition, labels[rows])
    weight = np.where(labels >= 0, weight, 0.0)
    labelled, changeable = int((labels >= 0).sum()), int((weight > 0).sum())
    m = round(fraction * labelled)
    if not 1 <= m <= changeable:
        found = f"of {labelled} labelled examples makes {m} errors; between 1 and {changeable} can be planted"
        raise InputError.at("fraction", found, "Choose another fraction.")
    rows = np.sort(rng.choice(dataset.n, size=m, replace=False, p=weight / weight.sum()))
    planted = draw(rng, rows)
    changed = labels.copy()
    changed[rows] = planted
    record = pd.DataFrame(
        {
            "id": dataset.ids[rows],
            "true_label": dataset.labels_of(labels[rows]),
            "planted_label": dataset.labels_of(planted),
        }
    )
    return dataclasses.replace(dataset, labels=changed, planted=record)


def _boundary(dataset: Dataset, pred_probs: np.ndarray | None) -> tuple[np.ndarray, Draw]:
    """Return weights (n,) that decrease with the margin, and a draw of the most likely other class."""
    if pred_probs is None:
        raise InputError.at("pred_probs", "is missing", 'kind="boundary" needs out-of-fold probabilities (n, k).')
    probs, labels = check_pred_probs(pred_probs, dataset.given_labels, ids=dataset.ids)
    every, column = np.arange(len(labels)), np.maximum(labels, 0)
    others = np.array(probs, dtype=float)
    mine = others[every, column].copy()
    others[every, column] = -1.0
    other = others.argmax(axis=1)
    margin = np.maximum(mine - others[every, other], 0.0)
    return 1 - margin**2, lambda rng, rows: other[rows]


def _with_annotators(dataset: Dataset, rng: np.random.Generator) -> Dataset:
    """Return the dataset with a column "annotator"."""
    if "annotator" in dataset.metadata.columns:
        return dataset
    who = rng.integers(ANNOTATORS, size=dataset.n)
    return dataclasses.replace(dataset, metadata=dataset.metadata.assign(annotator=[f"annotator {w + 1}" for w in who]))


def _annotator(dataset: Dataset, rng: np.random.Generator) -> tuple[np.ndarray, Draw]:
    """Return weights (n,) by annotator, and a draw of the class that the annotator confuses with the given one."""
    codes, names = pd.factorize(dataset.metadata["annotator"])
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise InputError.at("metadata", "has no annotator", "Fill the column, or drop it.", row=row)
    ranks = {name: rank for rank, name in enumerate(sorted(names, key=str))}
    codes = np.array([ranks[name] for name in names])[codes]
    shifts = rng.integers(1, dataset.k, size=(len(names), dataset.k))
    mistakes = (np.arange(dataset.k) + shifts) % dataset.k
    return (codes + 1.0) / len(names), lambda rng, rows: mistakes[codes[rows], dataset.given_labels[rows]]


def _draw(rng: np.random.Generator, transition: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Draw classes (m,) from the off-diagonal part of the rows of `transition`."""
    away = transition - np.diag(np.diag(transition))
    cumulative = np.cumsum(away, axis=1)
    cumulative /= np.maximum(cumulative[:, -1:], np.finfo(float).tiny)
    after = np.empty(len(before), dtype=np.int64)
    for label in np.unique(before):
        mine = before == label
        after[mine] = np.searchsorted(cumulative[label], rng.random(int(mine.sum())), side="right")
    return after


def _transition(dataset: Dataset, kind: str | np.ndarray, pred_probs: np.ndarray | None) -> np.ndarray:
    """Return the transition matrix (k, k): row = class before, column = class planted, rows sum to 1."""
    k = dataset.k
    if not isinstance(kind, str):
        return _checked(np.asarray(kind, dtype=float), k)
    if kind == "symmetric":
        return (np.ones((k, k)) - np.eye(k)) / (k - 1)
    if kind == "pair":
        return np.roll(np.eye(k), 1, axis=1)
    if kind != "estimated":
        raise InputError.unknown("kind", kind, PLANTED_KINDS, "Or pass a (k, k) transition matrix.")
    if pred_probs is None:
        raise InputError.at("pred_probs", "is missing", 'kind="estimated" needs out-of-fold probabilities (n, k).')
    check_pred_probs(pred_probs, dataset.given_labels, ids=dataset.ids)
    transition = noise_matrix(dataset.given_labels, np.asarray(pred_probs)).T
    if np.allclose(np.diag(transition), 1):
        raise InputError.at("pred_probs", "agree with every label, so no noise is estimated", 'Use kind="symmetric".')
    empty = transition.sum(axis=1) == 0  # a class that is never given is not changed
    transition[empty] = np.eye(k)[empty]
    return transition / transition.sum(axis=1, keepdims=True)


def _checked(transition: np.ndarray, k: int) -> np.ndarray:
    """Return the matrix if valid, otherwise raise an error that names the row."""
    if transition.shape != (k, k):
        found = f"is a matrix of shape {transition.shape} for {k} classes"
        raise InputError.at("kind", found, f"Use shape ({k}, {k}): row = class before, column = class planted.")
    bad = ~(np.isfinite(transition) & (transition >= 0)).all(axis=1) | (abs(transition.sum(axis=1) - 1) > 1e-6)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        found = f"sums to {transition[row].sum():.6g} or holds negative or missing values"
        raise InputError.at("kind", found, "Each row of a transition matrix sums to 1.", row=row)
    return transition


def planted_report(issues: pd.DataFrame, planted: pd.DataFrame) -> dict[str, Any]:
    """Measure how well the ranking finds planted errors.

    Parameters
    ----------
    issues : result of `find_issues` on the data set with the planted errors
    planted : DataFrame with columns id, true_label, planted_label (`run.planted()`)

    Returns
    -------
    dict
        planted : int, number of planted errors with a p_error
        caught : int, number of planted errors among the issues; recall : their share
        false_alarms : int, issues that are not planted (an upper bound, since some are real errors)
        false_alarm_share : float, false_alarms / issues
        found_at_planted : float, precision at m, where m is the number of planted errors
        corrected : float, share of caught planted errors whose suggested label is the true one
        sentence : str, summary
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
    pair = hits["suggested_label"], wanted["true_label"].reindex(hits.index)
    suggested, truth = (list(names_in(one)) for one in pair)
    right = np.array([one == other for one, other in zip(suggested, truth)], bool)
    recall = caught / m if m else float("nan")
    share = alarms / max(int(flagged.sum()), 1)
    top = float(is_canary[:m].mean()) if m else float("nan")
    sentence = "no planted errors to measure on"
    if m:
        found = int(flagged.sum())
        others = f"{alarms} of the {found} issues ({share:.0%}) {'was' if alarms == 1 else 'were'} not planted"
        sentence = f"catches {recall:.0%} of {m} planted errors; {others}: false alarms, or real errors"
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
