"""Fixtures for all tests: one seeded generator, and the shared real data where it is there."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("calm", deadline=None)  # a busy machine is no wrong result
settings.load_profile("calm")

ROOT = Path(__file__).resolve().parents[1]


def _helper(path: str) -> None:
    """Make a module beside tests importable by its name (tests are no package)."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "tests" / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)


_helper("workbench/forks.py")
_helper("workbench/issues/planted.py")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same seed in every test, so that tests do not depend on their order."""
    return np.random.default_rng(20261123)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and known answers that lies beside a checkout; skips where it is missing."""
    path = Path(os.environ.get("LABEL_WORKBENCH_SHARED") or ROOT.parent / "shared")
    if not path.is_dir():
        pytest.skip(f"no shared data at {path} (set LABEL_WORKBENCH_SHARED to the folder with golden/ and eval/)")
    return path
