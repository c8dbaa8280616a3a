"""Examples in docstrings are executed and their outputs compared."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [*(ROOT / "workbench").rglob("*.py"), *(ROOT / "widgets").rglob("*.py")]


def runs(path: Path) -> bool:
    """Return whether a module has examples that can run (others are marked +SKIP, as they need a training)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return any(line.lstrip().startswith(">>>") and "+SKIP" not in line for line in lines)


SHOWN = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in SOURCES if runs(path)
)


def test_there_are_examples():
    assert "workbench.scores.labels" in SHOWN


@pytest.mark.parametrize("name", SHOWN)
def test_examples_give_what_they_show(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    with np.printoptions(legacy="1.25"):  # numbers without types, equal for all NumPy versions
        outcome = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert outcome.attempted and not outcome.failed, f"{outcome.failed} of {outcome.attempted} examples; see the output"
