"""Processes that end with the test run, however it ends: normally, by an error, by SIGTERM or by SIGKILL.

On Linux, a process asks the kernel for a signal when its parent dies (prctl). Elsewhere the fixtures end the processes
that they started, so only a killed run leaves processes behind.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

AVAILABLE = sys.platform == "linux"

# -I -S for a quick start without the environment. The parent may have died before prctl was called.
_TIE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, int(sys.argv[2]))
os.getppid() == int(sys.argv[1]) or sys.exit(1)
os.execv(sys.argv[3], sys.argv[3:])
"""


def tied(command: Sequence[str], sent: int = signal.SIGTERM) -> list[str]:
    """Return the command, modified so that its process gets the signal `sent` when the thread that started it has
    ended."""
    if not AVAILABLE:
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), str(int(sent)), *command]


def tie_fork(parent: int) -> None:
    """Call this in a fork, so that it is killed when its parent (given by process id) dies."""
    if AVAILABLE:
        import ctypes

        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(1)


def wait_or_orphaned(connection: socket.socket) -> None:
    """Wait until the other side closes the connection or the parent of this process has died."""
    parent = os.getppid()
    while os.getppid() == parent:
        if select.select([connection], [], [], 1.0)[0]:
            return


def carrying(mark: str) -> list[int]:
    """Return the ids of processes that were started with `mark` in their environment (Linux)."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue  # it has ended, or belongs to another user
    return found
