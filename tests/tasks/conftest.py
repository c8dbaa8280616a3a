"""Modules of these tests by name (tests are no package)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for name in ("contract", "prototypes"):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests do not say how well errors are ranked: tests/workbench/issues do, with all trees."""
    monkeypatch.setattr("workbench.issues.boxes.planted_odds.BOX_TREES", 10)
