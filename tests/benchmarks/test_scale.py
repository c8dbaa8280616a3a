"""benchmarks/scale.py: every benchmark yields complete rows at its quick size, and results are merged by benchmark."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def benchmarks(root, monkeypatch):
    """Put the folder of benchmarks on the path, as for a script in it; unload its modules afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    yield root / "benchmarks"
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("measuring", "scale", "works", "engine", "peers"):
            del sys.modules[name]


def test_a_section_is_replaced_and_the_rest_stays(benchmarks, tmp_path):
    from measuring import write_section

    path = tmp_path / "B.md"
    path.write_text("# Mine\n<!-- a: begin -->\nold\n<!-- a: end -->\ntail\n")
    write_section("a", "| x |\n|---|", [{"x": 1.5}], path)
    write_section("b", "| x |\n|---|", [{"x": None}], path)
    text = path.read_text()
    assert text.startswith("# Mine\n") and "tail" in text and "old" not in text
    assert text.count("| 1.5 |") == 1 and text.count("| - |") == 1


def test_rows_of_a_work_replace_those_it_had(benchmarks, monkeypatch):
    import scale

    monkeypatch.setattr(scale, "all_works", lambda: {"a": 1, "b": 2})
    before = [{"of": "b", "ratio": 1}, {"of": "a", "ratio": 1}, {"of": "gone", "ratio": 1}]
    assert scale.kept(before, [{"of": "a", "ratio": 2}, {"of": "a", "ratio": 3}]) == [
        {"of": "a", "ratio": 2},
        {"of": "a", "ratio": 3},
        {"of": "b", "ratio": 1},
    ]


def test_a_quick_run_prints_whole_rows_and_writes_nothing(root):
    out = root / "benchmarks" / "results" / "scale.json"
    before = out.read_bytes() if out.is_file() else None
    command = [sys.executable, "benchmarks/scale.py", "--quick", "--only", "scores_from_logits"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=os.environ, timeout=600)
    assert done.returncode == 0, done.stderr
    lines = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| all dynamics")]
    assert len(lines) == 2
    assert all(len(line) == 6 and line[1] == "3 x 20k x 100" for line in lines)
    assert float(lines[0][2]) > 0
    assert (out.read_bytes() if out.is_file() else None) == before


def test_written_results_have_the_columns_and_known_works(benchmarks):
    import scale

    if not scale.OUT.is_file():
        pytest.skip("no results yet: make bench-scale")
    rows = json.loads(scale.OUT.read_text())
    assert rows
    assert {row["of"] for row in rows} <= set(scale.all_works())
    assert all(set(row) == {"of", *scale.COLUMNS} for row in rows)
