"""Losses for multi-label heads with incomplete tags.

All functions take `logits` float (b, k) and `given` float (b, k), 1 = yes, 0 = no, -1 = unknown, and return the loss of
every cell (b, k); its mean is minimised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def binary_cross_entropy(logits: Tensor, given: Tensor) -> Tensor:
    """Cross-entropy in which unknown cells count as no.

    Examples
    --------
    >>> import torch
    >>> binary_cross_entropy(torch.zeros(1, 3), torch.tensor([[1.0, 0.0, -1.0]]))
    tensor([[0.6931, 0.6931, 0.6931]])
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits, given.clamp(min=0), reduction="none")


def soft_cross_entropy(logits: Tensor, given: Tensor) -> Tensor:
    """Cross-entropy with targets in [0, 1]; unknown cells are left out (loss 0)."""
    return binary_cross_entropy(logits, given) * (given >= 0)


def entropy_maximisation(logits: Tensor, given: Tensor, alpha: float = 0.2) -> Tensor:
    """Cross-entropy of known cells, and entropy maximisation of unknown ones: -alpha H(p).

    Parameters
    ----------
    alpha : weight of unknown cells.

    References
    ----------
    Zhou et al. 2022, Acknowledging the Unknown for Multi-label Learning with Single Positive Labels.

    Examples
    --------
    >>> import torch
    >>> entropy_maximisation(torch.zeros(1, 1), torch.tensor([[-1.0]]), alpha=1.0)
    tensor([[-0.6931]])
    """
    import torch

    log_p, log_q = torch.nn.functional.logsigmoid(logits), torch.nn.functional.logsigmoid(-logits)
    entropy = -(log_p.exp() * log_p + log_q.exp() * log_q)
    return torch.where(given < 0, -alpha * entropy, binary_cross_entropy(logits, given))


def asymmetric(
    logits: Tensor, given: Tensor, gamma_positive: float = 0.0, gamma_negative: float = 4.0, margin: float = 0.05
) -> Tensor:
    """Asymmetric loss: easy negatives are down-weighted, and ignored if their probability is below the margin.

    Parameters
    ----------
    gamma_positive, gamma_negative : focusing exponents; 0 for both, without a margin, gives cross-entropy.
    margin : in [0, 1], subtracted from the probability of negatives. Unknown cells count as no.

    Notes
    -----
    yes: -(1 - p)^gamma_positive log p; no: -q^gamma_negative log(1 - q) with q = max(p - margin, 0).

    References
    ----------
    Ridnik et al. 2021, Asymmetric Loss For Multi-Label Classification.

    Examples
    --------
    At p = 1/2 a no has the loss .45^4 log(1 / .55).

    >>> import torch
    >>> asymmetric(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    tensor([[0.6931, 0.0245]])
    """
    import torch

    p = torch.sigmoid(logits)
    yes = -((1 - p) ** gamma_positive) * torch.nn.functional.logsigmoid(logits)
    q = (p - margin).clamp(min=0)
    no = -(q**gamma_negative) * torch.log((1 - q).clamp(min=1e-8))
    return torch.where(given > 0, yes, no)


def discard_point(gamma_negative: float = 4.0, margin: float = 0.05) -> float:
    """Find the probability above which the asymmetric loss treats a negative as a likely missed positive; in (0, 1).

    Notes
    -----
    The probability with the largest gradient of the loss of a negative with respect to its logit; above it, the
    gradient decreases (Ridnik et al. 2021). Found on a grid of 10,000 probabilities.

    Examples
    --------
    >>> round(discard_point(), 2)
    0.9
    """
    p = np.linspace(margin, 1, 10_001)[1:-1]
    q = p - margin
    slope = p * (1 - p) * (q**gamma_negative / (1 - q) - gamma_negative * q ** (gamma_negative - 1) * np.log(1 - q))
    return float(p[int(slope.argmax())])


def non_negative_pu(logits: Tensor, given: Tensor, priors: Tensor, share: Tensor) -> Tensor:
    """Non-negative risk of positive and unlabelled cells per tag; every cell that is not yes is unlabelled.

    Parameters
    ----------
    priors : (k,) share of examples that truly have each tag. share : (k,) share of examples given as yes.

    Notes
    -----
    For each tag, pi E_yes[l(f)] + max(0, E_all[l(-f)] - pi E_yes[l(-f)]) with l(f) = log(1 + exp(-f)); the mean of the
    result over the batch is the mean of this over tags. E_yes is estimated with weights pi / share on the cells of the
    batch that are yes, E_all with all of its cells. If the bracket is negative, its gradient is reversed, as in the
    paper.

    References
    ----------
    Kiryo et al. 2017, Positive-Unlabeled Learning with Non-Negative Risk Estimator, algorithm 1; Yuan et al. 2023,
    Positive Label Is All You Need for Multi-Label Classification, who use it tag by tag.
    """
    import torch

    softplus = torch.nn.functional.softplus
    weight = (given > 0) * (priors / share.clamp(min=1e-6))
    positive = (weight * softplus(-logits)).mean(dim=0)
    negative = (softplus(logits) - weight * softplus(logits)).mean(dim=0)
    risk = torch.where(negative >= 0, positive + negative, -negative)
    return risk.expand_as(logits)
