"""Co-teaching: two networks, each trained on the examples that the other finds easy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def remember_rate(epoch: int, noise_rate: float, ramp: int = 10) -> float:
    """Share of a batch that is kept in an epoch, in [0, 1].

    Parameters
    ----------
    epoch : from 0
    noise_rate : estimated share of wrong labels, in [0, 1]
    ramp : epochs after which the full noise rate is left out

    Notes
    -----
    R(T) = 1 - noise_rate min(T / ramp, 1): wrong labels are learned late, so that at first all are kept.

    References
    ----------
    Han et al. 2018, Co-teaching, algorithm 1.

    Examples
    --------
    >>> [round(remember_rate(epoch, 0.4), 2) for epoch in (0, 5, 10, 20)]
    [1.0, 0.8, 0.6, 0.6]
    """
    return 1 - noise_rate * min(epoch / max(ramp, 1), 1.0)


def small_loss(losses: Tensor, share: float) -> Tensor:
    """Places of the examples with the smallest losses: (m,) int64, m = share of b, at least 1.

    Examples
    --------
    >>> import torch
    >>> small_loss(torch.tensor([3.0, 1.0, 2.0, 9.0]), 0.5)
    tensor([1, 2])
    """
    m = max(1, round(share * len(losses)))
    return losses.detach().argsort(stable=True)[:m]
