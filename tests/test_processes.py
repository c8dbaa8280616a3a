"""No process outlives the test run that started it, even if the run is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid

import lifelines
import pytest

pytestmark = pytest.mark.skipif(not lifelines.AVAILABLE, reason="only Linux tells a process of its parent's death")
PATIENCE = 90.0

SERVER_AND_KERNEL = """
import os, sys, time
from pathlib import Path
tests, folder = map(Path, sys.argv[1:])
sys.path[:0] = [str(tests), str(tests / "browser")]
import labharness, warmkernels
os.environ[warmkernels.COLD] = "1"
kernels, process = warmkernels.start()
print(kernels, flush=True)
server = labharness.LabServer(folder, [tests.parent], kernels)
kernel = server.api("POST", "/api/kernels")
while not list(server.runtime.glob(f"kernel-{kernel['id']}.json")):
    time.sleep(0.05)
print("running", flush=True)
time.sleep(600)
"""

FORK = """
import sys, time
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/workbench"]
import forks
children = forks.Forks("import time")
child = children.start("print('running', flush=True); time.sleep(600)")
print(child.stdout.readline(), end="", flush=True)
time.sleep(600)
"""


def left_behind(root, *command: object) -> list[int]:
    """Kill a run that has printed "running", wait until its processes have ended, and return those that have not."""
    mark = f"LABEL_WORKBENCH_MARK={uuid.uuid4().hex}"
    environment = os.environ | dict([mark.split("=")])
    run = subprocess.Popen(
        lifelines.tied([sys.executable, "-c", *map(str, command)]), stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert "running\n" in iter(run.stdout.readline, ""), "it ended before it ran"
        assert len(lifelines.carrying(mark)) > 1
    finally:
        run.kill()
        run.wait()
    end = time.monotonic() + PATIENCE
    while (left := lifelines.carrying(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def test_forks_end_with_a_killed_run(root):
    assert left_behind(root, FORK, root / "tests") == []


@pytest.mark.slow
def test_a_server_and_its_warm_kernels_end_with_a_killed_run(root, tmp_path):
    assert left_behind(root, SERVER_AND_KERNEL, root / "tests", tmp_path) == []
