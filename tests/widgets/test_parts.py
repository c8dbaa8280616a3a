"""Columns, media and the bundle."""

from __future__ import annotations

import posixpath

import numpy as np
import pandas as pd
import pytest

from widgets import bundling
from widgets.view.columns import Column, view_columns
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError


def frames(dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    index = pd.Index(dataset.ids[::-1], name="id")
    issues = pd.DataFrame(
        {"suggested_label": dataset.given[::-1], "p_error": np.arange(dataset.n) / 10, "p_suggested": 0.5}, index=index
    )
    return issues, pd.DataFrame({"confidence": np.linspace(0, 1, dataset.n)}, index=index)


def test_columns_are_in_row_order_with_direction_and_range():
    dataset = Dataset.from_arrays(
        ["a", "b", None], ids=[7, 8, 9], metadata=pd.DataFrame({"x": [1.5, np.nan, 3], "kind": ["u", None, "v"]})
    )
    columns = view_columns(dataset, *frames(dataset))
    assert columns["p_error"].values.tolist() == pytest.approx([0.2, 0.1, 0.0])
    assert columns["given_label"].values.tolist() == [0, 1, -1]
    assert (columns["confidence"].suspicious, columns["confidence"].range) == ("low", (0.0, 1.0))
    assert columns["x"].values.tolist() == pytest.approx([1.5, np.nan, 3], nan_ok=True)
    assert columns["kind"].categories == ("u", "v")
    assert columns["kind"].values.tolist() == [0, -1, 1]
    assert all(column.values.dtype in (np.float32, np.int32) for column in columns.values())


def test_user_columns_that_are_no_categories_are_left_out_and_clashes_renamed():
    n = 60
    metadata = pd.DataFrame(
        {"free": [f"text {i}" for i in range(n)], "p_error": np.arange(n), "ok": np.arange(n) % 2 == 0}
    )
    dataset = Dataset.from_arrays(np.zeros(n, int), metadata=metadata)
    columns = view_columns(dataset, *frames(dataset))
    assert "free" not in columns
    assert columns["p_error (data)"].values[3] == 3
    assert columns["ok"].categories == ("False", "True")


def test_a_frame_of_another_run_is_refused():
    dataset = Dataset.from_arrays(["a", "b", "a"])
    issues, scores = frames(dataset)
    with pytest.raises(InputError, match="one row per id"):
        view_columns(dataset, issues.iloc[:2], scores)
    with pytest.raises(InputError, match="not in the dataset"):
        view_columns(dataset, issues.rename(index={0: 99}), scores)


def test_a_column_says_what_the_page_must_know():
    column = Column("p", np.zeros(2, np.float32), suspicious="high", range=(0.0, 1.0))
    assert column.described() == {
        "name": "p",
        "kind": "number",
        "title": "p",
        "source": "",
        "suspicious": "high",
        "range": [0.0, 1.0],
    }


def test_the_committed_bundle_is_what_the_sources_give():
    committed = bundling.OUTPUT.read_text(encoding="utf-8")
    assert committed == bundling.bundle(), "run `python -m widgets._bundle` and commit"


def test_the_bundle_is_one_module_without_imports():
    text = bundling.bundle()
    assert "\nimport " not in text
    assert text.count("\nexport ") == 1
    assert "innerHTML" not in text
    assert "http://www.w3.org/2000/svg" in text
    assert "https://" not in text


FOLDERS = ("base", "state", "maps", "filters", "examples", "review", "editors", "")
"""The folders of `widgets/js`, lowest first; the last is `widgets/js` itself."""


def test_folders_of_the_page_import_only_from_those_below():
    modules = {path.relative_to(bundling.SCRIPTS).as_posix(): path for path in bundling.SCRIPTS.rglob("*.js")}
    assert {posixpath.dirname(name) for name in modules} == set(FOLDERS)
    upwards, count = [], 0
    for name, path in modules.items():
        for _, target in bundling.imports_of(name, path.read_text(encoding="utf-8")):
            count += 1
            if FOLDERS.index(posixpath.dirname(target)) > FOLDERS.index(posixpath.dirname(name)):
                upwards.append(f"{name} imports {target}")
    assert count > 100 and not upwards, upwards


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"main.js": 'import { a } from "./b.js";\n', "b.js": "export const c = 1;\n"}, "does not export"),
        (
            {"main.js": 'import { a } from "./b.js";\nconst x = 1;\n', "b.js": "export const a = 1;\nconst x = 2;\n"},
            "both declare `x`",
        ),
        (
            {
                "main.js": 'import { a } from "./b.js";\n',
                "b.js": 'import { m } from "./main.js";\nexport const a = 1;\n',
            },
            "circular",
        ),
        ({"main.js": 'import b from "./b.js";\n', "b.js": "export default 1;\n"}, "write imports as"),
    ],
)
def test_a_bundle_that_would_break_is_refused(tmp_path, files, found):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=found):
        bundling.bundle(tmp_path)


def test_editors_are_collected_and_keep_their_names_to_themselves(tmp_path):
    (tmp_path / "editors").mkdir()
    for task in ("one", "two"):
        text = f'import {{ a }} from "../a.js";\nconst same = a;\nexport const editor = {{ task: "{task}" }};\n'
        (tmp_path / "editors" / f"{task}.js").write_text(text)
    (tmp_path / "a.js").write_text("export const a = 1;\n")
    (tmp_path / "editors.js").write_text("export const EDITORS = {};\n")
    (tmp_path / "main.js").write_text('import { EDITORS } from "./editors.js";\nexport default EDITORS;\n')
    text = bundling.bundle(tmp_path)
    assert text.count("{\nconst same = a;") == text.count("EDITORS[editor.task] = editor;\n}") == 2
    assert text.index("const a = 1") < text.index("const same") < text.index("export default EDITORS")
    (tmp_path / "editors" / "two.js").write_text("export const other = 1;\n")
    with pytest.raises(ValueError, match="exports no `editor`"):
        bundling.bundle(tmp_path)


def test_the_browser_gets_less_than_416_kilobytes():
    assert bundling.OUTPUT.stat().st_size < 416_000


def test_a_line_that_begins_with_a_type_is_no_comment(tmp_path):
    text = "/** @type {X} */ (a).b = 1;\n\n  let c; // why\n/** said */\nlet d = 'x; // y';\n"
    (tmp_path / "editors.js").write_text("export const EDITORS = {};\n")
    (tmp_path / "main.js").write_text(f'import {{ EDITORS }} from "./editors.js";\n{text}')
    assert bundling.bundle(tmp_path).endswith("\n(a).b = 1;\nlet c;\nlet d = 'x; // y';\n")
