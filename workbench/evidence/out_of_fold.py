"""Out-of-fold probabilities: every example is predicted by a model that was not trained on it.

The module handles rare classes, classes that are missing from a training fold, and unlabelled rows.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import replace as replace_fields
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.data.dataset import Dataset
from workbench.data.inputs import check_dataset, note_order
from workbench.evidence.neighbors import finite_rows
from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.foundation.parallel import at_most_threads, each
from workbench.foundation.rows import take_rows
from workbench.runs.remote_work import Place, on_one_worker
from workbench.storage.cache import digest, load, sample_key, store, warn_not_kept
from workbench.storage.probabilities import PredProbs
from workbench.storage.provenance import cross_validated
from workbench.tasks import require_task

if TYPE_CHECKING:
    from workbench.runs.run import Run

WIDEST = 256
"""Wider embeddings are reduced to this many principal components before the regression."""

STRENGTHS = (0.1, 1.0, 10.0)
"""Inverse regularisation strengths tried by `out_of_fold` (scikit-learn's C, on rows of mean squared length 1)."""

KEPT = "head-out-of-fold"  # name in the cache, used when pred_probs.npy holds an unreadable file of the user
TOLERANCE = 1e-3  # ten times the default: the same probabilities to two digits in half the time
SMALL = 20_000  # up to this many rows one thread is faster than several that wait for each other
TRIAL_ROWS = 10_000  # maximum number of rows on which the strength is chosen


def deal_folds(
    given_labels: np.ndarray, folds: int = 5, seed: int = 0, *, groups: np.ndarray | None = None
) -> np.ndarray:
    """Assign rows to stratified folds in random order: (n,) int64, -1 for unlabelled rows.

    A class with fewer members than folds is in as many folds as it has members. Fold sizes differ by at most 1.

    Parameters
    ----------
    given_labels : (n,) int, -1 = unlabelled
    folds : number of folds
    seed : random seed of the order
    groups : (n,) int64, the example of each row. All rows of an example, also unlabelled ones, go to one fold: other
        tokens of the same sentence would leak information. Examples are stratified by their rarest class, and fold
        sizes count examples
    """
    fold = np.full(len(given_labels), -1, np.int64)
    labelled = np.flatnonzero(given_labels >= 0)
    rng = np.random.default_rng(seed)
    if groups is None:
        shuffled = rng.permutation(labelled)
        dealt = shuffled[np.argsort(given_labels[shuffled], kind="stable")]
        fold[dealt] = np.arange(len(dealt)) % folds
        return fold
    if not len(labelled):
        return fold
    members = np.bincount(given_labels[labelled])
    order = np.lexsort((given_labels[labelled], members[given_labels[labelled]], groups[labelled]))
    examples, first = np.unique(groups[labelled][order], return_index=True)
    rarest = given_labels[labelled][order][first]
    shuffled = rng.permutation(len(examples))
    dealt = shuffled[np.argsort(rarest[shuffled], kind="stable")]
    fold_of = np.empty(len(examples), np.int64)
    fold_of[dealt] = np.arange(len(dealt)) % folds
    place = np.minimum(np.searchsorted(examples, groups), len(examples) - 1)
    return np.where(examples[place] == groups, fold_of[place], -1)


def cross_val_predict(
    estimator: Any, X: Any, dataset: Dataset, folds: int = 5, seed: int = 0, *, client: Any = None
) -> np.ndarray:
    """Compute out-of-fold probabilities of any classifier with `fit` and `predict_proba`.

    Parameters
    ----------
    estimator : scikit-learn classifier or pipeline, or any object with the same methods; cloned for every fold. It is
        fitted to class indices 0, 1, ... without gaps.
    X : n inputs in dataset order: array, DataFrame, sparse matrix or list. For other kinds of labels one input per unit
        (`dataset.units`), such as a token.
    dataset : Dataset of n examples with the given labels to fit.
    folds : number of folds; at most the number of labelled rows. Units of one example are in the same fold.
    seed : random seed of the folds. It does not seed the estimator.
    client : a dask.distributed Client; its workers compute the folds, each with a copy of X and of the estimator.

    Returns
    -------
    float32 array (n, k), rows sum to 1. A class that is missing from a training set gets probability 0.
    Unlabelled rows are predicted by one more model, trained on all labelled rows.

    Raises
    ------
    InputError : X does not have n rows, fewer than 2 labelled rows, no predict_proba, or it returned NaN.
    """
    check_dataset(dataset)
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    units, answers = dataset.units, dataset.kind.answers(dataset.classes)
    if n != units.m:
        what = "example" if units.keys is None else "unit"
        found = f"has {n} rows for {units.m} {what}s"
        raise InputError.at("X", found, f"Pass one row per {what}, in dataset order.")
    if not answers:
        found = f"holds numbers (task {dataset.task!r})"
        raise InputError.at("dataset", found, "Use a kind of label that is a choice between classes.")
    groups = None if units.keys is None else units.rows
    probs = cross_validated_probs(estimator, X, units.given, len(answers), folds, seed, client, groups)
    return note_order(probs, answers)


def out_of_fold(
    run: Run, folds: int = 5, seed: int = 0, *, epoch: int = -1, replace: bool = False, client: Any = None
) -> PredProbs:
    """Compute out-of-fold probabilities by logistic regression on embeddings, and keep them in the run's `pred_probs`.

    Probabilities that the user stored are returned as they are. Computed ones are recomputed if they belong to another
    epoch or other settings.

    Parameters
    ----------
    folds, seed : as in `cross_val_predict`.
    epoch : an epoch with embeddings; -1 is the last.
    replace : whether to replace probabilities that the user stored.
    client : a dask.distributed Client; its workers compute the folds and read the embeddings from the run.

    Returns
    -------
    PredProbs; `provenance` says which embedding was used and whether it was itself trained on the labels.

    Raises
    ------
    MissingEvidence : no pred_probs and no embeddings.

    Notes
    -----
    Embeddings are standardised, reduced to 256 principal components if wider, and scaled to mean squared length 1.
    The inverse regularisation strength is the value of `STRENGTHS` with the best log likelihood of the given labels on
    held-out rows (one value for all folds). A row without an embedding gets the class frequencies.
    """
    require_task(run, "multiclass", "out_of_fold")
    there = run.pred_probs()
    ours = there if there is not None and there.automatic else None
    if there is not None and ours is None and not replace:
        return there
    if not run.embedding_epochs:
        if there is not None:
            return there
        how = "Record embeddings, store probabilities with `run.save_pred_probs`, or use `wb.cross_val_predict`."
        raise MissingEvidence.needed("out_of_fold", ["embeddings"], how)
    epoch = run.resolve_embedding_epoch(epoch)
    provenance = cross_validated(run.embedding_provenance(epoch), int(folds), int(seed))
    made_of = sample_key((path for _, path in run.layout.arrays("embeddings")[epoch]), run.layout)
    if ours and replace_fields(ours.provenance, missing=0) == provenance and ours.made_of in ("", made_of):
        return ours
    key = {"made_of": made_of, "how": provenance.to_json(), "labels": digest(run.dataset.given_labels)}
    kept = load(run.layout, KEPT, key)  # used when a file of the user occupies pred_probs
    if kept is not None:
        values, missing = kept["values"], int(kept["missing"])
    else:
        values, missing = _computed(run, epoch, folds, seed, client)
    note_order(values, run.dataset.classes)
    found = PredProbs(values, replace_fields(provenance, missing=missing), made_of)
    try:
        if not run.keep_pred_probs(found, replace=replace) and kept is None:
            store(run.layout, KEPT, key, {"values": values, "missing": np.array(missing, np.int64)}, quiet=True)
    except OSError as error:
        warn_not_kept("out-of-fold probabilities", run.path, error)
    return found


def _computed(run: Run, epoch: int, folds: int, seed: int, client: Any) -> tuple[np.ndarray, int]:
    """Return probabilities from the embeddings of one epoch, and the number of rows without an embedding."""
    labels, k = run.dataset.given_labels, run.k
    if client is None:
        return _logistic(run.embeddings(epoch), labels, k, folds, seed)
    rows, strength = on_one_worker(functools.partial(_fitting, epoch=epoch, folds=folds, seed=seed), run, client)
    inputs = functools.partial(_inputs, Place.of(run), epoch, seed)
    return _by_folds(labels, k, folds, seed, rows, inputs, strength, client)


def _fitting(place: Place, epoch: int, folds: int, seed: int) -> tuple[np.ndarray, float]:
    """On a worker, return the rows with an embedding and the inverse regularisation strength."""
    rows, X = _prepared_at(place, epoch, seed)
    return rows, strength_of(X, place.run().dataset.given_labels[rows], folds, seed)


def _inputs(place: Place, epoch: int, seed: int) -> np.ndarray:
    return _prepared_at(place, epoch, seed)[1]


@functools.lru_cache(maxsize=1)
def _prepared_at(place: Place, epoch: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `regression_inputs`, computed once per worker process instead of once per fold."""
    return regression_inputs(place.run().embeddings(epoch), seed)


def _logistic(embeddings: np.ndarray, labels: np.ndarray, k: int, folds: int, seed: int) -> tuple[np.ndarray, int]:
    """Return (n, k) float32 probabilities and the number of rows without an embedding."""
    rows, X = regression_inputs(embeddings, seed)
    strength = strength_of(X, labels[rows], folds, seed)
    return _by_folds(labels, k, folds, seed, rows, functools.partial(_as_given, X), strength)


def _by_folds(
    labels: np.ndarray,
    k: int,
    folds: int,
    seed: int,
    rows: np.ndarray,
    inputs: Callable[[], np.ndarray],
    strength: float,
    client: Any = None,
) -> tuple[np.ndarray, int]:
    """Return the same as `_logistic`; `inputs()` returns the features of the rows `rows`."""
    from sklearn.linear_model import LogisticRegression

    known = np.bincount(labels[labels >= 0], minlength=k).astype(np.float64)
    prior = (known / known.sum() if known.sum() else np.full(k, 1 / k)).astype(np.float32)
    values = np.tile(prior, (len(labels), 1))
    if len(rows):
        model = LogisticRegression(C=strength, tol=TOLERANCE, max_iter=100)
        limit = 1 if len(labels) <= SMALL else None
        values[rows] = _by_parts(model, inputs, labels[rows], k, folds, seed, client, limit)
    return values, len(labels) - len(rows)


def regression_inputs(embeddings: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows with an embedding and their features for the regression: (rows, at most `WIDEST`) float32."""
    with at_most_threads(1 if len(embeddings) <= SMALL else None):
        rows = np.flatnonzero(finite_rows(embeddings))
        X = np.asarray(embeddings[rows], dtype=np.float32)
        return rows, scaled(X, seed) if len(rows) else X


def scaled(X: np.ndarray, seed: int, widest: int = WIDEST) -> np.ndarray:
    """Standardise, reduce to at most `widest` principal components, and scale to mean squared length 1."""
    X = X - X.mean(axis=0, dtype=np.float64).astype(np.float32)
    spread = X.std(axis=0)
    X = X[:, spread > 0] / spread[spread > 0]
    if X.shape[1] == 0:
        return np.zeros((len(X), 1), np.float32)
    if X.shape[1] > widest and len(X) > widest:
        from sklearn.decomposition import PCA

        X = PCA(widest, svd_solver="randomized", random_state=seed).fit_transform(X)
    return X / max(float(np.sqrt((X * X).sum(axis=1).mean())), 1e-12)


def strength_of(X: np.ndarray, codes: np.ndarray, folds: int, seed: int) -> float:
    """Return the inverse regularisation strength under which held-out labels are most likely."""
    with at_most_threads(1 if len(X) <= SMALL else None):
        return _strength(X, codes, folds, seed)


def _strength(X: np.ndarray, codes: np.ndarray, folds: int, seed: int) -> float:
    from sklearn.linear_model import LogisticRegression

    labelled = np.flatnonzero(codes >= 0)
    rng = np.random.default_rng(seed)
    tried = np.sort(rng.permutation(labelled)[:TRIAL_ROWS])
    fold = deal_folds(codes[tried], folds, seed)
    train, test = tried[fold != 0], tried[fold == 0]
    test = test[np.isin(codes[test], codes[train])]
    if len(test) == 0 or len(np.unique(codes[train])) < 2:
        return 1.0
    # the loss is a sum over rows: a trial on fewer rows needs a larger C for the same regularisation
    share = len(labelled) / len(tried)
    losses = []
    for strength in STRENGTHS:
        trial = LogisticRegression(C=strength * share, tol=TOLERANCE, max_iter=100)
        model = _quietly(trial.fit, X[train], codes[train])
        column = np.searchsorted(model.classes_, codes[test])
        p = model.predict_proba(X[test])[np.arange(len(test)), column]
        losses.append(-np.log(np.maximum(p, 1e-12)).mean())
    return STRENGTHS[int(np.argmin(losses))]


def cross_validated_probs(
    estimator: Any,
    X: Any,
    labels: np.ndarray,
    k: int,
    folds: int,
    seed: int,
    client: Any = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    return _by_parts(estimator, functools.partial(_as_given, X), labels, k, folds, seed, client, groups=groups)


def _by_parts(
    estimator: Any,
    inputs: Callable[[], Any],
    labels: np.ndarray,
    k: int,
    folds: int,
    seed: int,
    client: Any = None,
    limit: int | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    from tqdm.auto import tqdm

    if not hasattr(estimator, "predict_proba") or not hasattr(estimator, "fit"):
        name = type(estimator).__name__
        raise InputError.at(
            "estimator",
            f"({name}) has no predict_proba",
            f"Wrap it: `sklearn.calibration.CalibratedClassifierCV({name}(...))` adds `predict_proba`.",
        )
    labelled = np.flatnonzero(labels >= 0)
    if len(labelled) < 2:
        found = f"has {len(labelled)} labelled rows"
        raise InputError.at("given_labels", found, "Out-of-fold prediction needs at least two.")
    check_whole("folds", folds, 2)
    most = len(labelled) if groups is None else len(np.unique(groups[labelled]))
    if most < 2:
        raise InputError.at("given_labels", "belong to one example", "Out-of-fold prediction needs at least two.")
    fold = deal_folds(labels, min(int(folds), most), seed, groups=groups)
    out = np.zeros((len(labels), k), np.float32)
    parts = [*range(fold.max() + 1), *([-1] if (fold < 0).any() else [])]
    function = functools.partial(_of_fold, estimator, inputs, labels, fold, k, limit)
    done = each(function, parts, client=client, threads=1)
    for part, values in tqdm(done, total=len(parts), desc="out-of-fold", unit="fold", delay=2, leave=False):
        out[fold == part] = values
    return out


def _as_given(X: Any) -> Any:
    return X


def _of_fold(
    estimator: Any,
    inputs: Callable[[], Any],
    labels: np.ndarray,
    fold: np.ndarray,
    k: int,
    limit: int | None,
    part: int,
) -> np.ndarray:
    """Return the probabilities (t, k) of one fold by a model of the others, with `limit` threads."""
    test, train = np.flatnonzero(fold == part), np.flatnonzero((labels >= 0) & (fold != part))
    with at_most_threads(limit):
        return _predicted(estimator, inputs(), labels, train, test, k)


def _predicted(estimator: Any, X: Any, labels: np.ndarray, train: np.ndarray, test: np.ndarray, k: int) -> np.ndarray:
    """Return the probabilities (t, k) of the rows `test` by a new model of the rows `train`."""
    from sklearn.base import clone

    classes, codes = np.unique(labels[train], return_inverse=True)
    out = np.zeros((len(test), k))
    if len(classes) == 1:
        out[:, classes[0]] = 1
        return out
    model = clone(estimator, safe=False)
    fitted = _quietly(model.fit, take_rows(X, train), codes)
    model = model if fitted is None else fitted
    values = np.asarray(model.predict_proba(take_rows(X, test)), dtype=np.float64)
    if values.shape != (len(test), len(classes)):
        found = f"returned shape {values.shape} from predict_proba for {len(test)} rows and {len(classes)} classes"
        raise InputError.at("estimator", found, "It must return one column per class of its training labels.")
    bad = ~np.isfinite(values).all(axis=1) | (values < 0).any(axis=1) | (values.sum(axis=1) <= 0)
    if bad.any():
        row = int(test[np.flatnonzero(bad)[0]])
        found = "returned probabilities that are negative or not finite"
        raise InputError.at("estimator", found, "Scale X, or fill its missing values.", row=row)
    out[:, classes] = values / values.sum(axis=1, keepdims=True)
    return out


def _quietly(fit: Any, X: Any, codes: np.ndarray) -> Any:
    """Fit without convergence warnings: the last digits of the optimum are not used."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(X, codes)
