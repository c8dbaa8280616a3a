"""The modules of the page, checked by TypeScript: their JSDoc types, and those of messages, which Python generates."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NO_CHECKER = "no TypeScript: the types of the page are checked where it is (`npm install -g typescript`)"


def checked(project: Path) -> subprocess.CompletedProcess:
    checker = shutil.which("tsc")
    if checker is None:
        pytest.skip(NO_CHECKER)
    return subprocess.run([checker, "-p", str(project)], capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_types_are_clean():
    done = checked(HERE / "tsconfig.json")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_a_wrong_message_is_found(tmp_path):
    """A field that Python does not send, and one that it does not accept."""
    scripts = HERE.parents[1] / "widgets" / "js"
    (tmp_path / "wrong.js").write_text(
        f'import {{ Wire }} from "{(scripts / "state" / "wire.js").as_posix()}";\n'
        "/** @param {Wire} wire */\n"
        'export const asked = (wire) => wire.ask("inspect", { row: "3" });\n'
        "/** @param {Wire} wire */\n"
        'export const read = async (wire) => (await wire.ask("text", { row: 3 })).body.words;\n'
    )
    text = (HERE / "tsconfig.json").read_text().replace("../../widgets/js/**/*.js", "wrong.js")
    (tmp_path / "tsconfig.json").write_text(text)
    said = checked(tmp_path / "tsconfig.json").stdout
    assert "wrong.js(3," in said and "'string' is not assignable to type 'number'" in said
    assert "wrong.js(5," in said and "'words' does not exist" in said
