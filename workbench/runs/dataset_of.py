"""The data set of a run, or of whatever holds one."""

from __future__ import annotations

from workbench.data.dataset import Dataset
from workbench.runs.run import Run


def dataset_of(data: Run | Dataset) -> Dataset:
    """The Dataset of a run; a Dataset is its own."""
    return data.dataset if isinstance(data, Run) else data
