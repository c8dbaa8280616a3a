"""Bootstrapping: the target is a mix of the given label and the model's own prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def bootstrapping(logits: Tensor, labels: Tensor, beta: float | None = None, *, hard: bool = True) -> Tensor:
    """Bootstrapped cross-entropy of every example.

    Parameters
    ----------
    logits : float (b, k)
    labels : int (b,) class index
    beta : weight of the given label, in [0, 1]; 1 is cross-entropy. By default the paper's: 0.8 (hard) or 0.95 (soft)
    hard : the model's own part is its most probable class; else all of its probabilities

    Returns
    -------
    float (b,), in nats, from 0

    Notes
    -----
    -sum_c (beta y_c + (1 - beta) z_c) log p_c, z the one-hot prediction (hard) or p itself (soft; the gradient runs
    through both, which rewards being sure).

    References
    ----------
    Reed et al. 2015, Training Deep Neural Networks on Noisy Labels with Bootstrapping, equations 6 and 7.

    Examples
    --------
    A model that is confident of class 0 against the given label 1 has less than the full loss.

    >>> import torch
    >>> logits, labels = torch.tensor([[4.0, 0.0]]), torch.tensor([1])
    >>> bootstrapping(logits, labels, 1.0), bootstrapping(logits, labels, 0.8)
    (tensor([4.0181]), tensor([3.2181]))
    """
    beta = (0.8 if hard else 0.95) if beta is None else beta
    log_p = logits.log_softmax(dim=1)
    given = -log_p.gather(1, labels[:, None])[:, 0]
    own = -log_p.max(dim=1).values if hard else -(log_p.exp() * log_p).sum(dim=1)
    return beta * given + (1 - beta) * own
