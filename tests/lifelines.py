"""Processes that end when the test run does, however it ends: by itself, by an error, by SIGTERM or by SIGKILL.

Where the system can, a process asks the kernel for a signal on the death of its parent (prctl, Linux). Elsewhere the
fixtures end what they started; only a run that was killed leaves something behind there.
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

# -I -S: nothing of the environment is needed, and it starts at once. The parent may have died before prctl was called.
_TIE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, int(sys.argv[2]))
os.getppid() == int(sys.argv[1]) or sys.exit(1)
os.execv(sys.argv[3], sys.argv[3:])
"""


def tied(command: Sequence[str], sent: int = signal.SIGTERM) -> list[str]:
    """The command, whose process gets the signal `sent` when the thread of this process that starts it has ended."""
    if not AVAILABLE:
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), str(int(sent)), *command]


def tie_fork(parent: int) -> None:
    """To be called in a fork: it is killed when its parent (by process number) has died."""
    if AVAILABLE:
        import ctypes

        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(1)


def wait_or_orphaned(connection: socket.socket) -> None:
    """Wait until the other side closes the connection or the parent of this process is another one: it has died."""
    parent = os.getppid()
    while os.getppid() == parent:
        if select.select([connection], [], [], 1.0)[0]:
            return


def carrying(mark: str) -> list[int]:
    """Process numbers of all that have `mark` in the environment they were started with (Linux)."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue  # it ended meanwhile, or belongs to somebody else
    return found
