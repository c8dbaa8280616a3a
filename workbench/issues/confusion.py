"""The confusion matrix of given labels and predicted classes, and the cell of every example.

Predictions come from out-of-fold probabilities if available, otherwise from the last epoch. They are counted by largest
probability (confusion matrix), or only if confident (confident joint, from which the noise matrix is estimated).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.confident.counting import read_probs
from workbench.evidence.out_of_fold import out_of_fold
from workbench.foundation.checks import check_pred_probs
from workbench.foundation.errors import MissingEvidence
from workbench.runs.run import opened
from workbench.tasks import require_task

if TYPE_CHECKING:
    from workbench.runs.run import Run
    from workbench.storage.probabilities import PredProbs


def confusion_matrix(run: Run) -> pd.DataFrame:
    """Count how often each class is predicted for each given label.

    Parameters
    ----------
    run : a Run or its path.

    Returns
    -------
    DataFrame (k, k) of int64, index "given" and columns "predicted", both the classes in order, in the type in which
    labels were given. Unlabelled examples and those without a prediction are not counted. `.attrs["how"]`: where the
    predictions come from

    Raises
    ------
    MissingEvidence : the run has neither probabilities, embeddings nor epochs.
    """
    run = opened(run)
    require_task(run, "multiclass", "confusion_matrix")
    predicted, how = predicted_labels(run)
    given = run.dataset.given_labels
    counted = (given >= 0) & (predicted >= 0)
    cells = given[counted] * run.k + predicted[counted]
    counts = np.bincount(cells, minlength=run.k**2).reshape(run.k, run.k)
    classes = run.dataset.label_type
    given, predicted = (classes.index(run.classes, name=name) for name in ("given", "predicted"))
    table = pd.DataFrame(counts, given, predicted)
    table.attrs["how"] = how
    return table


def predicted_labels(run: Run) -> tuple[np.ndarray, str]:
    """Return the class with the largest probability, (n,) int32, -1 = none, and a description of its source.

    Uses stored or out-of-fold probabilities, otherwise the last epoch (in-sample). Raises MissingEvidence.
    """
    probs = probabilities(run)
    if probs is not None:
        return probs.values.argmax(axis=1).astype(np.int32), probs.provenance.in_full
    if run.epochs:
        predicted = run.stats(run.epochs[-1], ["pred"])["pred"]
        return predicted.astype(np.int32), f"in-sample: predictions of epoch {run.epochs[-1]}"
    raise MissingEvidence.needed("A confusion matrix", ["pred_probs"], "Record a training, or store probabilities.")


def confident_labels(run: Run) -> np.ndarray:
    """Return the class as which each example counts in the confident joint, (n,) int32, -1 = none.

    Raises MissingEvidence if there are neither probabilities nor embeddings to compute them from.
    """
    probs = needed(run, "The confident joint")
    values, labels = check_pred_probs(probs.values, run.dataset.given_labels, scan=False)
    return read_probs(labels, values).confident.astype(np.int32)


def probabilities(run: Run) -> PredProbs | None:
    """Return stored probabilities, or out-of-fold ones from embeddings, or None."""
    enough = int((run.dataset.given_labels >= 0).sum()) > 1
    if run.pred_probs() is None and not (run.embedding_epochs and enough):
        return None
    return out_of_fold(run)


def needed(run: Run, who: str) -> PredProbs:
    """Return the same, or raise an error that says how to get them."""
    probs = probabilities(run)
    if probs is None:
        how = "Store probabilities with `run.save_pred_probs`, or record embeddings."
        raise MissingEvidence.needed(who, ["pred_probs"], how)
    return probs
