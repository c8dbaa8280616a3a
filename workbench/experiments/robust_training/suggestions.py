"""Labels that robust heads would change, as suggestions for the review queue.

Each example is predicted by a head that was trained without it, so that its own label has no influence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.evidence.evidence import Evidence
from workbench.evidence.out_of_fold import deal_folds
from workbench.experiments.robust_training.bench import make_setup, scaled_features
from workbench.experiments.robust_training.methods import ROBUST_METHODS, check_methods, train
from workbench.experiments.robust_training.networks import Setup
from workbench.foundation.checks import UNLABELLED, check_whole
from workbench.foundation.devices import one_thread
from workbench.foundation.errors import InputError
from workbench.issues.detector import find_issues
from workbench.runs.run import Run, opened
from workbench.tasks import require_task


def suggest(
    data: Run | Dataset | str,
    method: str = "cross_split",
    X: Any = None,
    *,
    folds: int = 4,
    threshold: float = 0.5,
    seed: int = 0,
    setup: Setup | None = None,
    **options: int | float,
) -> pd.DataFrame:
    """Suggest labels with heads trained by a robust method, in the format of `find_issues`.

    Parameters
    ----------
    data : a Run or its path, or a Dataset with X.
    method : a name of `workbench.experiments.robust_training.ROBUST_METHODS`.
    X : n inputs in dataset order; by default the embeddings of the run.
    folds : number of folds; each example is predicted by heads trained on the other folds.
    threshold : minimum p_error of issues, as in `find_issues`.
    seed : random seed of folds and weights.
    setup, options : as in `robust`.

    Returns
    -------
    DataFrame as returned by `find_issues`, indexed by id, for `wd.Explorer(run, issues=...)`. Each reason starts with
    the name of the method; ``attrs["source"]`` contains it too.

    Raises
    ------
    InputError
        An unknown method, fewer than 2 folds, or too few labelled examples for them.

    Notes
    -----
    The probabilities are calibrated like all others (`find_issues` with `pred_probs`), so that p_error of different
    sources can be compared. An example without features gets the class shares.

    Examples
    --------
    >>> X = np.repeat(np.eye(3), 30, axis=0) + 0.2 * np.random.default_rng(0).normal(size=(90, 3))
    >>> labels = np.repeat(np.arange(3), 30)
    >>> labels[0] = 2
    >>> table = suggest(Dataset.from_arrays(labels), "generalized_cross_entropy", X)
    >>> [int(one) for one in (table.index[0], table["given_label"].iloc[0], table["suggested_label"].iloc[0])]
    [0, 2, 0]
    """
    source = opened(data)
    dataset = source.dataset if isinstance(source, Run) else source
    require_task(dataset, "multiclass", "suggest")
    check_methods(method)
    setup = make_setup(setup, options)
    check_whole("folds", folds, 2)
    given, k = dataset.given_labels, dataset.k
    features, rows = scaled_features(source, X, np.ones(dataset.n, bool), seed)
    labels = given[rows]
    if (labels != UNLABELLED).sum() < 2 * folds:
        raise InputError.at("data", f"has {int((labels != UNLABELLED).sum())} labelled examples", "Use fewer folds.")
    shares = np.bincount(given[given != UNLABELLED], minlength=k) / max(int((given != UNLABELLED).sum()), 1)
    probs = np.tile(shares.astype(np.float32), (dataset.n, 1))
    fold = deal_folds(labels, int(folds), seed)
    with one_thread():
        import torch

        for part in [*range(int(folds)), *([-1] if (fold < 0).any() else [])]:
            teach = np.flatnonzero((fold >= 0) & (fold != part))
            trained = train(method, features[teach], labels[teach], k, setup, seed + part + 1)
            asked = np.flatnonzero(fold == part)
            probs[rows[asked]] = trained.predict(torch.from_numpy(features[asked]))
        probs /= probs.sum(axis=1, keepdims=True)
        evidence = Evidence.from_arrays(given, k, probs, ids=dataset.ids, classes=dataset.classes)
        evidence.label_type = dataset.label_type
        table = find_issues(evidence, threshold=threshold, seed=seed)
    words = method.replace("_", " ")
    table["reasons"] = [f"{words} head: {reason}" if reason else f"{words} head" for reason in table["reasons"]]
    table.attrs |= {
        "source": f"robust head, {words} ({ROBUST_METHODS[method].source})",
        "method": f"{words}, {folds} folds",
    }
    return table
