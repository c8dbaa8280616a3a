"""Notebooks are tests: each runs from top to bottom in a separate copy and kernel, and is stored without outputs."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

LIGHTEST = "04_confident_learning_by_hand.ipynb"
RECORDED = """from workbench.shell import demo
demo.load_data = lambda data, whole=demo.load_data: tuple(part[::5] for part in whole(data))
demo.HELD_OUT_EPOCHS["mnist"] = 1
demo.record_demo("../runs/demo", epochs=3, progress=False)
del demo"""
"""Half a minute of training less; the lesson's own record is told by tests of `record_demo`."""


def code(path: Path) -> list[dict]:
    """Return the stored code cells of a lesson."""
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_there_is_a_first_notebook():
    assert any(path.name == "01_first_look.ipynb" for path in NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_stored_without_outputs(path):
    full = [n for n, cell in enumerate(code(path)) if cell["outputs"] or cell["execution_count"]]
    assert not full, f"code cells {full} hold outputs: clear them before committing"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_lesson_asks_one_question_before_it_answers_in_short_cells(path):
    sources = ["".join(cell["source"]) for cell in code(path)]
    asked = [n for n, source in enumerate(sources) if "wd.Question(" in source]
    answered = [n for n, source in enumerate(sources) if re.search(r"print\(\w+\.answer\(", source)]
    assert len(asked) == len(answered) == 1 and asked[0] < answered[0]
    long = [source for source in sources if len(source.splitlines()) > 10]
    assert not long, long[0]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_runs_from_top_to_bottom(path, tmp_path, monkeypatch, warm_kernels):
    """In a copy of the layout: notebooks/, data/, and a private home for Jupyter's settings.

    The shortest lesson uses a new kernel, as for readers; the others use forks of a process with completed imports. The
    first one finds a demo run, as created by `make lab`, but with every fifth image and fewer epochs.
    """
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient (in the test extra)")
    nbformat = pytest.importorskip("nbformat", reason="needs nbformat (in the test extra)")
    copy = tmp_path / "notebooks" / path.name
    copy.parent.mkdir()
    shutil.copy(path, copy)
    if (ROOT / "data").is_dir():
        (tmp_path / "data").symlink_to(ROOT / "data", target_is_directory=True)
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        (tmp_path / "home" / name.lower()).mkdir(parents=True)
        monkeypatch.setenv(name, str(tmp_path / "home" / name.lower()))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    if warm_kernels and path.name != LIGHTEST:
        monkeypatch.setenv("JUPYTER_PATH", warm_kernels)
    try:
        metadata.distribution("label-workbench")
    except metadata.PackageNotFoundError:
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(copy, as_version=4)
    if path == NOTEBOOKS[0]:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(RECORDED))
    client = nbclient.NotebookClient(
        notebook, timeout=900, startup_timeout=300, kernel_name="python3",
        resources={"metadata": {"path": str(copy.parent)}},
        shutdown_kernel="immediate",
    )  # fmt: skip
    if warm_kernels:  # sockets in a folder: other processes could take reserved ports before a kernel listens on them
        with tempfile.TemporaryDirectory(prefix="kernel-") as folder:  # not pytest's: their names must be short
            manager = client.create_kernel_manager()
            manager.transport, manager.ip = "ipc", str(Path(folder) / "at")
            client.execute()
    else:
        client.execute()
    errors = [out for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == "error"]
    assert not errors
