"""Which epochs separate correct from wrong labels: those after the classes and before the labels are learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workbench.runs.run import Run

SETTLED = 0.8  # an epoch has learned the classes when the next one's balanced accuracy times this is no larger


def epoch_weights(correct: np.ndarray, given_labels: np.ndarray, k: int) -> np.ndarray:
    """How informative each epoch is: balanced accuracy squared times the share of labels not fitted; (epochs,), sum 1.

    Parameters
    ----------
    correct : float array (epochs, n), 1 predicted as given, 0 not, NaN not recorded
    given_labels : int array (n,), -1 = unlabelled

    Notes
    -----
    The first factor is small before the classes are learned (and while only the frequent ones are), the second after
    the labels are memorised. A thousandth is added to every weight, so that epochs that fit everything share equally.
    """
    balanced, missed = learned_shares(correct, given_labels, k)
    weights = balanced**2 * missed + 1e-3
    return weights / weights.sum() if len(weights) else weights


def learned_shares(correct: np.ndarray, given_labels: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Balanced accuracy on the given labels, and the share of them that is not predicted, (epochs,) each."""
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
    """The epoch whose embeddings separate correct from wrong labels best: the last, unless several were recorded.

    An embedding that was trained on the labels moves to where they are, wrong ones too, so that late embeddings hide
    what early ones show. Of several, the one of the epoch with the largest weight (`epoch_weights`) is taken, among
    epochs after which the balanced accuracy grew by a quarter at most: the classes come first.
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
