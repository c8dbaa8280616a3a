"""The sentence pairs of benchmarks/projected_spans.py, for tests with planted faults."""

from __future__ import annotations

import importlib.util

import pytest


@pytest.fixture(scope="session")
def pairs_benchmark(root):
    """The module that makes sentence pairs and plants faults in them."""
    spec = importlib.util.spec_from_file_location("projected_spans", root / "benchmarks" / "projected_spans.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
