"""Fixtures for the tests of `workbench`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from forks import Forks

from workbench.runs.journal import Journal


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.sqlite", author="ann") as opened:
        yield opened


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts processes that record or make decisions."""
    ours = "workbench.data.dataset, workbench.runs.journal, workbench.recording.recorder"
    made = Forks(f"import numpy, pyarrow.parquet, {ours}")
    yield made
    made.close()
