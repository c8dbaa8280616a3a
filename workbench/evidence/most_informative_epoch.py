"""Which epochs separate correct from wrong labels best: after the classes are learned, before labels are memorised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workbench.runs.run import Run

SETTLED = 0.8  # classes count as learned once balanced accuracy is at least this share of the next epoch's


def epoch_weights(correct: np.ndarray, given_labels: np.ndarray, k: int) -> np.ndarray:
    """Return the weight of each epoch: squared balanced accuracy times the share of labels not fitted; sums to 1.

    Parameters
    ----------
    correct : float array (epochs, n), 1 predicted as given, 0 not, NaN not recorded
    given_labels : int array (n,), -1 = unlabelled

    Returns
    -------
    float64 array (epochs,)

    Notes
    -----
    The first factor is small until the classes, including rare ones, are learned; the second is small once the labels
    are memorised. A thousandth is added to each product, so that epochs that fit every label get equal weights.
    """
    balanced, missed = learned_shares(correct, given_labels, k)
    weights = balanced**2 * missed + 1e-3
    return weights / weights.sum() if len(weights) else weights


def learned_shares(correct: np.ndarray, given_labels: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return balanced accuracy on the given labels and the share of them not predicted, (epochs,) each."""
    balanced, missed = np.zeros(len(correct)), np.zeros(len(correct))
    for epoch, right in enumerate(correct):
        there = ~np.isnan(right) & (given_labels >= 0)
        labels = given_labels[there]
        sizes = np.bincount(labels, minlength=k)
        hits = np.bincount(labels, right[there], minlength=k)
        present = sizes > 0
        if present.any():
            balanced[epoch] = (hits[present] / sizes[present]).mean()
            missed[epoch] = 1 - right[there].mean()
    return balanced, missed


def most_informative_epoch(run: Run) -> int:
    """Return the epoch whose embeddings best separate correct from wrong labels; the last if only one was recorded.

    Embeddings trained on the labels come to fit them, including wrong ones, so late epochs hide errors that early ones
    show. The epoch with the largest weight (`epoch_weights`) is chosen among those after which balanced accuracy grew
    by at most a quarter, so that the classes have been learned.
    """
    there = run.embedding_epochs
    known = [epoch for epoch in there if epoch in run.epochs]
    newest = there[-1]
    if run.mode == "import" or len(there) < 2 or not known:
        return newest
    balanced, missed = learned_shares(run.stat_matrix("correct"), run.dataset.given_labels, run.k)
    settled = np.append(balanced[:-1] >= SETTLED * balanced[1:], True)
    worth = np.where(settled, 1.0, 1e-3) * (balanced**2 * missed + 1e-3)
    return max(known, key=lambda epoch: worth[run.epochs.index(epoch)])
