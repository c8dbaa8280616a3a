"""Long checks that start with the run, at a lower priority than the tests, and end beside them.

Tests wait for pages, kernels and sockets; meanwhile these checks use the processor. A test with the mark `early` names
its command and reads the result by the fixture `early`; it runs last, so that it rarely has to wait.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import lifelines

ROOT = Path(__file__).resolve().parents[1]
FOLDER = "LABEL_WORKBENCH_EARLY"  # in the environment, for the processes of xdist: the folder of the results
LOWER = 5  # the nice value: beside a busy test a quarter of a core
LIMIT = 1800.0  # seconds; only a failure waits that long

RUN = f"""
import json, os, subprocess, sys
from pathlib import Path
folder, *command = sys.argv[1:]
hasattr(os, "nice") and os.nice({LOWER})
done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
told = Path(folder, "writing.json")
told.write_text(json.dumps([done.returncode, done.stdout, done.stderr]), encoding="utf-8")
told.rename(Path(folder, "done.json"))
"""


class Result(NamedTuple):
    """What a command has printed, and the folder that replaced `{folder}` in it."""

    returncode: int
    stdout: str
    stderr: str
    folder: Path


def prepare() -> None:
    """Make the folder of the results; called once for all processes of a run."""
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="early-")


def remove() -> None:
    shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True)


def start(name: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen:
    """Start the command of a test; `{folder}` in it is a folder of its own."""
    folder = Path(os.environ[FOLDER]) / name
    folder.mkdir()
    filled = [one.replace("{folder}", str(folder)) for one in command]
    return subprocess.Popen(
        lifelines.tied([sys.executable, "-c", RUN, str(folder), *filled]), cwd=ROOT, env=os.environ | dict(environment),
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def result(name: str) -> Result:
    """Wait for the end of a command that any process of this run has started."""
    folder = Path(os.environ[FOLDER]) / name
    end = time.monotonic() + LIMIT
    while not (folder / "done.json").exists():
        assert time.monotonic() < end, f"{name} did not end"
        time.sleep(0.05)
    return Result(*json.loads((folder / "done.json").read_text(encoding="utf-8")), folder)
