"""What the tests of the computing package share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from forks import Forks

from workbench.journal import Journal


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "journal.sqlite", author="ann") as opened:
        yield opened


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts processes that record or decide."""
    made = Forks("import numpy, pyarrow.parquet, workbench.dataset, workbench.journal, workbench.recording.recorder")
    yield made
    made.close()
