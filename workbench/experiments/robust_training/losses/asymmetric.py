"""Asymmetric loss for multi-label data: easy negatives get little weight, very easy ones none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def asymmetric(
    logits: Tensor, targets: Tensor, *, positive: float = 0.0, negative: float = 4.0, margin: float = 0.05
) -> Tensor:
    """Asymmetric loss of every example, summed over its classes.

    Parameters
    ----------
    logits : float (b, k), one independent yes or no per class
    targets : float or int (b, k), 1 where the class is given, else 0
    positive, negative : focusing exponents of classes that are given and that are not, from 0
    margin : probability below which a class that is not given costs nothing, in [0, 1); it also bounds what a missing
        label can cost: one that the model is sure of is likely to be missing

    Returns
    -------
    float (b,), in nats, from 0

    Notes
    -----
    -sum_c y (1 - p)^positive log p + (1 - y) m^negative log(1 - m), m = max(p - margin, 0). With both exponents and the
    margin 0 it is binary cross-entropy.

    References
    ----------
    Ridnik et al. 2021, Asymmetric Loss for Multi-Label Classification, equations 4 to 7.

    Examples
    --------
    >>> import torch
    >>> asymmetric(torch.tensor([[0.0, -9.0]]), torch.tensor([[1, 0]]))
    tensor([0.6931])
    """
    from torch.nn.functional import logsigmoid

    targets = targets.to(logits.dtype)
    p = logits.sigmoid()
    shifted = (p - margin).clamp_min(0)
    log_no = logsigmoid(-logits) if margin == 0 else (-shifted).log1p()
    yes = (1 - p) ** positive * logsigmoid(logits)
    return -(targets * yes + (1 - targets) * shifted**negative * log_no).sum(dim=1)
