"""A dataset of a dozen examples and logits for them."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.data.dataset import Dataset

N, K = 12, 3


@pytest.fixture
def dataset(rng):
    return Dataset.from_arrays(rng.integers(0, K, N), ids=[f"img{i}" for i in range(N)], classes=["a", "b", "c"])


@pytest.fixture
def logits(rng):
    return rng.normal(size=(N, K)).astype(np.float32)
