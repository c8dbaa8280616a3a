"""The modules of the page, checked by TypeScript: their JSDoc types, and those of messages, which Python generates."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NO_CHECKER = "no TypeScript: the types of the page are checked where it is (`npm install -g typescript`)"


WRONG = """
/** @param {Wire} wire */
export const asked = (wire) => wire.ask("inspect", { row: "3" });
/** @param {Wire} wire */
export const read = async (wire) => (await wire.ask("text", { row: 3 })).body.words;
"""
"""A field that Python does not send, and one that it does not accept."""


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> list[str]:
    """What the checker says of all modules and of one with wrong messages: a line for each error."""
    checker = shutil.which("tsc")
    if checker is None:
        pytest.skip(NO_CHECKER)
    folder, scripts = tmp_path_factory.mktemp("types"), HERE.parents[1] / "widgets" / "js"
    wire = (scripts / "state" / "wire.js").as_posix()
    (folder / "wrong.js").write_text(f'import {{ Wire }} from "{wire}";{WRONG}')
    own = {"extends": str(HERE / "tsconfig.json"), "include": [f"{scripts.as_posix()}/**/*.js", "wrong.js"]}
    (folder / "tsconfig.json").write_text(json.dumps(own))
    command = [checker, "-p", "tsconfig.json", "--pretty", "false"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=folder)
    assert not done.stderr and done.returncode in (0, 1, 2), done.stderr
    return [line for line in done.stdout.splitlines() if not line.startswith(" ")]


@pytest.mark.slow
def test_types_are_clean(found):
    assert [line for line in found if not line.startswith("wrong.js(")] == []


@pytest.mark.slow
def test_a_wrong_message_is_found(found):
    said = {re.match(r"wrong\.js\((\d+),", line)[1]: line for line in found if line.startswith("wrong.js(")}
    assert set(said) == {"3", "5"}
    assert "'string' is not assignable to type 'number'" in said["3"]
    assert "'words' does not exist" in said["5"]
