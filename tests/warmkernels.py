"""Jupyter kernels that start at once: forks of a process that has imported the heavy packages.

A new kernel spends most of the time of a lesson on importing the same packages, ours among them. A forked kernel is a
separate process, with its own namespace, folder, environment and connection.

`main` is the forking process; it imports the packages on the first request. Jupyter starts `attach` instead of a
kernel: it requests a fork and lives as long as the fork; when it is killed or its parent dies, the fork ends. Only for
systems that fork reliably (`AVAILABLE`). A fork can also run a program for tests, which begins with these imports
(`connected`).
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import lifelines

sys.path.pop(0)

AVAILABLE = sys.platform == "linux"
READY = b"ready\n"
DOOR = "door"  # the socket in the folder
WARM = "warm"  # the file beside it that exists after the imports
FOLDER = "LABEL_WORKBENCH_WARM_KERNELS"  # in the environment of a run
COLD = "LABEL_WORKBENCH_COLD_KERNELS"  # in the environment: kernels import other packages themselves


def start() -> tuple[str, object]:
    """Return the folder for JUPYTER_PATH, whose kernel `python3` is a fork, and the forking process (to be killed)."""
    import subprocess
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="kernels-"))  # not pytest's: the address of a socket must be short
    door = str(folder / DOOR)
    command = [sys.executable, "-I", "-S", __file__, door, "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python", "interrupt_mode": "message"}
    (folder / "kernels" / "python3").mkdir(parents=True)
    (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    one = {"OMP_NUM_THREADS": "1"} | os.environ  # two threads that wait for each other cost tenfold on busy cores
    process = subprocess.Popen([sys.executable, __file__, door], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=one)
    assert process.stdout.readline() == READY, "it did not start: see the error above"
    return str(folder), process


def knock(folder: str) -> None:
    """Wait until the process has completed its imports."""
    with socket.socket(socket.AF_UNIX) as kernel:
        kernel.connect(str(Path(folder) / DOOR))
        kernel.sendall(b"{}\n")
        assert kernel.makefile("rb").readline() == READY, "it could not import: see the error above"


def connected(program: str, *arguments: str, environment: Mapping[str, str]) -> socket.socket | None:
    """Return the standard input and output of a fork that runs `program` with the arguments; None before the imports.

    Tests that run alone do not wait for packages that they do not need.
    """
    folder = os.environ.get(FOLDER)
    if not folder or not Path(folder, WARM).exists():
        return None
    asking = socket.socket(socket.AF_UNIX)
    asking.connect(str(Path(folder, DOOR)))
    asked = {"folder": os.getcwd(), "environment": dict(environment), "arguments": arguments, "program": program}
    asking.sendall(json.dumps(asked).encode() + b"\n")
    return asking


def attach(door: str, *arguments: str) -> None:
    """Request a kernel with these arguments and this process's folder and environment, and wait until it ends."""
    with socket.socket(socket.AF_UNIX) as kernel:
        kernel.connect(door)
        asked = {"folder": os.getcwd(), "environment": dict(os.environ), "arguments": arguments}
        kernel.sendall(json.dumps(asked).encode() + b"\n")
        lifelines.wait_or_orphaned(kernel)


def main(address: str) -> None:
    """Fork on request, until standard input is closed."""
    sys.path.pop(0)  # the folder of this file
    warm = COLD in os.environ
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        os.write(sys.stdout.fileno(), READY)
        while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
            asking, _ = door.accept()
            if not warm:
                imports()
                gc.freeze()  # forks do not go through what is imported, and share its memory
                Path(address).with_name(WARM).touch()
                warm = True
            if os.fork() == 0:
                door.close()
                kernel(asking)
                return
            asking.close()


def imports() -> None:
    """Import the packages of lessons and the Explorer, including their lazy imports, and this project."""
    import anywidget  # noqa: F401
    import ipykernel.kernelapp  # noqa: F401
    import nbformat  # noqa: F401 (plotly, when a figure is shown)
    import pandas  # noqa: F401
    import PIL.Image  # noqa: F401
    import plotly.graph_objects as go
    import pyarrow.parquet  # noqa: F401
    import sklearn.datasets
    import sklearn.decomposition
    import sklearn.ensemble
    import sklearn.linear_model
    import sklearn.neighbors
    import sklearn.neural_network
    import sklearn.svm  # noqa: F401
    import torch
    import tqdm.auto  # noqa: F401
    import umap  # noqa: F401 (imported, not run: threads that it starts would not be in the forks)

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import widgets
    import workbench

    sys.path.pop(0)
    assert widgets.Explorer and all(hasattr(workbench, name) for name in workbench.__all__)  # names are lazy
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    go.Figure(go.Scatter(y=[0, 1])).to_json()


def kernel(asking: socket.socket) -> None:
    """Run as the requested kernel or program; return when it is shut down."""
    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    with asking.makefile("rb", buffering=0) as lines:
        asked = json.loads(lines.readline())
    if not asked:  # a first request
        asking.sendall(READY)
        os._exit(0)
    asked["environment"].pop("JPY_PARENT_PID", None)  # the parent of `attach`, which is not ours
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    os.chdir(asked["folder"])
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    np.random.seed()  # noqa: NPY002 (otherwise all forks draw the same numbers)
    if "program" in asked:
        run(asked["program"], asked["arguments"], asking)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    threading.Thread(target=lambda: (asking.recv(1), os._exit(1)), daemon=True).start()
    IPKernelApp.launch_instance(argv=[*asked["arguments"], "--log-level=ERROR"])


def run(program: str, arguments: list[str], asking: socket.socket) -> None:
    """Run a program whose standard input and output are the connection, and end."""
    for descriptor in (0, 1):
        os.dup2(asking.fileno(), descriptor)
    asking.close()
    sys.stdin, sys.stdout = (os.fdopen(at, mode, encoding="utf-8", closefd=False) for at, mode in enumerate("rw"))
    sys.argv = ["-c", *arguments]
    try:
        exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    attach(*sys.argv[1:]) if len(sys.argv) > 2 else main(*sys.argv[1:])
