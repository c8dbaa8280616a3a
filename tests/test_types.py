"""Types: the checker reports nothing for the packages, and each ignored error has a reason beside it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path for package in ("workbench", "widgets") for path in (ROOT / package).rglob("*.py"))
MOST_IGNORED = 12


CHECK = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson"]


@pytest.mark.slow  # the checker reads torch's and NumPy's types, too
@pytest.mark.early(CHECK, NODE_OPTIONS="--max-semi-space-size=64")  # less garbage collection
def test_the_type_checker_finds_nothing(early):
    pytest.importorskip("basedpyright", reason="needs basedpyright (in the test extra) to check types")
    said = json.loads(early.stdout)
    found = [
        f"{Path(one['file']).relative_to(ROOT)}:{one['range']['start']['line'] + 1} {one.get('rule')}: {one['message']}"
        for one in said["generalDiagnostics"]
    ]
    assert said["summary"]["filesAnalyzed"] >= len(MODULES)
    assert not found, "\n".join(found)


def test_what_the_checker_overlooks_is_named_and_has_a_reason():
    told = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in MODULES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"#\s*(pyright|type):\s*(ignore|basic|off|report|standard)", line)
    ]
    bare = [one for one in told if not re.search(r"# pyright: ignore\[report\w+\] \(?\w.{8,}", one)]
    assert not bare, f"write `# pyright: ignore[rule]  (why)`: {bare}"
    assert len(told) <= MOST_IGNORED, f"{len(told)} places: mend causes instead"
