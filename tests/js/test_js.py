"""The pure functions of the view, tested with Node's test runner."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_helpers_in_node():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js: the helpers of the view are tested where it is (`apt-get install nodejs`)")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < 18:
        pytest.skip(f"Node {version.strip()} has no test runner: 18 or newer is needed")
    files = sorted(HERE.glob("*.test.mjs"))
    # in one process: `node --test` starts one per file, which takes five times as long
    code = "".join(f"await import({json.dumps(file.as_uri())});\n" for file in files)
    done = subprocess.run([node, "--input-type=module", "-e", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert int(re.search(r"^(?:#|ℹ) pass (\d+)$", done.stdout, re.M)[1]) > len(files)
