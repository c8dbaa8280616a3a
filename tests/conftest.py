"""Fixtures for all tests: a seeded generator, kernels that start at once, the shared real data where it is there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("calm", deadline=None)  # a busy machine is no wrong result
settings.load_profile("calm")

ROOT = Path(__file__).resolve().parents[1]
FLUSH = os.fsync  # the real one, for the tests that ask whether it is called


def no_flush(descriptor: int) -> None:
    """In place of `os.fsync`: what one process has written the others see without it, also when it is killed."""


os.fsync = no_flush  # no test cuts the power, and a slow disk would make the whole run wait


def _helper(path: str) -> object:
    """Make a module beside tests importable by its name (tests are no package)."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "tests" / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_helper("floors.py")
lifelines = _helper("lifelines.py")
_helper("workbench/forks.py")
_helper("workbench/olderjournal.py")
_helper("workbench/issues/planted.py")
warmkernels = _helper("warmkernels.py")


# Files that stay in one process: these share a server and a notebook, import Lightning and transformers, start dask.
TOGETHER = {
    "browser": ("tests/browser/",),
    "frameworks": (
        *("tests/test_docs.py", "tests/test_public_help.py"),
        "tests/workbench/recording/callbacks/test_callbacks.py",
    ),
    "clusters": ("tests/test_scale_docs.py", "tests/workbench/runs/test_remote_work.py"),
}
# The longest, by processor time.
FIRST = (
    *("browser", "tests/test_notebooks.py", "frameworks", "tests/workbench/test_kill_saves.py"),
    *("tests/workbench/data/test_label_types.py", "tests/workbench/issues/test_audit.py"),
    *("tests/workbench/recording/test_distributed.py", "tests/workbench/test_bombs.py", "clusters"),
    "tests/workbench/shell/test_demo.py",
    *("tests/workbench/issues/test_detector.py", "tests/widgets/test_explorer.py", "tests/test_wheel.py"),
    *("tests/workbench/issues/test_weighing.py", "tests/workbench/issues/test_numbers.py"),
    *("tests/workbench/issues/test_tags.py", "tests/workbench/experiments/robust_training/test_bench.py"),
    *("tests/workbench/evidence/test_projection.py", "tests/widgets/test_state.py", "tests/widgets/test_evidence.py"),
    *("tests/workbench/data/test_inputs.py", "tests/workbench/confident/test_label_issues.py"),
    *("tests/tasks/test_contract.py", "tests/tasks/test_units.py", "tests/test_layout.py"),
)


def group_of(nodeid: str) -> str:
    """Tests of one group run in one process: those of a file, or of the files in `TOGETHER`."""
    file = nodeid.split("::")[0]
    return next((name for name, starts in TOGETHER.items() if file.startswith(starts)), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest groups come first, so that no process waits for one of them at the end."""
    items.sort(key=lambda item: FIRST.index(group) if (group := group_of(item.nodeid)) in FIRST else len(FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Groups by `group_of`: the marks of `--dist loadgroup` have no effect in pytest 9.2 with xdist 3.8."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Groups(config, log)


@pytest.fixture(scope="session", autouse=True)
def _unflushed_journals() -> Iterator[None]:
    """As with `os.fsync`: SQLite waits for the disk only in the tests that ask whether it does."""
    from workbench.storage import journalfile

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journalfile, "SYNCHRONOUS", "OFF")
        yield


@pytest.fixture
def real_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes wait for the disk, as they do for a user."""
    from workbench.storage import journalfile

    monkeypatch.setattr(journalfile, "SYNCHRONOUS", "FULL")
    monkeypatch.setattr("os.fsync", FLUSH)


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


WARM = "LABEL_WORKBENCH_WARM_KERNELS"  # for the processes of xdist, which share one


def pytest_configure(config: pytest.Config) -> None:
    if warmkernels.AVAILABLE and not hasattr(config, "workerinput"):
        os.environ[WARM], config.warm_kernels = warmkernels.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if process := getattr(config, "warm_kernels", None):
        process.kill()
        process.communicate()
        shutil.rmtree(os.environ.pop(WARM))


@pytest.fixture(scope="session")
def warm_kernels() -> str | None:
    """Value for JUPYTER_PATH with which the kernel `python3` is a fork that has the heavy packages imported.

    None where a system does not fork well: kernels are fresh there, and tests take longer.
    """
    folder = os.environ.get(WARM)
    if folder:
        warmkernels.knock(folder)
    return folder


@pytest.fixture(scope="session")
def forked_workers() -> Iterator[None]:
    """Worker processes of dask are forks of one with third-party imports done; each then imports ours for itself."""
    pytest.importorskip("distributed", reason="needs dask.distributed (in the scale extra)")
    import dask
    from distributed.utils import get_mp_context

    needed = ["distributed", "pandas", "pyarrow.parquet", "s3fs", "scipy.optimize", "sklearn.linear_model"]
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        get_mp_context().set_forkserver_preload([name for name in needed if importlib.util.find_spec(name)])
        yield
