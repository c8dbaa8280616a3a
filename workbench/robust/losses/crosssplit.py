"""Cross-split label correction: a label is blended with what a network says that never saw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

FLOOR = 1e-12


def divergence(probs: Tensor, labels: Tensor) -> Tensor:
    """Jensen-Shannon divergence of predictions from one-hot labels: (b,), in [0, log 2].

    Examples
    --------
    >>> import torch
    >>> divergence(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))
    tensor([0.0000, 0.6931])
    """
    import torch
    from torch.nn import functional

    target = functional.one_hot(labels, probs.shape[1]).to(probs.dtype)
    middle = (probs + target) / 2

    def kl(p: Tensor) -> Tensor:
        return torch.where(p > 0, p * (p.clamp_min(FLOOR) / middle.clamp_min(FLOOR)).log(), 0.0).sum(dim=1)

    return (kl(probs) + kl(target)) / 2


def corrected_labels(probs: Tensor, labels: Tensor, gamma: float = 0.6) -> Tensor:
    """Soft labels (b, k): the given label blended with the peer's prediction, more of it where the two disagree.

    Parameters
    ----------
    probs : float (b, k), predictions of the network that was trained on the other half
    labels : int (b,) class index as given
    gamma : in [0, 1], how much the blend follows the disagreement; 0 is half and half everywhere

    Notes
    -----
    beta p + (1 - beta) y with beta = gamma (D - 1/2) + 1/2, D the Jensen-Shannon divergence scaled to [0, 1] within
    each given class (1/2 in a class where all are the same). Of the paper's two parts this is the label correction; the
    semi-supervised part rests on image augmentations, which stored features do not have.

    References
    ----------
    Kim, Baratin, Zhang and Lacoste-Julien 2023, CrossSplit, section 3 (cross-split label correction).

    Examples
    --------
    >>> import torch
    >>> corrected_labels(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))
    tensor([[1.0000, 0.0000],
            [0.2000, 0.8000]])
    """
    import torch
    from torch.nn import functional

    apart = divergence(probs, labels)
    scaled = torch.full_like(apart, 0.5)
    for label in labels.unique():
        mine = labels == label
        low, high = apart[mine].min(), apart[mine].max()
        if high > low:
            scaled[mine] = (apart[mine] - low) / (high - low)
    beta = (gamma * (scaled - 0.5) + 0.5)[:, None]
    return beta * probs + (1 - beta) * functional.one_hot(labels, probs.shape[1]).to(probs.dtype)
