"""The Dataset of a Run or Dataset."""

from __future__ import annotations

from workbench.data.dataset import Dataset
from workbench.runs.run import Run


def dataset_of(data: Run | Dataset) -> Dataset:
    """Return the Dataset of a run; a Dataset is returned unchanged."""
    return data.dataset if isinstance(data, Run) else data
