"""Cross-entropy against given or soft labels, and with smoothed labels: the baseline of the other methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of every example.

    Parameters
    ----------
    logits : float (b, k)
    labels : int (b,) class index, or float (b, k) soft labels, rows sum to 1
    smoothing : share e of the label that is spread evenly over all classes, in [0, 1]

    Returns
    -------
    float (b,), in nats, from 0

    Notes
    -----
    -sum_c t_c log p_c with t = (1 - e) label + e / k.

    References
    ----------
    Szegedy et al. 2016, Rethinking the Inception Architecture, section 7 (smoothing); Lukasik et al. 2020, Does Label
    Smoothing Mitigate Label Noise?

    Examples
    --------
    >>> import torch
    >>> cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor([0.6931])
    """
    from torch.nn import functional

    return functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
