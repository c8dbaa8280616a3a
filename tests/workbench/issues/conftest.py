"""Shared data for the tests of issues: tags with planted errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from planted import digit_attributes

import workbench as wb


@pytest.fixture(scope="session")
def planted():
    """Six attributes of noisy digits; 15 % of the positives are missing, and 5 % of their number are extra."""
    rng = np.random.default_rng(0)
    x, true = digit_attributes(rng, 900)
    given = true.copy()
    given[(true == 1) & (rng.random(true.shape) < 0.15)] = 0
    given[(true == 0) & (rng.random(true.shape) < 0.03)] = 1
    for array in (x, true, given):
        array.setflags(write=False)
    return x, true, given


@pytest.fixture(scope="session")
def by_embeddings(planted) -> pd.DataFrame:
    """The cells of `planted`, judged by the embeddings alone; tests do not change it."""
    x, _, given = planted
    return wb.find_issues(given, task="multilabel", embeddings=x, per="unit")
