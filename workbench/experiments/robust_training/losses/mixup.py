"""Mixup: train on points between examples, with labels between theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def mixup(
    inputs: Tensor, labels: Tensor, k: int, alpha: float = 1.0, *, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A batch mixed with itself in another order.

    Parameters
    ----------
    inputs : float (b, d)
    labels : int (b,) class index
    k : number of classes
    alpha : of the Beta(alpha, alpha) distribution of the share; towards 0 nothing is mixed
    rng : of order and share

    Returns
    -------
    (b, d) inputs and (b, k) soft labels, for `cross_entropy`

    Notes
    -----
    l x_i + (1 - l) x_j and l y_i + (1 - l) y_j, one l for the batch.

    References
    ----------
    Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization, equation 1.

    Examples
    --------
    >>> import torch
    >>> x, y = mixup(torch.eye(2), torch.tensor([0, 1]), 2, rng=np.random.default_rng(0))
    >>> torch.equal(x, y)
    True
    """
    import torch
    from torch.nn import functional

    share = float(rng.beta(alpha, alpha))
    order = torch.from_numpy(rng.permutation(len(inputs)))
    target = functional.one_hot(labels, k).to(inputs.dtype)
    return share * inputs + (1 - share) * inputs[order], share * target + (1 - share) * target[order]
