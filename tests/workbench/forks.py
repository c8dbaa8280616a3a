"""Processes without import time: they are forks of one process that has imported the required modules.

This module manages the forking process and the commands to it. A fork of the test process would inherit its threads.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import warmkernels

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 600  # seconds after which a child ends itself

SERVER = """
import gc, json, os, signal, sys, traceback
sys.path.insert(0, sys.argv[2])
import lifelines
sys.path.pop(0)
exec(sys.argv[1])
gc.freeze()
for line in sys.stdin:
    order = json.loads(line)
    if "wait" in order:
        print(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]), flush=True)
        continue
    out, errors = os.open(order["out"], os.O_WRONLY), os.open(order["errors"], os.O_WRONLY | os.O_CREAT)
    parent = os.getpid()
    child = os.fork()
    if child:
        os.close(out)
        os.close(errors)
        print(child, flush=True)
        continue
    code = 1
    try:
        lifelines.tie_fork(parent)
        signal.alarm(order["limit"])
        os.dup2(out, 1)
        os.dup2(errors, 2)
        os.close(out)
        os.environ.update(order["environment"])
        sys.argv = ["-c", *order["arguments"]]
        exec(compile(order["code"], "<child>", "exec"), {"__name__": "__main__"})
        sys.stdout.flush()
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)
"""


class Child:
    """One forked process; `stdout` is a text file that ends with it."""

    def __init__(self, forks: Forks, pid: int, stdout, errors: Path) -> None:
        self._forks, self.pid, self.stdout, self._errors = forks, pid, stdout, errors

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end and return its exit status, negative for a signal (as `Popen.returncode`)."""
        status = int(self._forks.ask({"wait": self.pid}))
        self.stdout.close()
        return status

    def errors(self) -> str:
        return self._errors.read_text()


class Forks:
    """Start a process with the imports that its children need; `start` then takes milliseconds.

    Parameters
    ----------
    imports : statements. warm : the process may have more imports, those of kernels (`warmkernels`), if there is one.
    """

    def __init__(self, imports: str, *, warm: bool = False) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self._folder = tempfile.TemporaryDirectory()
        self._count = 0
        self._server, arguments = None, (imports, str(ROOT / "tests"))
        self._warm = warmkernels.connected(SERVER, *arguments, environment=environment) if warm else None
        if self._warm:
            self._in, self._out = (self._warm.makefile(mode, encoding="utf-8") for mode in "wr")
            return
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._in, self._out = self._server.stdin, self._server.stdout

    def ask(self, order: dict) -> str:
        self._in.write(json.dumps(order) + "\n")
        self._in.flush()
        return self._out.readline()

    def start(self, code: str, *arguments: object, environment: dict[str, str] | None = None) -> Child:
        """Run `code` in a fork, like `python -c code arguments`."""
        self._count += 1
        out = Path(self._folder.name) / f"{self._count}.out"
        errors = out.with_suffix(".errors")
        os.mkfifo(out)
        reading = os.open(out, os.O_RDONLY | os.O_NONBLOCK)  # so that neither side waits for the other to open
        os.set_blocking(reading, True)
        order = {"code": code, "arguments": [str(argument) for argument in arguments], "limit": LIMIT}
        pid = int(self.ask(order | {"environment": environment or {}, "out": str(out), "errors": str(errors)}))
        return Child(self, pid, open(reading), errors)

    def close(self) -> None:
        self._in.close()
        if self._server:
            self._server.wait(LIMIT)
        else:
            self._warm.shutdown(socket.SHUT_WR)
            assert self._out.read() == "", "the process printed more than answers"
            self._warm.close()
        self._out.close()
        self._folder.cleanup()
