"""Generalised cross-entropy: between cross-entropy, which learns fast, and absolute error, which tolerates noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def generalized_cross_entropy(logits: Tensor, labels: Tensor, q: float = 0.7) -> Tensor:
    """Generalised cross-entropy of every example.

    Parameters
    ----------
    logits : float (b, k)
    labels : int (b,) class index
    q : in [0, 1]; 0 is cross-entropy, 1 is 1 - p, half the absolute error

    Returns
    -------
    float (b,), in [0, 1 / q]

    Notes
    -----
    (1 - p_y^q) / q. Its gradient is that of cross-entropy times p_y^q: improbable labels count less.

    References
    ----------
    Zhang and Sabuncu 2018, Generalized Cross Entropy Loss, equation 6.

    Examples
    --------
    >>> import torch
    >>> generalized_cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1]), q=1.0)
    tensor([0.5000])
    """
    import torch

    log_p = logits.log_softmax(dim=1).gather(1, labels[:, None])[:, 0]
    return -log_p if q == 0 else -torch.expm1(q * log_p) / q
