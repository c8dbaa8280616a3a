"""One JupyterLab and one browser for all browser tests; a new copy of a small real run, a notebook and a kernel for
each.

Without a browser the tests are skipped with a message that says how to install one; with CI=true they fail.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
RESULTS = REPOSITORY / "test-results"
NO_BROWSER = "no Chromium: `apt-get update && apt-get install -y chromium`, or set $CHROMIUM to its path"


def _load(name: str):
    """Import a module beside this file (tests are not a package)."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


labharness = sys.modules.get("labharness") or _load("labharness")
samples = sys.modules.get("samples") or _load("samples")
objectharness = sys.modules.get("objectharness") or _load("objectharness")
access = sys.modules.get("access") or _load("access")


def _unavailable(why: str) -> None:
    """Skip locally, fail in CI."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)


@pytest.fixture(scope="session")
def playwright() -> Iterator[object]:
    if labharness.find_browser(shell=True) is None:
        _unavailable(NO_BROWSER)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _unavailable("the package `playwright` is missing: pip install 'label-workbench[test]'")
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: object) -> Iterator[object]:
    context = labharness.launch(playwright, shell=True)
    yield context
    context.close()


@pytest.fixture(scope="module")
def whole_browser(playwright: object) -> Iterator[object]:
    """A Chromium that is not the shell: it connects ahead of requests."""
    if labharness.find_browser() is None:
        _unavailable(NO_BROWSER)
    context = labharness.launch(playwright, gl=False)
    yield context
    context.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, warm_kernels: str | None) -> Iterator[object]:
    running = labharness.LabServer(tmp_path_factory.mktemp("notebooks"), [REPOSITORY], warm_kernels)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small recorded run of real images, its label issues and projection in its cache."""
    from widgets.view.judging import issues_of
    from workbench.evidence import projection
    from workbench.runs.run import open_run

    path = samples.recorded_run(tmp_path_factory.mktemp("runs") / "digits")
    run = open_run(path)
    issues_of(run)
    with pytest.MonkeyPatch.context() as patch:  # UMAP takes ten seconds to compile, and its layout is not tested here
        patch.setattr(projection, "umap", lambda embeddings, *_args, **_options: projection.pca(embeddings))
        projection.project(run)
    return path


@pytest.fixture
def run_path(recorded: Path, tmp_path: Path) -> Path:
    """A separate copy of the recorded run for each test."""
    return Path(shutil.copytree(recorded, tmp_path / "digits"))


CELLS = ("import widgets as wd", "ex = wd.Explorer(path, **options)\nex")


@pytest.fixture(scope="session")
def shared_lab(browser: object, server: object) -> Iterator[object]:
    """One open notebook whose kernel most tests share, since a new page for each would take most of the time."""
    page = labharness.LabPage(browser, server, server.write_notebook("shared.ipynb", CELLS))
    yield page
    page.close()


@pytest.fixture
def explorer(request: pytest.FixtureRequest, shared_lab: object, run_path: Path) -> Iterator[object]:
    """Function that opens an Explorer on the run: `explorer(width=1280)`.

    `issues` is the path of a Parquet file with a table of units.
    """

    def open_(width: int = 1280, path: Path | None = None, issues: Path | None = None, **options: object):
        shared_lab.reset(width)
        shared_lab.probe.run(f"path, options = {str(path or run_path)!r}, {options!r}")
        if issues is not None:
            shared_lab.probe.run(f"import pandas; options['issues'] = pandas.read_parquet({str(issues)!r})")
        shared_lab.run_all()
        return shared_lab

    yield open_
    if getattr(request.node, "report_call", None) is not None and request.node.report_call.failed:
        RESULTS.mkdir(exist_ok=True)
        shared_lab.page.screenshot(path=str(RESULTS / f"failed-{request.node.name}.png"))
        print("errors in the page:", shared_lab.errors[:5])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())
