"""Fixtures for all tests: a seeded generator, kernels that start at once, and shared real data if available."""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("calm", deadline=None)  # a busy machine is not a failure
settings.load_profile("calm")

ROOT = Path(__file__).resolve().parents[1]
FLUSH = os.fsync  # the real one, for tests that check whether it is called


def no_flush(descriptor: int) -> None:
    """Replaces `os.fsync`: without it, other processes still see what a process has written, even if it is killed."""


os.fsync = no_flush  # no test simulates a power failure, and a slow disk would delay the whole run


def _helper(path: str) -> object:
    """Make a module beside tests importable by name (tests are not a package)."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "tests" / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_helper("floors.py")
lifelines = _helper("lifelines.py")
early_checks = _helper("early.py")
_helper("workbench/olderjournal.py")
_helper("workbench/issues/planted.py")
_helper("workbench/issues/simulated_boxes.py")
_helper("browser/samples.py")
_helper("workbench/reports/reportpages.py")
warmkernels = _helper("warmkernels.py")
_helper("workbench/forks.py")


# Files that run in one process, as they share a server and a notebook, import Lightning and transformers, or the
# library `datasets`, start dask or a server of S3, or read the syntax trees of all modules.
TOGETHER = {
    "early": ("tests/test_types.py", "tests/test_docs.py::test_the_site_builds"),
    "browser": ("tests/browser/",),
    "frameworks": (
        *("tests/test_docs.py", "tests/test_public_help.py"),
        "tests/workbench/recording/callbacks/test_callbacks.py",
    ),
    "datasets": (
        *("tests/workbench/review/test_hf_files.py", "tests/workbench/review/test_span_files.py"),
        *("tests/tasks/test_texts.py", "tests/tasks/test_multilabel.py"),
    ),
    "clusters": (
        *("tests/test_scale_docs.py", "tests/workbench/runs/test_remote_work.py"),
        "tests/workbench/storage/test_remote.py",
    ),
    "trees": (
        *("tests/test_layout.py", "tests/test_one_home.py", "tests/test_floors.py", "tests/test_no_english.py"),
        "tests/test_words.py",
    ),
}
# The slowest files, by processor time.
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
    *("tests/tasks/test_contract.py", "tests/tasks/test_units.py", "trees"),
)


def group_of(nodeid: str) -> str:
    """Return the group of a test; a group is one file, or the tests in `TOGETHER`, and runs in one process."""
    return next((name for name, starts in TOGETHER.items() if nodeid.startswith(starts)), nodeid.split("::")[0])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest groups first, so that no process waits for one of them at the end, and early checks last."""
    places = {group: place for place, group in enumerate(FIRST)} | {"early": len(FIRST) + 1}
    items.sort(key=lambda item: places.get(group_of(item.nodeid), len(FIRST)))


@pytest.hookimpl(hookwrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Collect garbage only among what is made after the imports, and more rarely than by default.

    Going through all objects of the imported modules again and again took a quarter of the time of the collection of
    tests and a twentieth of that of the tests; going through those of a test every 700 objects took a twelfth.
    """
    gc.disable()
    yield
    gc.freeze()
    session.config.frozen_modules = len(sys.modules)
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


MANY_MODULES = 300


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Leave out what tests import later, too: lightning or JupyterLab bring hundreds of modules."""
    config = item.config
    if len(sys.modules) > config.frozen_modules + MANY_MODULES:
        config.frozen_modules = len(sys.modules)
        gc.collect()
        gc.freeze()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the commands of the selected tests with the mark `early`, in one of the processes of a run."""
    config = session.config
    if getattr(config, "workerinput", {}).get("workerid", "gw0") == "gw0" and not config.option.collectonly:
        marked = {item.originalname: mark for item in session.items if (mark := item.get_closest_marker("early"))}
        config.early = [early_checks.start(name, mark.args[0], mark.kwargs) for name, mark in marked.items()]


@pytest.fixture
def early(request: pytest.FixtureRequest) -> early_checks.Result:
    """The result of the command in the mark `early`, which was started with the run."""
    return early_checks.result(request.node.originalname)


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
    """As with `os.fsync`, SQLite waits for the disk only in tests that check it."""
    from workbench.storage import journalfile

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journalfile, "SYNCHRONOUS", "OFF")
        yield


@pytest.fixture(scope="session", autouse=True)
def _computed_again() -> Iterator[None]:
    """Tests that compare two equal calls, or replace a part of the product, need results that were computed anew."""
    from workbench.foundation import recall

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recall, "KEPT_RESULTS", 0)
        yield


@pytest.fixture
def recalling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep results of functions of arrays, as for users."""
    from workbench.foundation import recall

    monkeypatch.setattr(recall, "KEPT_RESULTS", 8)


@pytest.fixture(scope="module")
def recalling_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep results of functions of arrays, as for users, for the tests of one module, which share their data.

    Keys contain the module, since others replace constants that are no arguments of these functions.
    """
    from workbench.foundation import recall

    module, digest_of = request.node.nodeid, recall.digest_of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recall, "KEPT_RESULTS", 8)
        patch.setattr(recall, "digest_of", lambda value: digest_of((module, value)))
        yield


@pytest.fixture
def real_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make writes wait for the disk, as for users."""
    from workbench.storage import journalfile

    monkeypatch.setattr(journalfile, "SYNCHRONOUS", "FULL")
    monkeypatch.setattr("os.fsync", FLUSH)


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same seed in every test, so that tests do not depend on their order."""
    return np.random.default_rng(20261123)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and known answers next to the checkout; skips if missing."""
    path = Path(os.environ.get("LABEL_WORKBENCH_SHARED") or ROOT.parent / "shared")
    if not path.is_dir():
        pytest.skip(f"no shared data at {path} (set LABEL_WORKBENCH_SHARED to the folder with golden/ and eval/)")
    return path


WARM = warmkernels.FOLDER  # for the processes of xdist, which share it


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        early_checks.prepare()
    if warmkernels.AVAILABLE and not hasattr(config, "workerinput"):
        os.environ[WARM], config.warm_kernels = warmkernels.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    for process in getattr(config, "early", ()):
        if process.poll() is None and hasattr(os, "killpg"):  # a run that was interrupted
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not hasattr(config, "workerinput"):
        early_checks.remove()
    if process := getattr(config, "warm_kernels", None):
        process.kill()
        process.communicate()
        shutil.rmtree(os.environ.pop(WARM))


@pytest.fixture(scope="session")
def warm_kernels() -> str | None:
    """Value for JUPYTER_PATH such that the kernel `python3` is a fork with the heavy packages imported.

    None on systems that do not fork reliably: kernels start normally there, and tests take longer.
    """
    folder = os.environ.get(WARM)
    if folder:
        warmkernels.knock(folder)
    return folder


@pytest.fixture(scope="session")
def forked_workers() -> Iterator[None]:
    """Make workers of dask forks of a process with third-party imports; each then imports our modules itself."""
    pytest.importorskip("distributed", reason="needs dask.distributed (in the scale extra)")
    import dask
    from distributed.utils import get_mp_context

    needed = ["distributed", "pandas", "pyarrow.parquet", "s3fs", "scipy.optimize", "sklearn.linear_model"]
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        get_mp_context().set_forkserver_preload([name for name in needed if importlib.util.find_spec(name)])
        yield
