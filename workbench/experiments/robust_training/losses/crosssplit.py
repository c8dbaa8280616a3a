"""Cross-split label correction: a label is blended with the prediction of a network that never saw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LOG_FLOOR = 1e-12
GAMMAS = (0.6, 0.8, 1.0)  # how far the blend follows the disagreement, early, later, and for most of the training
STAGES = (2 / 29, 3 / 29)  # of the epochs after the warm-up: 20 and 30 of the 290 epochs of the authors' training


def gamma_at(progress: float) -> float:
    """How far the blend follows the disagreement, by the elapsed share in [0, 1) of the epochs after the warm-up.

    Examples
    --------
    >>> [gamma_at(share) for share in (0, 0.08, 0.5)]
    [0.6, 0.8, 1.0]
    """
    return GAMMAS[sum(progress >= stage for stage in STAGES)]


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
        return torch.where(p > 0, p * (p.clamp_min(LOG_FLOOR) / middle.clamp_min(LOG_FLOOR)).log(), 0.0).sum(dim=1)

    return (kl(probs) + kl(target)) / 2


def softened_labels(probs: Tensor, labels: Tensor, gamma: float = 0.6, *, temperature: float = 1.0) -> Tensor:
    """Soft labels (b, k): the given label blended with the peer's prediction, more of it where the two disagree.

    Parameters
    ----------
    probs : float (b, k), predictions of the network that was trained on the other half
    labels : int (b,) class index as given
    gamma : in [0, 1], how much the blend follows the disagreement; 0 is half and half everywhere
    temperature : above 0; the blend to the power 1 / temperature, brought to sum 1. The authors use .5; 1 is no change

    Notes
    -----
    beta p + (1 - beta) y (equation 1) with beta = gamma (D - 1/2) + 1/2 (equation 2), D the Jensen-Shannon divergence
    of p and y, shifted and scaled to [0, 1] within each given class (equation 4). Checked against the authors' public
    training script, which also has the sharpening and raises gamma from .6 over .8 to 1 (`gamma_at`).

    Ours: smallest and largest divergence of a class are those of the half that is corrected (there, of the whole data
    that the peer predicts); D is 1/2 in a class where all are the same; each network warms up on its own half alone, so
    that the peer has really not seen the labels that it corrects (there, both warm up on everything). Left out is the
    semi-supervised part: it rests on image augmentations, which stored features do not have.

    References
    ----------
    Kim, Baratin, Zhang and Lacoste-Julien 2023, CrossSplit, section 3 (cross-split label correction).

    Examples
    --------
    >>> import torch
    >>> softened_labels(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))
    tensor([[1.0000, 0.0000],
            [0.2000, 0.8000]])
    >>> softened_labels(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]), temperature=0.5)
    tensor([[1.0000, 0.0000],
            [0.0588, 0.9412]])
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
    blend = beta * probs + (1 - beta) * functional.one_hot(labels, probs.shape[1]).to(probs.dtype)
    sharp = blend ** (1 / temperature)
    return sharp / sharp.sum(dim=1, keepdim=True)
