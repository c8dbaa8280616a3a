"""Forward correction: the model predicts true labels, and the loss is that of the given ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LOSS_FLOOR = 1e-12


def forward_correction(logits: Tensor, labels: Tensor, transition: Tensor) -> Tensor:
    """Cross-entropy of the given labels under predictions passed through a noise matrix.

    Parameters
    ----------
    logits : float (b, k), of the true class
    labels : int (b,) class index as given
    transition : float (k, k), row = true class, column = given class, rows sum to 1; the identity is cross-entropy

    Returns
    -------
    float (b,), in nats, from 0

    Notes
    -----
    -log sum_j p_j T_jy.

    References
    ----------
    Patrini et al. 2017, Making Deep Neural Networks Robust to Label Noise, theorem 2.

    Examples
    --------
    Half of class 0 is labelled 1, so a model that predicts 0 has a low loss for a 1.

    >>> import torch
    >>> T = torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    >>> forward_correction(torch.tensor([[20.0, 0.0]]), torch.tensor([1]), T)
    tensor([0.6931])
    """
    log_t = transition.clamp_min(LOSS_FLOOR).log().T[labels]
    return -(logits.log_softmax(dim=1) + log_t).logsumexp(dim=1)
