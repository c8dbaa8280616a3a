"""Small networks on stored features, and the training loop that all methods share.

Seeds do not affect the global random state. Training uses one thread, as small networks gain nothing from more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.foundation.checks import check_whole

if TYPE_CHECKING:
    import torch
    from torch import Tensor

WIDEST_HEAD = 128  # maximum number of principal components for a head


@dataclass(frozen=True)
class Setup:
    """Settings for the training of heads.

    Attributes
    ----------
    hidden : number of units of the hidden layer; 0 gives a linear head
    epochs : passes over the training data
    batch : number of examples per step
    learning_rate, decay : parameters of AdamW
    """

    hidden: int = 128
    epochs: int = 25
    batch: int = 128
    learning_rate: float = 5e-3
    decay: float = 1e-4

    def __post_init__(self) -> None:
        for name, least in (("hidden", 0), ("epochs", 1), ("batch", 2)):
            check_whole(name, getattr(self, name), least)


@dataclass
class Training:
    """One training: features (n, d), given labels (n,) of k classes, settings, and the estimated noise."""

    X: Tensor
    labels: Tensor
    k: int
    setup: Setup
    seed: int
    transition: Tensor
    noise_rate: float

    def network(self, number: int = 0) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        """Return a new head and its optimizer; the same seed and number give the same weights."""
        import torch
        from torch import nn

        d, hidden = self.X.shape[1], self.setup.hidden
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1000 * self.seed + number)
            if hidden:
                net = nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, self.k))
            else:
                net = nn.Linear(d, self.k)
        rate, decay = self.setup.learning_rate, self.setup.decay
        return net, torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay, fused=True)

    def rng(self, number: int = 0) -> np.random.Generator:
        """Return the random generator of one part of the training."""
        return np.random.default_rng([self.seed, number])

    def batches(self, rng: np.random.Generator, rows: np.ndarray | None = None) -> Iterator[Tensor]:
        """Yield shuffled row numbers of one epoch; a last batch of one row is merged with the previous one."""
        import torch

        order = torch.from_numpy(rng.permutation(len(self.labels) if rows is None else rows))
        parts = list(order.split(self.setup.batch))
        if len(parts) > 1 and len(parts[-1]) < 2:
            parts[-2:] = [torch.cat(parts[-2:])]
        yield from parts


def gradient_step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Make one step of gradient descent on the mean of a loss (b,)."""
    optimizer.zero_grad()
    loss.mean().backward()
    optimizer.step()


def network_probabilities(net: torch.nn.Module, X: Tensor) -> np.ndarray:
    """Return predicted probabilities, float32 (n, k)."""
    import torch

    with torch.no_grad():
        return net(X).softmax(dim=1).numpy()
